"""Fine-tune a masked language model with PyTorch; arguments: a model and a new folder."""

import sys
from pathlib import Path

from distilbert import AutoTokenizer, DistilBertForMaskedLM, finetune

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
output = sys.argv[2] if len(sys.argv) > 2 else "my-masked-lm"
rows = Path(__file__).parents[2] / "recipes" / "tiny" / "data"
result = finetune(
    task="masked-lm",
    model=source,
    train=str(rows / "texts.train.txt"),
    dev=str(rows / "texts.dev.txt"),
    output=output,
    framework="torch",
    epochs=2,
    learning_rate=1e-4,
    max_length=16,
)
print(result.metric, f"{result.best_score:.3f}")
tokenizer = AutoTokenizer.from_pretrained(output)
model = DistilBertForMaskedLM.from_pretrained(output)
inputs = tokenizer("the film was [MASK] .", return_tensors="pt")
print("shape", tuple(model(**inputs).logits.shape))
