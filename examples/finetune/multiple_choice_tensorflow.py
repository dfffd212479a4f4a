"""Fine-tune a multiple-choice model with TensorFlow; arguments: a model and a new folder."""

import sys
from pathlib import Path

import tensorflow as tf

from distilbert import AutoTokenizer, TFDistilBertForMultipleChoice, finetune

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
output = sys.argv[2] if len(sys.argv) > 2 else "my-multiple-choice"
rows = Path(__file__).parents[2] / "recipes" / "tiny" / "data"
result = finetune(
    task="multiple-choice",
    model=source,
    train=str(rows / "endings.train.jsonl"),
    dev=str(rows / "endings.dev.jsonl"),
    output=output,
    framework="tensorflow",
    epochs=2,
    learning_rate=1e-4,
    max_length=16,
)
print(result.metric, f"{result.best_score:.3f}")
tokenizer = AutoTokenizer.from_pretrained(output)
model = TFDistilBertForMultipleChoice.from_pretrained(output)
endings = ["the trip was kind", "the meal was sad"]
pairs = tokenizer(["she smiled because"] * 2, endings, padding=True, return_tensors="np")
inputs = {name: tf.constant(array[None]) for name, array in pairs.items()}  # (1, 2, S)
print("shape", tuple(model(**inputs).logits.shape))
