"""Label every token with TensorFlow; the first argument may name a model."""

import sys

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForTokenClassification

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = TFDistilBertForTokenClassification.from_pretrained(source)
inputs = tokenizer("HuggingFace is a company based in Paris", return_tensors="tf")
logits = model(inputs).logits  # (B, S, N)
labels = tf.argmax(logits, axis=-1)  # (B, S)
print([model.config.id2label[int(label)] for label in labels[0]])
print(f"loss {float(model(**inputs, labels=labels).loss[0]):.3f}")
