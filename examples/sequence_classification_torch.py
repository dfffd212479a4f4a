"""Classify a sentence with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertForSequenceClassification

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased-finetuned-sst-2-english"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertForSequenceClassification.from_pretrained(source)
inputs = tokenizer("Hello, my dog is cute", return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits  # (B, N)
probability, label = logits.softmax(-1)[0].max(-1)
print(model.config.id2label[int(label)], f"{float(probability):.3f}")
print(f"loss {model(**inputs, labels=torch.tensor([1])).loss.item():.3f}")
