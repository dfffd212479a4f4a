"""Choose the better ending with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp

from distilbert import AutoTokenizer, FlaxDistilBertForMultipleChoice
from distilbert.flax.losses import choice_loss

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertForMultipleChoice.from_pretrained(source)
prompt = "In Italy, pizza served in formal settings is presented unsliced."
endings = ["It is eaten with a fork and a knife.", "It is eaten while held in the hand."]
encoding = tokenizer([prompt] * 2, endings, padding=True, return_tensors="jax")
inputs = {name: value[None] for name, value in encoding.items()}  # (B, C, S)
logits = model(**inputs).logits  # (B, C)
print(endings[int(logits[0].argmax())])
print(f"loss {float(choice_loss(logits, jnp.array([0]))):.3f}")
