"""Fill in a missing word with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForMaskedLM

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertForMaskedLM.from_pretrained(source)
inputs = tokenizer("The capital of France is [MASK].", return_tensors="tf")
logits = model(inputs).logits  # (B, S, V)
place = int(tf.where(inputs.input_ids[0] == tokenizer.mask_token_id)[0, 0])
print(tokenizer.decode(tf.math.top_k(logits[0, place], 3).indices))

answer = tokenizer("The capital of France is Paris.", return_tensors="tf").input_ids
labels = tf.where(inputs.input_ids == tokenizer.mask_token_id, answer, -100)
print(f"loss {float(tf.reduce_mean(model(**inputs, labels=labels).loss)):.3f}")
