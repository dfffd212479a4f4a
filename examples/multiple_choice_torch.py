"""Choose the better ending with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertForMultipleChoice

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertForMultipleChoice.from_pretrained(source)
prompt = "In Italy, pizza served in formal settings is presented unsliced."
endings = ["It is eaten with a fork and a knife.", "It is eaten while held in the hand."]
encoding = tokenizer([prompt] * 2, endings, padding=True, return_tensors="pt")
inputs = {name: value[None] for name, value in encoding.items()}  # (B, C, S)
with torch.no_grad():
    logits = model(**inputs).logits  # (B, C)
print(endings[int(logits[0].argmax())])
print(f"loss {model(**inputs, labels=torch.tensor([0])).loss.item():.3f}")
