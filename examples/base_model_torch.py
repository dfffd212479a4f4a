"""One vector per sentence with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertModel

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertModel.from_pretrained(source)
inputs = tokenizer(["Hello, my dog is cute", "A cat"], padding=True, return_tensors="pt")
with torch.no_grad():
    hidden = model(**inputs).last_hidden_state  # (B, S, D)
mask = inputs.attention_mask[..., None].to(hidden.dtype)
vectors = (hidden * mask).sum(1) / mask.sum(1)  # (B, D)
similarity = torch.cosine_similarity(vectors[0], vectors[1], dim=0)
print(tuple(hidden.shape), f"{float(similarity):.3f}")
