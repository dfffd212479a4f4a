"""Fine-tune a question-answering model with Flax; arguments: a model and a new folder."""

import sys
from pathlib import Path

from distilbert import AutoTokenizer, FlaxDistilBertForQuestionAnswering, finetune

source = sys.argv[1] if len(sys.argv) > 1 else "distilbert-base-uncased"
output = sys.argv[2] if len(sys.argv) > 2 else "my-question-answering"
rows = Path(__file__).parents[2] / "recipes" / "tiny" / "data"
result = finetune(
    task="question-answering",
    model=source,
    train=str(rows / "questions.train.json"),
    dev=str(rows / "questions.dev.json"),
    output=output,
    framework="flax",
    epochs=2,
    learning_rate=1e-4,
    max_length=32,
)
print(result.metric, f"{result.best_score:.3f}")
tokenizer = AutoTokenizer.from_pretrained(output)
model = FlaxDistilBertForQuestionAnswering.from_pretrained(output)
inputs = tokenizer("who lives here ?", "anna lives here .", return_tensors="jax")
print("shape", tuple(model(**inputs).start_logits.shape))
