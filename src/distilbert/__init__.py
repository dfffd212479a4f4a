"""DistilBERT, whole: distil, fine-tune, evaluate, predict, compress, serve.

Every public name is imported from where it lives when it is first asked for (PEP 562), so importing
the package loads no framework and not even NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distilbert.auto import AutoConfig as AutoConfig
    from distilbert.auto import AutoModel as AutoModel
    from distilbert.auto import AutoModelForMaskedLM as AutoModelForMaskedLM
    from distilbert.auto import AutoModelForMultipleChoice as AutoModelForMultipleChoice
    from distilbert.auto import AutoModelForQuestionAnswering as AutoModelForQuestionAnswering
    from distilbert.auto import (
        AutoModelForSequenceClassification as AutoModelForSequenceClassification,
    )
    from distilbert.auto import AutoModelForTokenClassification as AutoModelForTokenClassification
    from distilbert.auto import AutoTokenizer as AutoTokenizer
    from distilbert.checkpoint.convert import convert as convert
    from distilbert.config import DistilBertConfig as DistilBertConfig
    from distilbert.errors import DistilBertError as DistilBertError
    from distilbert.pipelines import pipeline as pipeline
    from distilbert.tokenization.batch_encoding import BatchEncoding as BatchEncoding
    from distilbert.tokenization.fast import DistilBertTokenizerFast as DistilBertTokenizerFast
    from distilbert.tokenization.slow import DistilBertTokenizer as DistilBertTokenizer
    from distilbert.tokenization.train import train_wordpiece as train_wordpiece
    from distilbert.torch.heads import DistilBertForMaskedLM as DistilBertForMaskedLM
    from distilbert.torch.heads import DistilBertForMultipleChoice as DistilBertForMultipleChoice
    from distilbert.torch.heads import (
        DistilBertForQuestionAnswering as DistilBertForQuestionAnswering,
    )
    from distilbert.torch.heads import (
        DistilBertForSequenceClassification as DistilBertForSequenceClassification,
    )
    from distilbert.torch.heads import (
        DistilBertForTokenClassification as DistilBertForTokenClassification,
    )
    from distilbert.torch.model import DistilBertModel as DistilBertModel

__version__ = "0.1.0"

# Module -> the public names it holds. The imports above say the same to type checkers; a test
# compares the two.
_HOMES = {
    "distilbert.auto": (
        "AutoConfig",
        "AutoTokenizer",
        "AutoModel",
        "AutoModelForMaskedLM",
        "AutoModelForSequenceClassification",
        "AutoModelForMultipleChoice",
        "AutoModelForTokenClassification",
        "AutoModelForQuestionAnswering",
    ),
    "distilbert.checkpoint.convert": ("convert",),
    "distilbert.config": ("DistilBertConfig",),
    "distilbert.errors": ("DistilBertError",),
    "distilbert.pipelines": ("pipeline",),
    "distilbert.tokenization.batch_encoding": ("BatchEncoding",),
    "distilbert.tokenization.fast": ("DistilBertTokenizerFast",),
    "distilbert.tokenization.slow": ("DistilBertTokenizer",),
    "distilbert.tokenization.train": ("train_wordpiece",),
    "distilbert.torch.model": ("DistilBertModel",),
    "distilbert.torch.heads": (
        "DistilBertForMaskedLM",
        "DistilBertForSequenceClassification",
        "DistilBertForMultipleChoice",
        "DistilBertForTokenClassification",
        "DistilBertForQuestionAnswering",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # a checker that saw it would accept any misspelt name

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'distilbert' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value  # the next look-up does not come here
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
