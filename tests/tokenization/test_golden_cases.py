"""Every recorded case gives the recorded result: a part from the repository, all where present."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from tokenization.golden_cases import DONE_BETTER, frameworks_of, load_cases, run_case

from distilbert._lazy import is_available

COMMITTED = Path(__file__).resolve().parents[1] / "golden"
NEEDED = {"tf": "tensorflow", "jax": "jax"}


def check(case: dict[str, Any], folder: Path, scratch: Path) -> None:
    missing = [NEEDED[kind] for kind in frameworks_of(case) & NEEDED.keys()]
    missing = [name for name in missing if not is_available(name)]
    if missing:
        pytest.skip(f"the case asks for tensors of {missing[0]}, which is not installed here")
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            compare(case, folder, scratch)
    finally:
        logging.disable(logging.NOTSET)


def compare(case: dict[str, Any], folder: Path, scratch: Path) -> None:
    if "raises" not in case:
        assert run_case(case, folder, scratch) == case["expect"]
    elif case["id"] in DONE_BETTER:
        run_case(case, folder, scratch)
    else:
        with pytest.raises(Exception) as caught:
            run_case(case, folder, scratch)
        names = {cls.__name__ for cls in type(caught.value).__mro__}
        assert case["raises"] == "*" or case["raises"] in names


@pytest.mark.parametrize("case", load_cases(COMMITTED / "tok"), ids=lambda case: case["id"])
def test_a_committed_case_gives_the_recorded_result(case: dict[str, Any], tmp_path: Path):
    check(case, COMMITTED, tmp_path)


def test_every_shared_case_gives_the_recorded_result(shared: Path, tmp_path: Path):
    cases = load_cases(shared / "golden" / "tok")
    runnable = [case for case in cases if all(map(is_installed, frameworks_of(case)))]
    assert len(runnable) >= len(cases) - 8
    for case in runnable:
        check(case, shared / "golden", tmp_path / case["id"])


def is_installed(kind: str) -> bool:
    return kind not in NEEDED or is_available(NEEDED[kind])
