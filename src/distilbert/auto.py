"""`AutoConfig`, `AutoTokenizer` and the `AutoModel...` classes: from a source to the right class.

The class follows from the model type and the head that is requested, never from `architectures`.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import distilbert
from distilbert.checkpoint.hub import config_path, resolve, take_hub_options
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.json_files import read_json, read_optional_json

TOKENIZER_CONFIG_NAME = "tokenizer_config.json"

# Tokenizer classes that save the same WordPiece vocabulary.
WORDPIECE_TOKENIZERS = ("DistilBertTokenizer", "BertTokenizer", "PreTrainedTokenizer")

Source = str | PathLike[str]


class _Auto:
    """A class that only chooses another one."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        name = type(self).__name__
        raise CheckpointError(
            f"`{name}` only chooses a class and has no instances: call `{name}.from_pretrained`."
        )


class AutoConfig(_Auto):
    """Chooses the configuration class of a checkpoint."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Source, **kwargs: Any) -> Any:
        """As `DistilBertConfig.from_pretrained`, but refuses other types of model.

        Raises:
            CheckpointError: the checkpoint's `model_type` is another one, or missing.
        """
        path = config_path(pretrained_model_name_or_path, kwargs)
        kind = read_json(path).get("model_type")
        if kind != DistilBertConfig.model_type:
            advice = (
                "`distilbert convert` turns it into a DistilBERT checkpoint."
                if kind == "bert"
                else "If the model is a DistilBERT, load it with `DistilBertConfig`."
            )
            raise CheckpointError(
                f"`model_type` must be {DistilBertConfig.model_type!r}: {path} says {kind!r}. "
                f"{advice}"
            )
        result = DistilBertConfig.from_pretrained(path, **kwargs)
        config = result[0] if isinstance(result, tuple) else result
        config.name_or_path = str(pretrained_model_name_or_path)
        return result


class AutoTokenizer(_Auto):
    """Chooses between the two tokenizer classes."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Source, *, use_fast: bool = True, **kwargs: Any
    ) -> Any:
        """The fast tokenizer, or the pure-Python one with `use_fast=False`.

        Raises:
            CheckpointError: nothing is there, or the folder names a tokenizer of another kind.
        """
        options = take_hub_options(kwargs)
        folder = resolve(pretrained_model_name_or_path, want="tokenizer", **options.as_keywords())
        name = _tokenizer_class(folder)
        if name is not None and name.removesuffix("Fast") not in WORDPIECE_TOKENIZERS:
            raise CheckpointError(
                f"`tokenizer_class` must be a WordPiece tokenizer of BERT's kind: "
                f"{folder} says {name!r}."
            )
        chosen = distilbert.DistilBertTokenizerFast if use_fast else distilbert.DistilBertTokenizer
        return chosen.from_pretrained(folder, **kwargs)


def _tokenizer_class(folder: Path) -> str | None:
    for name in (TOKENIZER_CONFIG_NAME, CONFIG_NAME):
        class_name = read_optional_json(folder / name).get("tokenizer_class")
        if class_name is not None:
            return str(class_name)
    return None


class _AutoModel(_Auto):
    """Chooses the model class of one framework and head."""

    head: ClassVar[str] = "base"
    framework_prefix: ClassVar[str] = ""

    @classmethod
    def _model_class(cls) -> Any:
        return getattr(distilbert, cls.framework_prefix + HEADS[cls.head].class_name)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Source | None, *args: Any, **kwargs: Any
    ) -> Any:
        """The model of this head; keywords as in the `from_pretrained` of the model's class.

        Raises:
            CheckpointError: no checkpoint there, or one of another type of model.
        """
        if kwargs.get("config") is None and pretrained_model_name_or_path is not None:
            hub = take_hub_options(dict(kwargs)).as_keywords()
            kwargs.pop("config", None)
            # In PyTorch `dtype` is a newer name of the config's `torch_dtype`; elsewhere it is an
            # argument of the model only.
            kept = ("dtype",) if cls.framework_prefix else ()
            model_only = {name: kwargs.pop(name) for name in kept if name in kwargs}
            config, kwargs = AutoConfig.from_pretrained(
                pretrained_model_name_or_path, return_unused_kwargs=True, **{**kwargs, **hub}
            )
            kwargs = {**kwargs, **model_only, **hub, "config": config}
        return cls._model_class().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    @classmethod
    def from_config(cls, config: DistilBertConfig, **kwargs: Any) -> Any:
        """A newly initialized model.

        Raises:
            InputError: `config` is not a DistilBertConfig.
        """
        if not isinstance(config, DistilBertConfig):
            kind = type(config).__name__
            raise InputError(f"`config` must be a DistilBertConfig: got a {kind}.")
        return cls._model_class()(config, **kwargs)


def _auto_class(prefix: str, head: str) -> type[_AutoModel]:
    """The class for one framework, given by the prefix of its classes, and one head."""
    facts = {
        "__doc__": f"Chooses the class `{prefix}{HEADS[head].class_name}`.",
        "__module__": __name__,
        "framework_prefix": prefix,
        "head": head,
    }
    return type(prefix + HEADS[head].auto_class_name, (_AutoModel,), facts)


AutoModel = _auto_class("", "base")
AutoModelForMaskedLM = _auto_class("", "masked_lm")
AutoModelForSequenceClassification = _auto_class("", "sequence_classification")
AutoModelForMultipleChoice = _auto_class("", "multiple_choice")
AutoModelForTokenClassification = _auto_class("", "token_classification")
AutoModelForQuestionAnswering = _auto_class("", "question_answering")

TFAutoModel = _auto_class("TF", "base")
TFAutoModelForMaskedLM = _auto_class("TF", "masked_lm")
TFAutoModelForSequenceClassification = _auto_class("TF", "sequence_classification")
TFAutoModelForMultipleChoice = _auto_class("TF", "multiple_choice")
TFAutoModelForTokenClassification = _auto_class("TF", "token_classification")
TFAutoModelForQuestionAnswering = _auto_class("TF", "question_answering")

FlaxAutoModel = _auto_class("Flax", "base")
FlaxAutoModelForMaskedLM = _auto_class("Flax", "masked_lm")
FlaxAutoModelForSequenceClassification = _auto_class("Flax", "sequence_classification")
FlaxAutoModelForMultipleChoice = _auto_class("Flax", "multiple_choice")
FlaxAutoModelForTokenClassification = _auto_class("Flax", "token_classification")
FlaxAutoModelForQuestionAnswering = _auto_class("Flax", "question_answering")
