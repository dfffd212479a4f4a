"""Label every token with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp

from distilbert import AutoTokenizer, FlaxDistilBertForTokenClassification
from distilbert.flax.losses import token_loss

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertForTokenClassification.from_pretrained(source)
inputs = tokenizer("HuggingFace is a company based in Paris", return_tensors="jax")
logits = model(**inputs).logits  # (B, S, N)
labels = jnp.argmax(logits, axis=-1)  # (B, S)
print([model.config.id2label[int(label)] for label in labels[0]])
print(f"loss {float(token_loss(logits, labels)):.3f}")
