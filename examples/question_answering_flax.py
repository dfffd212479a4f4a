"""Find the answer in a passage with Flax; the first argument may name a model."""

import sys

import jax.numpy as jnp

from distilbert import AutoTokenizer, FlaxDistilBertForQuestionAnswering
from distilbert.flax.losses import span_loss

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-cased-distilled-squad"
tokenizer = AutoTokenizer.from_pretrained(source)
model = FlaxDistilBertForQuestionAnswering.from_pretrained(source)
inputs = tokenizer("Who was Jim Henson?", "Jim Henson was a nice puppet", return_tensors="jax")
outputs = model(**inputs)
start, end = (int(scores[0].argmax()) for scores in outputs[:2])  # scores (B, S)
print(repr(tokenizer.decode(inputs.input_ids[0, start : end + 1])))
loss = span_loss(outputs.start_logits, outputs.end_logits, jnp.array([11]), jnp.array([12]))
print(f"loss {float(loss):.3f}")
