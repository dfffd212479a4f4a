"""What is wrong with a card, in sentences: bad values, unknown names.

Knows nothing of files. Every problem is named, not only the first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from distilbert.training.card import TOP, Card, plain_value

# Type of pydantic's error -> the rule that was broken, with names of its context.
RULES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list of strings",
    "literal_error": "{expected}",
    "finite_number": "a finite number",
    "string_unicode": "a string that UTF-8 can encode",
    "string_too_short": "a string that is not empty",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
}
LONGEST_VALUE = 60
# Names that other trainers have for a field -> ours.
OTHER_NAMES = {
    "lr": "learning_rate",
    "num_train_epochs": "epochs",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "train_batch_size": "batch_size",
    "per_device_eval_batch_size": "eval_batch_tokens",
    "gradient_accumulation_steps": "accumulation",
    "lr_scheduler_type": "schedule",
    "warmup_ratio": "warmup",
    "warmup_steps": "warmup",
    "adam_beta1": "beta1",
    "adam_beta2": "beta2",
    "adam_epsilon": "epsilon",
    "label_smoothing_factor": "label_smoothing",
    "bf16": "precision",
    "fp16": "precision",
    "max_seq_length": "max_length",
    "max_seq_len": "max_length",
    "doc_stride": "overlap",
    "model_name_or_path": "model",
    "checkpoint": "model",
    "output_dir": "output",
    "train_file": "train",
    "train_dataset": "train",
    "train_data": "train",
    "validation_file": "dev",
    "validation": "dev",
    "eval_dataset": "dev",
    "valid": "dev",
    "val": "dev",
    "test_file": "test",
    "validation_split": "dev_split",
    "test_size": "dev_split",
    "text_column": "text",
    "text_column_name": "text",
    "label_column": "label",
    "label_column_name": "label",
    "num_labels": "labels",
    "label_names": "labels",
    "metric_for_best_model": "metric",
    "early_stopping_patience": "patience",
    "eval_steps": "evaluate_every",
    "save_steps": "checkpoint_every",
    "save_total_limit": "keep_checkpoints",
    "logging_steps": "log_every",
    "report_to": "trackers",
}
# A section of earlier versions, and those that have its fields now.
OLD_SECTIONS, NEW_SECTIONS = ("windows",), ("[inputs]", "[objective]", "[evaluation]")


def read_value(kind: type[Card], name: str, value: Any) -> tuple[Any, str | None]:
    """`value` as the field `name` of a card holds it, and what is wrong with it, or None."""
    value = plain_value(value)
    try:
        return _adapter(kind, name).validate_python(value), None
    except ValidationError as error:
        return value, _wrong_value(name, error.errors()[0])


@cache
def _adapter(kind: type[Card], name: str) -> TypeAdapter[Any]:
    field = kind.fields()[name][1]
    of: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(of, config=ConfigDict(strict=True, allow_inf_nan=False))


def problems_of(error: ValidationError, kind: type[Card]) -> list[str]:
    """A sentence for every problem of a card, after the section it is in."""
    found = []
    sections = [*kind.sections(), *OLD_SECTIONS]
    tables = {(name,) for name in (*sections, *kind.tables)}
    for one in error.errors():
        path = one["loc"]
        section = path[0] if path[0] in sections else TOP
        if one["type"] in ("extra_forbidden", "invalid_key"):
            sentences = _misplaced(kind, path[-1], section, one["input"])
        elif path in tables:
            sentences = [f"`[{path[0]}]` must be a table: got {_text(one['input'])}."]
            section = TOP
        else:
            sentences = [_wrong_value(path[1] if section else path[0], one)]
        found += [(section, sentence) for sentence in sentences]
    found.sort(key=lambda pair: [TOP, *sections].index(pair[0]))
    return [f"[{section}] {sentence}" if section else sentence for section, sentence in found]


def _misplaced(kind: type[Card], name: Any, section: Any, value: Any) -> list[str]:
    """Sentences on a key that its section does not have."""
    known = kind.fields()
    if name in OLD_SECTIONS:
        keys = [key for key in (value if isinstance(value, dict) else ()) if key in known]
        places = [f"`{key}` to [{known[key][0]}]" for key in keys]
        moves = f" Move {', '.join(places)}." if places else ""
        return [f"this section was split into {', '.join(NEW_SECTIONS)}.{moves}"]
    if name in known:
        place = known[name][0]
        return [f"`{name}` belongs {f'to [{place}]' if place else 'above all sections'}."]
    near = [key for key, (place, _) in known.items() if place == section]
    near = near if section else [*near, *kind.sections(), *kind.tables]
    return [unknown_field(kind, name, near)]


def unknown_field(kind: type[Card], name: Any, known: Iterable[str] = ()) -> str:
    """The sentence on a name that no field has, with the nearest one, those of `known` first."""
    fields, usual = kind.fields(), OTHER_NAMES.get(str(name))
    if usual in fields:
        return f"`{name}` is not a field of a run card. Use `{usual}`."
    for names in (known, fields):
        near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.5)
        if near:
            return f"`{name}` is not a field of a run card. Nearest: `{near[0]}`."
    return f"`{name}` is not a field of a run card."


def _wrong_value(name: Any, error: Any) -> str:
    bounds = {
        key: int(bound) if isinstance(bound, float) and bound.is_integer() else bound
        for key, bound in error.get("ctx", {}).items()
    }
    rule = RULES[error["type"]].format(**bounds)
    return f"`{name}` must be {rule}: got {_text(error['input'])}."


def _text(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
