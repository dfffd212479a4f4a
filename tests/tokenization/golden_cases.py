"""Runs the recorded tokenizer cases (format: tests/golden/tok/README.md) and compares results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.tokenization.base import TokenizerBase
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.tokenization.tensors import framework_of

CLASSES = {
    "DistilBertTokenizer": DistilBertTokenizer,
    "DistilBertTokenizerFast": DistilBertTokenizerFast,
}
FILES = ("text", "options", "api")

# Where this package does more than the recorded software on purpose (issue: offsets in both).
DONE_BETTER = {
    "slow_unc_slow_no_offsets": "the slow class gives offsets",
    "slow_cas_slow_no_offsets": "the slow class gives offsets",
    "slow_unc_slow_no_wordids": "the slow class gives word ids",
    "slow_cas_slow_no_wordids": "the slow class gives word ids",
}


def load_cases(folder: Path) -> list[dict[str, Any]]:
    """Every case of the three files in `folder`, each with the folder's vocabularies."""
    cases: list[dict[str, Any]] = []
    for name in FILES:
        cases += json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return cases


def frameworks_of(case: dict[str, Any]) -> set[str]:
    """The tensor frameworks a case asks for."""
    return {kwargs.get("return_tensors") for _, _, kwargs in case["ops"]} - {None}


def open_tokenizer(case: dict[str, Any], golden: Path) -> TokenizerBase:
    """The tokenizer of a case; `golden` is the folder that holds `tok`."""
    facts = case["tok"]
    path = golden / facts["path"]
    cls = CLASSES[facts["cls"]]
    if facts.get("how") == "init":
        return cls(str(path / "vocab.txt"), **facts.get("kwargs", {}))
    return cls.from_pretrained(path, **facts.get("kwargs", {}))


def run_case(case: dict[str, Any], golden: Path, scratch: Path) -> list[Any]:
    """The results of a case's operations, in the form the files record them."""
    tokenizer = open_tokenizer(case, golden)
    encoding: Any = None
    results: list[Any] = []
    for step, (name, args, kwargs) in enumerate(case["ops"]):
        folder = scratch / str(step)
        if case["tok"].get("pair_tuples") and name == "__call__":
            args = [[tuple(pair) for pair in args[0]], *args[1:]]
        if name == "reload":
            saved = reload_files(tokenizer, folder)
            tokenizer = type(tokenizer).from_pretrained(folder)
            results.append(None if args else saved)
            continue
        result = run_operation(tokenizer, encoding, name, args, kwargs, folder)
        if name == "__call__":
            encoding = result
        results.append(as_recorded(result))
    return results


def run_operation(
    tokenizer: Any, encoding: Any, name: str, args: list[Any], kwargs: dict[str, Any], folder: Path
) -> Any:
    """One operation on the tokenizer or on its last result."""
    kind, _, attribute = name.partition(":")
    if kind == "get":
        return getattr(tokenizer, attribute)
    if kind == "set":
        return setattr(tokenizer, attribute, args[0])
    if name == "len":
        return len(tokenizer)
    if name == "vocab_file_text":
        folder.mkdir(parents=True)
        path = Path(tokenizer.save_vocabulary(str(folder), **kwargs)[0])
        return [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
    if name.startswith("enc."):
        member = getattr(encoding, name.removeprefix("enc."))
        return member(*args, **kwargs) if callable(member) else member
    return getattr(tokenizer, name)(*args, **kwargs)


def reload_files(tokenizer: TokenizerBase, folder: Path) -> list[str]:
    """Save into `folder`; the sorted names of what lies there."""
    tokenizer.save_pretrained(folder)
    return sorted(path.name for path in folder.iterdir())


def as_recorded(value: Any) -> Any:
    """`value` as JSON records it."""
    kind = framework_of(value)
    if kind is not None and not isinstance(value, np.generic):
        array = np.asarray(value)
        facts = {"__tensor__": kind, "dtype": str(array.dtype)}
        if array.dtype == object:
            return {**facts, "data": [as_recorded(row) for row in array]}
        return {**facts, "shape": list(array.shape), "data": array.tolist()}
    if isinstance(value, Mapping):
        return {"__map__": {str(name): as_recorded(item) for name, item in value.items()}}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [as_recorded(item) for item in value]
    return value
