"""Choose the better ending with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForMultipleChoice

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertForMultipleChoice.from_pretrained(source)
prompt = "In Italy, pizza served in formal settings is presented unsliced."
endings = ["It is eaten with a fork and a knife.", "It is eaten while held in the hand."]
encoding = tokenizer([prompt] * 2, endings, padding=True, return_tensors="tf")
inputs = {name: value[None] for name, value in encoding.items()}  # (B, C, S)
logits = model(inputs).logits  # (B, C)
print(endings[int(tf.argmax(logits[0]))])
print(f"loss {float(model({**inputs, 'labels': tf.constant([0])}).loss[0]):.3f}")
