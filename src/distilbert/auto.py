"""`AutoConfig`, `AutoTokenizer` and the `AutoModel...` classes: from a source to the right class.

The class follows from the model type and the head that is asked for, never from `architectures`.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import distilbert
from distilbert.checkpoint.hub import resolve, take_hub_options
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.json_files import read_json, read_optional_json

TOKENIZER_CONFIG_NAME = "tokenizer_config.json"

# Classes whose files hold the same WordPiece vocabulary ours reads.
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
        options = take_hub_options(kwargs)
        path = resolve(pretrained_model_name_or_path, want="config", **options.as_keywords())
        if not path.is_file():
            path = path / CONFIG_NAME
        kind = read_json(path).get("model_type")
        if kind != DistilBertConfig.model_type:
            do = (
                "`distilbert convert` turns it into a DistilBERT checkpoint."
                if kind == "bert"
                else "If it is a DistilBERT after all, load it with `DistilBertConfig`."
            )
            raise CheckpointError(
                f"`model_type` must be {DistilBertConfig.model_type!r}: {path} says {kind!r}. {do}"
            )
        found = DistilBertConfig.from_pretrained(path, **kwargs)
        config = found[0] if isinstance(found, tuple) else found
        config.name_or_path = str(pretrained_model_name_or_path)
        return found


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
        found = read_optional_json(folder / name).get("tokenizer_class")
        if found is not None:
            return str(found)
    return None


class _AutoModel(_Auto):
    """A model class of one framework and head. Children say which."""

    head: ClassVar[str] = "base"
    framework_prefix: ClassVar[str] = ""

    @classmethod
    def _model_class(cls) -> Any:
        return getattr(distilbert, cls.framework_prefix + HEADS[cls.head].class_name)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Source | None, *args: Any, **kwargs: Any
    ) -> Any:
        """The model of this head; keywords as in the model class's own `from_pretrained`.

        Raises:
            CheckpointError: no checkpoint there, or one of another type of model.
        """
        if kwargs.get("config") is None and pretrained_model_name_or_path is not None:
            hub = take_hub_options(dict(kwargs)).as_keywords()
            kwargs.pop("config", None)
            # In PyTorch `dtype` is a newer name of the config's `torch_dtype`; elsewhere it is an
            # argument of the model alone.
            kept = ("dtype",) if cls.framework_prefix else ()
            own = {name: kwargs.pop(name) for name in kept if name in kwargs}
            config, kwargs = AutoConfig.from_pretrained(
                pretrained_model_name_or_path, return_unused_kwargs=True, **{**kwargs, **hub}
            )
            kwargs = {**kwargs, **own, **hub, "config": config}
        return cls._model_class().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    @classmethod
    def from_config(cls, config: DistilBertConfig, **kwargs: Any) -> Any:
        """A fresh model.

        Raises:
            InputError: `config` is not a DistilBertConfig.
        """
        if not isinstance(config, DistilBertConfig):
            kind = type(config).__name__
            raise InputError(f"`config` must be a DistilBertConfig: got a {kind}.")
        return cls._model_class()(config, **kwargs)


class AutoModel(_AutoModel):
    """The base model, PyTorch."""


class AutoModelForMaskedLM(_AutoModel):
    """Masked language modelling, PyTorch."""

    head = "masked_lm"


class AutoModelForSequenceClassification(_AutoModel):
    """Sequence classification, PyTorch."""

    head = "sequence_classification"


class AutoModelForMultipleChoice(_AutoModel):
    """Multiple choice, PyTorch."""

    head = "multiple_choice"


class AutoModelForTokenClassification(_AutoModel):
    """Token classification, PyTorch."""

    head = "token_classification"


class AutoModelForQuestionAnswering(_AutoModel):
    """Extractive question answering, PyTorch."""

    head = "question_answering"


class TFAutoModel(_AutoModel):
    """The base model, TensorFlow."""

    framework_prefix = "TF"


class TFAutoModelForMaskedLM(TFAutoModel):
    """Masked language modelling, TensorFlow."""

    head = "masked_lm"


class TFAutoModelForSequenceClassification(TFAutoModel):
    """Sequence classification, TensorFlow."""

    head = "sequence_classification"


class TFAutoModelForMultipleChoice(TFAutoModel):
    """Multiple choice, TensorFlow."""

    head = "multiple_choice"


class TFAutoModelForTokenClassification(TFAutoModel):
    """Token classification, TensorFlow."""

    head = "token_classification"


class TFAutoModelForQuestionAnswering(TFAutoModel):
    """Extractive question answering, TensorFlow."""

    head = "question_answering"


class FlaxAutoModel(_AutoModel):
    """The base model, Flax."""

    framework_prefix = "Flax"


class FlaxAutoModelForMaskedLM(FlaxAutoModel):
    """Masked language modelling, Flax."""

    head = "masked_lm"


class FlaxAutoModelForSequenceClassification(FlaxAutoModel):
    """Sequence classification, Flax."""

    head = "sequence_classification"


class FlaxAutoModelForMultipleChoice(FlaxAutoModel):
    """Multiple choice, Flax."""

    head = "multiple_choice"


class FlaxAutoModelForTokenClassification(FlaxAutoModel):
    """Token classification, Flax."""

    head = "token_classification"


class FlaxAutoModelForQuestionAnswering(FlaxAutoModel):
    """Extractive question answering, Flax."""

    head = "question_answering"
