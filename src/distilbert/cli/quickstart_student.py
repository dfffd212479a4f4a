"""The student of `distilbert quickstart`: what it learns from, and what it keeps of the encoder.

The texts are the docstrings of Python's standard library. None of them is searched later, so the
comparison is on texts that the student has not seen.
"""

from __future__ import annotations

import ast
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbert.errors import DataError

if TYPE_CHECKING:
    from distilbert.distilling.compare import Comparison
    from distilbert.distilling.distill import DistillResult

# Hidden states alone: a sentence encoder has no masked-LM head. Two thirds of the texts, in many
# small updates, so that two cores need few minutes.
CARD: dict[str, Any] = {
    "losses": {"kl_weight": 0.0, "mlm_weight": 0.0, "cosine_weight": 1.0},
    "data": {"min_length": 5, "max_length": 128},
    "optimization": {
        "epochs": 1.0,
        "max_steps": 240,
        "batch_tokens": 1024,
        "learning_rate": 7e-4,
    },
    "run": {"report": False, "tensorboard": False},
}
LEAST_CHARACTERS = 40
LEFT_OUT = {"site-packages", "test", "tests", "idle_test", "idlelib", "lib2to3"}
ROUNDS = 9


def docstrings(root: Path | None = None) -> Iterator[str]:
    """Paragraphs of the docstrings below `root`, by default of Python's standard library."""
    root = root or Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        if LEFT_OUT & set(path.relative_to(root).parts):
            continue
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # a template, or not readable
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _paragraphs(ast.get_docstring(node) or "")


def _paragraphs(docstring: str) -> Iterator[str]:
    for paragraph in docstring.split("\n\n"):
        words = " ".join(paragraph.split())
        if len(words) >= LEAST_CHARACTERS and not words.startswith(">>>"):
            yield words


def check_student(output: str) -> str:
    """`output`, if a student can be written there, or replace one.

    Raises:
        InputError: it is a file, or it contains others than those of a student.
    """
    from distilbert.checkpoint.output_folder import check_output
    from distilbert.distilling.result import RUN

    check_output(Path(output), RUN, overwrite=True)
    return output


def distil_student(teacher: str, output: str) -> DistillResult:
    """A student of half the layers, which replaces the one of an earlier quickstart.

    Raises:
        DataError: Python's standard library is here without its source code.
        InputError: `output` contains files that are not those of a student.
    """
    from distilbert.distilling.distill import distill

    with tempfile.TemporaryDirectory(prefix="distilbert-") as folder:
        texts = Path(folder) / "docstrings.txt"
        lines = dict.fromkeys(docstrings())
        if not lines:
            raise DataError(
                "The student learns from the docstrings of Python's standard library: this Python "
                "has none of its source code. Use `--no-distil`."
            )
        texts.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return distill(
            CARD,
            teacher=teacher,
            train=str(texts),
            corpus=str(Path(folder) / "corpus"),
            output=output,
            overwrite=True,
        )


def compare_on(teacher: str, student: str, passages: Sequence[str]) -> Comparison:
    """Sizes, speed, and agreement on passages, all measured now."""
    from distilbert.distilling.compare import compare

    with tempfile.TemporaryDirectory(prefix="distilbert-") as folder:
        texts = Path(folder) / "passages.txt"
        texts.write_text("".join(f"{passage}\n" for passage in passages), encoding="utf-8")
        return compare(teacher, student, texts=str(texts), rounds=ROUNDS)
