"""Classify a sentence with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp
from jax import nn

from distilbert import AutoTokenizer, FlaxDistilBertForSequenceClassification
from distilbert.flax.losses import sequence_loss

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased-finetuned-sst-2-english"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertForSequenceClassification.from_pretrained(source)
inputs = tokenizer("Hello, my dog is cute", return_tensors="jax")
logits = model(**inputs).logits  # (B, N)
probabilities = nn.softmax(logits)[0]
print(model.config.id2label[int(logits[0].argmax())], f"{float(probabilities.max()):.3f}")
print(f"loss {float(sequence_loss(logits, jnp.array([1]), problem_type=None)):.3f}")
