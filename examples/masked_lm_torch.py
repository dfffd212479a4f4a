"""Fill in a missing word with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertForMaskedLM

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertForMaskedLM.from_pretrained(source)
inputs = tokenizer("The capital of France is [MASK].", return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits  # (B, S, V)
place = (inputs.input_ids[0] == tokenizer.mask_token_id).nonzero().item()
print(tokenizer.decode(logits[0, place].topk(3).indices))

answer = tokenizer("The capital of France is Paris.", return_tensors="pt").input_ids
labels = torch.where(inputs.input_ids == tokenizer.mask_token_id, answer, -100)
print(f"loss {model(**inputs, labels=labels).loss.item():.3f}")
