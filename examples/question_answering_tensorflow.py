"""Find the answer in a passage with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForQuestionAnswering

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-cased-distilled-squad"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertForQuestionAnswering.from_pretrained(source)
inputs = tokenizer("Who was Jim Henson?", "Jim Henson was a nice puppet", return_tensors="tf")
outputs = model(inputs)
start, end = (int(tf.argmax(scores[0])) for scores in outputs[:2])  # scores (B, S)
print(repr(tokenizer.decode(inputs.input_ids[0, start : end + 1])))
target = {"start_positions": tf.constant([11]), "end_positions": tf.constant([12])}
print(f"loss {float(model(**inputs, **target).loss[0]):.3f}")
