"""The rules of a run card's values: types, ranges, and what may not stand together.

Knows nothing of files. Every rule that is broken is told, not only the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any, get_args, get_origin

from distilbert.training.run_card import RunCard

TASKS = (
    "text-classification",
    "token-classification",
    "masked-lm",
    "question-answering",
    "multiple-choice",
)
# Field -> the words it may hold.
WORDS: dict[str, tuple[str, ...]] = {
    "task": TASKS,
    "framework": ("torch", "tensorflow", "flax"),
    "data_format": (*("csv", "tsv", "jsonl", "json", "parquet", "conll", "squad", "trec", "text"),),
    "glue": ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"),
    "long_texts": ("windows", "cut"),
    "problem_type": (*("single_label_classification", "multi_label_classification", "regression"),),
    "class_weights": ("balanced",),
    "schedule": ("linear", "cosine", "wsd", "constant"),
    "precision": ("float32", "bfloat16"),
    "parallel": ("ddp", "fsdp"),
    "trackers": ("mlflow", "wandb", "trackio"),
}
Range = tuple[str, Callable[[float], bool]]
POSITIVE: Range = ("more than 0", lambda value: value > 0)
NOT_NEGATIVE: Range = ("0 or more", lambda value: value >= 0)
SHARE: Range = ("between 0 and 1", lambda value: 0 <= value <= 1)
BELOW_ONE: Range = ("at least 0 and less than 1", lambda value: 0 <= value < 1)
FACTOR: Range = ("more than 0 and at most 1", lambda value: 0 < value <= 1)
COUNT: Range = ("1 or more", lambda value: value >= 1)
# Field -> its range. A field without a row may hold any value of its type.
RANGES: dict[str, Range] = {
    "seed": ("at least 0 and below 2 ** 32", lambda value: 0 <= value < 2**32),
    **dict.fromkeys(("epochs", "learning_rate", "epsilon", "temperature", "lora_alpha"), POSITIVE),
    **dict.fromkeys(("evaluate_every",), POSITIVE),
    **dict.fromkeys(
        ("overlap", "weight_decay", "max_grad_norm", "r_drop", "lora_rank"), NOT_NEGATIVE
    ),
    **dict.fromkeys(("warmup", "decay", "teacher_weight"), SHARE),
    **dict.fromkeys(
        ("beta1", "beta2", "ema", "label_smoothing", "dropout", "lora_dropout"), BELOW_ONE
    ),
    **dict.fromkeys(("layer_decay", "mask_probability"), FACTOR),
    **dict.fromkeys(("max_train_rows", "max_dev_rows", "max_steps", "batch_size"), COUNT),
    **dict.fromkeys(("batch_tokens", "accumulation", "max_question_length", "n_best"), COUNT),
    **dict.fromkeys(("max_answer_length", "patience", "checkpoint_every"), COUNT),
    **dict.fromkeys(("keep_checkpoints", "eval_batch_tokens", "log_every", "bootstrap"), COUNT),
    "max_length": ("3 or more", lambda value: value >= 3),  # [CLS], one token, [SEP]
}


def read_value(name: str, kind: Any, value: Any) -> tuple[Any, str | None]:
    """`value` as the field `name` of type `kind` holds it, and what is wrong with it, or None."""
    optional = type(None) in get_args(kind)
    if value is None and optional:
        return None, None
    if optional:
        kind = next(one for one in get_args(kind) if one is not type(None))
    value = _plain(kind, value)
    wrong = _wrong_type(name, kind, value) or _wrong_word(name, value) or _out_of_range(name, value)
    return value, wrong


def _plain(kind: Any, value: Any) -> Any:
    """`value` as TOML would hold it: no path objects, no numbers of NumPy; or as it is."""
    match value:
        case bool():
            return value
        case Integral() if kind is int:
            return int(value)
        case Real() if kind is float:
            try:
                return float(value)
            except OverflowError:  # a whole number beyond all floats
                return math.inf
        case PathLike() if kind is str:
            return fspath(value)
        case list() if get_origin(kind) is tuple:
            return tuple(value)
    return value


def _wrong_type(name: str, kind: Any, value: Any) -> str | None:
    if get_origin(kind) is tuple:
        fits = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        return None if fits else f"`{name}` must be a list of strings: got {value!r}."
    nouns = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if fits and kind is float and not math.isfinite(value):
        return f"`{name}` must be a finite number: got {value}."
    if isinstance(value, str) and fits and not _is_unicode(value):
        return f"`{name}` must be a string that UTF-8 can hold: got {value!r}."
    return None if fits else f"`{name}` must be {nouns[kind]}: got {value!r}."


def _is_unicode(text: str) -> bool:
    """False for what a name of a file with undecodable bytes becomes: a card cannot hold it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _wrong_word(name: str, value: Any) -> str | None:
    if name not in WORDS:
        return None
    given = value if isinstance(value, tuple) else (value,)
    unknown = [one for one in given if one not in WORDS[name]]
    if not unknown:
        return None
    return f"`{name}` must be one of {', '.join(WORDS[name])}: got {', '.join(map(repr, unknown))}."


def _out_of_range(name: str, value: Any) -> str | None:
    if name not in RANGES or RANGES[name][1](value):
        return None
    return f"`{name}` must be {RANGES[name][0]}: got {value}."


def conflicts(card: RunCard) -> list[str]:
    """What is wrong between fields that are each right alone."""
    framework, options, labels = card.framework, card.optimization, card.data.labels
    found: dict[str, bool] = {
        "`overlap` must be less than `max_length`: got "
        f"overlap={card.windows.overlap}, max_length={card.windows.max_length}.": (
            card.windows.overlap is not None and card.windows.overlap >= card.windows.max_length
        ),
        "`lora_rank` needs PyTorch: got "
        f'framework={framework!r}. Use `framework = "torch"` or lora_rank = 0.': (
            card.lora.lora_rank > 0 and framework in ("tensorflow", "flax")
        ),
        "`teacher` needs PyTorch: got "
        f'framework={framework!r}. Use `framework = "torch"` or leave it out.': (
            card.distillation.teacher is not None and framework in ("tensorflow", "flax")
        ),
        "`gradient_checkpointing` cannot be used with TensorFlow: use torch or flax, or false.": (
            options.gradient_checkpointing and framework == "tensorflow"
        ),
        "`patience` needs dev rows, to tell whether the score gets better: got no `dev`.": (
            card.run.patience is not None and card.data.dev is None and card.data.train is not None
        ),
        f"`labels` must differ from each other: got {', '.join(labels)}.": (
            len(set(labels)) < len(labels)
        ),
        f"`glue` counts only for text-classification: got task={card.task!r}.": (
            card.data.glue is not None and card.task != "text-classification"
        ),
    }
    return [sentence for sentence, broken in found.items() if broken]


def by_section(found: Mapping[str, list[str]]) -> str:
    """All sentences, one a line, behind the section they belong to."""
    lines = []
    for section, sentences in found.items():
        lines += [f"  [{section}] {one}" if section else f"  {one}" for one in sentences]
    return "\n".join(lines)
