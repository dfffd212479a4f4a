"""DistilBERT: distil, fine-tune, evaluate, predict, compress, serve.

A public name is imported from its module when it is first used (PEP 562), so importing the package
loads neither a framework nor NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbert._lazy import FRAMEWORKS, import_framework, is_of_transformers, require_framework
from distilbert.heads import HEADS

if TYPE_CHECKING:
    from distilbert.auto import (
        AutoConfig as AutoConfig,
        AutoModel as AutoModel,
        AutoModelForMaskedLM as AutoModelForMaskedLM,
        AutoModelForMultipleChoice as AutoModelForMultipleChoice,
        AutoModelForQuestionAnswering as AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification as AutoModelForSequenceClassification,
        AutoModelForTokenClassification as AutoModelForTokenClassification,
        AutoTokenizer as AutoTokenizer,
        FlaxAutoModel as FlaxAutoModel,
        FlaxAutoModelForMaskedLM as FlaxAutoModelForMaskedLM,
        FlaxAutoModelForMultipleChoice as FlaxAutoModelForMultipleChoice,
        FlaxAutoModelForQuestionAnswering as FlaxAutoModelForQuestionAnswering,
        FlaxAutoModelForSequenceClassification as FlaxAutoModelForSequenceClassification,
        FlaxAutoModelForTokenClassification as FlaxAutoModelForTokenClassification,
        TFAutoModel as TFAutoModel,
        TFAutoModelForMaskedLM as TFAutoModelForMaskedLM,
        TFAutoModelForMultipleChoice as TFAutoModelForMultipleChoice,
        TFAutoModelForQuestionAnswering as TFAutoModelForQuestionAnswering,
        TFAutoModelForSequenceClassification as TFAutoModelForSequenceClassification,
        TFAutoModelForTokenClassification as TFAutoModelForTokenClassification,
    )
    from distilbert.benchmarking.benchmark import benchmark as benchmark
    from distilbert.benchmarking.result import Benchmark as Benchmark
    from distilbert.checkpoint.convert import convert as convert
    from distilbert.config import DistilBertConfig as DistilBertConfig
    from distilbert.distilling.compare import Comparison as Comparison, compare as compare
    from distilbert.distilling.distill import (
        DistillResult as DistillResult,
        adapt as adapt,
        distill as distill,
    )
    from distilbert.errors import DistilBertError as DistilBertError
    from distilbert.exporting.export import Export as Export, export as export
    from distilbert.finetuning.evaluate import (
        EvaluationResult as EvaluationResult,
        evaluate as evaluate,
    )
    from distilbert.finetuning.finetune import (
        FineTuneResult as FineTuneResult,
        finetune as finetune,
    )
    from distilbert.finetuning.tune import TuneResult as TuneResult, tune as tune
    from distilbert.flax.heads import (
        FlaxDistilBertForMaskedLM as FlaxDistilBertForMaskedLM,
        FlaxDistilBertForMultipleChoice as FlaxDistilBertForMultipleChoice,
        FlaxDistilBertForQuestionAnswering as FlaxDistilBertForQuestionAnswering,
        FlaxDistilBertForSequenceClassification as FlaxDistilBertForSequenceClassification,
        FlaxDistilBertForTokenClassification as FlaxDistilBertForTokenClassification,
    )
    from distilbert.flax.model import FlaxDistilBertModel as FlaxDistilBertModel
    from distilbert.flax.pretrained import (
        FlaxDistilBertPreTrainedModel as FlaxDistilBertPreTrainedModel,
    )
    from distilbert.pipelines import pipeline as pipeline
    from distilbert.pipelines.sentence_encoder import SentenceEncoder as SentenceEncoder
    from distilbert.quantizing.quantize import quantize as quantize
    from distilbert.quantizing.result import Quantized as Quantized
    from distilbert.tensorflow.heads import (
        TFDistilBertForMaskedLM as TFDistilBertForMaskedLM,
        TFDistilBertForMultipleChoice as TFDistilBertForMultipleChoice,
        TFDistilBertForQuestionAnswering as TFDistilBertForQuestionAnswering,
        TFDistilBertForSequenceClassification as TFDistilBertForSequenceClassification,
        TFDistilBertForTokenClassification as TFDistilBertForTokenClassification,
    )
    from distilbert.tensorflow.model import TFDistilBertModel as TFDistilBertModel
    from distilbert.tensorflow.pretrained import (
        TFDistilBertPreTrainedModel as TFDistilBertPreTrainedModel,
    )
    from distilbert.tokenization.batch_encoding import BatchEncoding as BatchEncoding
    from distilbert.tokenization.fast import DistilBertTokenizerFast as DistilBertTokenizerFast
    from distilbert.tokenization.slow import DistilBertTokenizer as DistilBertTokenizer
    from distilbert.tokenization.train import train_wordpiece as train_wordpiece
    from distilbert.torch.heads import (
        DistilBertForMaskedLM as DistilBertForMaskedLM,
        DistilBertForMultipleChoice as DistilBertForMultipleChoice,
        DistilBertForQuestionAnswering as DistilBertForQuestionAnswering,
        DistilBertForSequenceClassification as DistilBertForSequenceClassification,
        DistilBertForTokenClassification as DistilBertForTokenClassification,
    )
    from distilbert.torch.model import DistilBertModel as DistilBertModel
    from distilbert.torch.pretrained import DistilBertPreTrainedModel as DistilBertPreTrainedModel

__version__ = "0.3.0"


def _public_names() -> dict[str, str]:
    """Name -> the module it is imported from; the imports above list the same for type checkers."""
    modules = {
        "distilbert.auto": ("AutoConfig", "AutoTokenizer"),
        "distilbert.benchmarking.benchmark": ("benchmark",),
        "distilbert.benchmarking.result": ("Benchmark",),
        "distilbert.checkpoint.convert": ("convert",),
        "distilbert.config": ("DistilBertConfig",),
        "distilbert.distilling.compare": ("compare", "Comparison"),
        "distilbert.distilling.distill": ("adapt", "distill", "DistillResult"),
        "distilbert.errors": ("DistilBertError",),
        "distilbert.exporting.export": ("export", "Export"),
        "distilbert.finetuning.evaluate": ("evaluate", "EvaluationResult"),
        "distilbert.finetuning.finetune": ("finetune", "FineTuneResult"),
        "distilbert.finetuning.tune": ("tune", "TuneResult"),
        "distilbert.pipelines": ("pipeline",),
        "distilbert.pipelines.sentence_encoder": ("SentenceEncoder",),
        "distilbert.quantizing.quantize": ("quantize",),
        "distilbert.quantizing.result": ("Quantized",),
        "distilbert.tokenization.batch_encoding": ("BatchEncoding",),
        "distilbert.tokenization.fast": ("DistilBertTokenizerFast",),
        "distilbert.tokenization.slow": ("DistilBertTokenizer",),
        "distilbert.tokenization.train": ("train_wordpiece",),
        "distilbert.torch.pretrained": ("DistilBertPreTrainedModel",),
        "distilbert.flax.pretrained": ("FlaxDistilBertPreTrainedModel",),
        "distilbert.tensorflow.pretrained": ("TFDistilBertPreTrainedModel",),
    }
    names = {name: module for module, names in modules.items() for name in names}
    for framework in FRAMEWORKS.values():
        for head in HEADS.values():
            # Any TensorFlow class registers all of them, so that Keras can load its files.
            is_alone = head.name == "base" and framework.package != "distilbert.tensorflow"
            module = "model" if is_alone else "heads"
            prefix = framework.class_prefix
            names[prefix + head.class_name] = f"{framework.package}.{module}"
            names[prefix + head.auto_class_name] = "distilbert.auto"
    return names


_MODULE_OF = _public_names()

__all__ = ["__version__", *_MODULE_OF]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # a type checker that sees it accepts any misspelled name

    def __getattr__(name: str) -> object:
        if is_of_transformers(name):
            raise ImportError(
                f"`{name}` belongs to transformers, and works with the models of this package: "
                f"`from transformers import {name}`. To fine-tune without it: "
                "`distilbert.finetune(...)`."
            )
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'distilbert' has no attribute {name!r}")
        module = _MODULE_OF[name]
        part = module.split(".")[1]
        if part in FRAMEWORKS:
            require_framework(part, f"use `{name}`")
        value = getattr(import_framework(module), name)
        globals()[name] = value  # the next lookup does not call this function
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
