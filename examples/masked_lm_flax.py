"""Fill in a missing word with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp

from distilbert import AutoTokenizer, FlaxDistilBertForMaskedLM
from distilbert.flax.losses import token_loss

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertForMaskedLM.from_pretrained(source)
inputs = tokenizer("The capital of France is [MASK].", return_tensors="jax")
logits = model(**inputs).logits  # (B, S, V)
place = int(jnp.argmax(inputs.input_ids[0] == tokenizer.mask_token_id))
print(tokenizer.decode(jnp.argsort(-logits[0, place])[:3]))

answer = tokenizer("The capital of France is Paris.", return_tensors="jax").input_ids
labels = jnp.where(inputs.input_ids == tokenizer.mask_token_id, answer, -100)
print(f"loss {float(token_loss(logits, labels)):.3f}")
