"""Label every token with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertForTokenClassification

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertForTokenClassification.from_pretrained(source)
inputs = tokenizer("HuggingFace is a company based in Paris", return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits  # (B, S, N)
labels = logits.argmax(-1)  # (B, S)
print([model.config.id2label[int(label)] for label in labels[0]])
print(f"loss {model(**inputs, labels=labels).loss.item():.3f}")
