"""Classify a sentence with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForSequenceClassification

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased-finetuned-sst-2-english"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertForSequenceClassification.from_pretrained(source)
inputs = tokenizer("Hello, my dog is cute", return_tensors="tf")
logits = model(inputs).logits  # (B, N)
probabilities = tf.nn.softmax(logits)[0]
print(model.config.id2label[int(tf.argmax(logits[0]))], f"{float(max(probabilities)):.3f}")
print(f"loss {float(model(**inputs, labels=tf.constant([1])).loss[0]):.3f}")
