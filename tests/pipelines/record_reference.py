"""Records what the pipelines of transformers 4.37.2 answer, into reference.json beside this file.

Run in an environment with transformers 4.37.2, from the root of the repository. The models are
the tiny random ones in tests/golden/doc. Only calls whose meaning we share are recorded.
"""

from __future__ import annotations

import json
from pathlib import Path

import transformers
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)

FOLDER = "tests/golden/doc/uncased"
TEXTS = [
    "Hello, my dog is cute.",
    "Jim Henson was a nice puppeteer of New York",
    "HuggingFace is based in Paris,  the capital of France?",
    "",
]
LONG = "Jim Henson was a nice puppet. The restaurant is formal and has a knife. " * 4
PAIR = {"text": "hello my dog", "text_pair": "the dog is cute"}
TAGS = {"id2label": {0: "I-PER", 1: "I-LOC"}, "label2id": {"I-PER": 0, "I-LOC": 1}}
QUESTION = "Who was Jim Henson?"

CALLS = [
    ("text-classification", TEXTS, {}),
    ("text-classification", TEXTS[0], {}),
    ("text-classification", TEXTS, {"top_k": None}),
    ("text-classification", TEXTS[0], {"top_k": 1}),
    ("text-classification", [PAIR], {"function_to_apply": "sigmoid", "top_k": 2}),
    ("text-classification", TEXTS[0], {"function_to_apply": "none", "top_k": None}),
    ("token-classification", TEXTS, {"aggregation_strategy": "none"}),
    ("token-classification", TEXTS[1], {"aggregation_strategy": "first"}),
    ("token-classification", TEXTS, {"aggregation_strategy": "average"}),
    ("token-classification", TEXTS, {"aggregation_strategy": "max"}),
    ("token-classification", TEXTS[1], {"aggregation_strategy": "max", "ignore_labels": ["PER"]}),
    ("fill-mask", "The [MASK] is cute.", {}),
    ("fill-mask", ["The [MASK] is cute.", "hello [MASK]"], {"top_k": 3}),
    ("fill-mask", "The [MASK] is cute.", {"targets": ["dog", "knife", "france"]}),
    ("question-answering", {"question": QUESTION, "context": TEXTS[1]}, {}),
    ("question-answering", {"question": QUESTION, "context": TEXTS[1]}, {"align_to_words": False}),
    (
        "question-answering",
        {"question": QUESTION, "context": TEXTS[1]},
        {"handle_impossible_answer": True, "max_answer_len": 3},
    ),
    (
        "question-answering",
        {"question": QUESTION, "context": TEXTS[2]},
        {"top_k": 3, "align_to_words": False},
    ),
    (
        "question-answering",
        {"question": QUESTION, "context": LONG},
        {"max_seq_len": 48, "doc_stride": 12},
    ),
    (
        "question-answering",
        {"question": QUESTION, "context": LONG},
        {"max_seq_len": 40, "doc_stride": 8, "handle_impossible_answer": True},
    ),
    ("feature-extraction", TEXTS[0], {}),
    ("feature-extraction", TEXTS[:2], {}),
]


def main() -> None:
    """Run every call and write inputs, options and results."""
    assert transformers.__version__ == "4.37.2"
    classes = {
        "text-classification": (AutoModelForSequenceClassification, {}),
        "token-classification": (AutoModelForTokenClassification, TAGS),
        "question-answering": (AutoModelForQuestionAnswering, {}),
    }
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.model_max_length = 64
    recorded = []
    for task, inputs, options in CALLS:
        model = FOLDER
        if task in classes:
            model_class, keywords = classes[task]
            model = model_class.from_pretrained(FOLDER, **keywords)
        result = pipeline(task, model=model, tokenizer=tokenizer)(inputs, **options)
        recorded.append({"task": task, "inputs": inputs, "options": options, "result": result})
    target = Path(__file__).with_name("reference.json")
    target.write_text(json.dumps(recorded, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
