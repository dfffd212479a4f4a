"""Find the answer in a passage with PyTorch; the first argument may name a model."""

import sys

import torch

from distilbert import AutoTokenizer, DistilBertForQuestionAnswering

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-cased-distilled-squad"
tokenizer = AutoTokenizer.from_pretrained(source)
model = DistilBertForQuestionAnswering.from_pretrained(source)
inputs = tokenizer("Who was Jim Henson?", "Jim Henson was a nice puppet", return_tensors="pt")
with torch.no_grad():
    outputs = model(**inputs)
start, end = (int(scores[0].argmax()) for scores in outputs[:2])  # scores (B, S)
print(repr(tokenizer.decode(inputs.input_ids[0, start : end + 1])))
target = {"start_positions": torch.tensor([11]), "end_positions": torch.tensor([12])}
print(f"loss {model(**inputs, **target).loss.item():.3f}")
