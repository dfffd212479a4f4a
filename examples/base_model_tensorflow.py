"""One vector per sentence with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertModel

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertModel.from_pretrained(source)
inputs = tokenizer(["Hello, my dog is cute", "A cat"], padding=True, return_tensors="tf")
hidden = model(inputs).last_hidden_state  # (B, S, D)
mask = tf.cast(inputs.attention_mask[..., None], hidden.dtype)
vectors = tf.reduce_sum(hidden * mask, 1) / tf.reduce_sum(mask, 1)  # (B, D)
unit = tf.linalg.l2_normalize(vectors, axis=-1)
print(tuple(hidden.shape), f"{float(tf.reduce_sum(unit[0] * unit[1])):.3f}")
