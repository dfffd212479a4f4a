"""Fine-tune a named-entity tagger with Flax; arguments: a model and a new folder."""

import sys
from pathlib import Path

from distilbert import AutoTokenizer, FlaxDistilBertForTokenClassification, finetune

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
output = sys.argv[2] if len(sys.argv) > 2 else "my-token-classification"
rows = Path(__file__).parents[2] / "recipes" / "tiny" / "data"
result = finetune(
    task="token-classification",
    model=source,
    train=str(rows / "names.train.conll"),
    dev=str(rows / "names.dev.conll"),
    output=output,
    framework="flax",
    epochs=2,
    learning_rate=1e-4,
    max_length=16,
)
print(result.metric, f"{result.best_score:.3f}")
tokenizer = AutoTokenizer.from_pretrained(output)
model = FlaxDistilBertForTokenClassification.from_pretrained(output)
inputs = tokenizer("anna lives in rome", return_tensors="jax")
print("shape", tuple(model(**inputs).logits.shape))
