"""One vector per sentence with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp

from distilbert import AutoTokenizer, FlaxDistilBertModel

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertModel.from_pretrained(source)
inputs = tokenizer(["Hello, my dog is cute", "A cat"], padding=True, return_tensors="jax")
hidden = model(**inputs).last_hidden_state  # (B, S, D)
mask = inputs.attention_mask[..., None].astype(hidden.dtype)
vectors = (hidden * mask).sum(1) / mask.sum(1)  # (B, D)
unit = vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
print(tuple(hidden.shape), f"{float(unit[0] @ unit[1]):.3f}")
