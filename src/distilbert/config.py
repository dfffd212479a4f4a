"""`DistilBertConfig`: every setting of a model, its JSON form, and its checks.

Plain Python that reads the files of transformers 4.37.2 and 5.x. PyTorch is imported only when
`torch_dtype` is read.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, overload

from distilbert import config_checks as checks, config_names as names
from distilbert.config_file import (
    CONFIG_NAME,
    FORMAT_VERSION,
    GENERIC_DEFAULTS,
    json_text,
    without_defaults,
)
from distilbert.errors import CheckpointError
from distilbert.json_files import read_json

Source = str | PathLike[str]
_PRIVATE = ("_dtype_name", "_attn_implementation", "_name_or_path")


class DistilBertConfig:
    """The configuration of every DistilBERT model and head.

    Any further keyword is kept as an attribute and travels through JSON. `hidden_size`,
    `num_attention_heads` and `num_hidden_layers` are aliases of `dim`, `n_heads` and `n_layers`;
    `sine_pos_embds` (the reference page's spelling) of `sinusoidal_pos_embds`; `dtype`
    (transformers 5.x) of `torch_dtype`. An alias overrides the named parameter.

    Raises:
        ConfigError: `problem_type`, `id2label`, `label2id`, `num_labels` or `torch_dtype` is
            invalid, or a keyword seems to misspell a parameter. Sizes are checked when a model is
            built (`check_buildable`).
    """

    model_type: ClassVar[str] = "distilbert"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "sine_pos_embds": "sinusoidal_pos_embds",
        "dtype": "torch_dtype",
    }

    # Set from GENERIC_DEFAULTS in the constructor; declared for type checkers.
    return_dict: bool
    output_hidden_states: bool
    output_attentions: bool
    torchscript: bool
    tf_legacy_loss: bool
    pruned_heads: dict[int, list[int]]
    tie_word_embeddings: bool
    chunk_size_feed_forward: int
    architectures: list[str] | None
    problem_type: str | None
    id2label: dict[int, str]
    label2id: dict[str, int]

    def __init__(
        self,
        vocab_size: int = 30522,
        max_position_embeddings: int = 512,
        sinusoidal_pos_embds: bool = False,
        n_layers: int = 6,
        n_heads: int = 12,
        dim: int = 768,
        hidden_dim: int = 3072,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation: str | Callable[..., Any] = "gelu",
        initializer_range: float = 0.02,
        qa_dropout: float = 0.1,
        seq_classif_dropout: float = 0.2,
        pad_token_id: int | None = 0,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        """Rows of the word embedding table, V."""
        self.max_position_embeddings = max_position_embeddings
        """Rows of the position table: the longest input, in tokens."""
        self.sinusoidal_pos_embds = sinusoidal_pos_embds
        """Positions are the fixed sinusoid table instead of learned rows."""
        self.n_layers = n_layers
        """Number of blocks, L."""
        self.n_heads = n_heads
        """Attention heads per block, H; must divide `dim`."""
        self.dim = dim
        """Width of the hidden states, D."""
        self.hidden_dim = hidden_dim
        """Inner width of the feed-forward networks, F."""
        self.dropout = dropout
        """Dropout probability on embeddings, feed-forward outputs and in token classification."""
        self.attention_dropout = attention_dropout
        """Dropout probability on attention probabilities."""
        self.activation = activation
        """Activation of feed-forward networks and MLM transform: a name or a callable."""
        self.initializer_range = initializer_range
        """Standard deviation of initial weights."""
        self.qa_dropout = qa_dropout
        """Dropout probability before the question answering head."""
        self.seq_classif_dropout = seq_classif_dropout
        """Dropout probability in sequence classification and multiple choice."""
        self.pad_token_id = pad_token_id
        """Id of the padding token; its embedding starts at zero and gets no lookup gradient."""
        self._take_generic(kwargs)
        self._take_labels(kwargs)
        names.check_names(kwargs, names.known_names(type(self)))
        for name, value in kwargs.items():  # aliases and unknown keys, last so that aliases win
            setattr(self, name, value)
        checks.check_types(self)

    def _take_generic(self, kwargs: dict[str, Any]) -> None:
        for name, default in GENERIC_DEFAULTS.items():
            setattr(self, name, kwargs.pop(name, copy.copy(default)))
        self.pruned_heads = checks.parse_pruned_heads(self.pruned_heads)
        kwargs.pop("model_type", None)
        kwargs.pop("transformers_version", None)
        self._name_or_path = str(kwargs.pop("_name_or_path", kwargs.pop("name_or_path", "")) or "")
        self._attn_implementation: str | None = kwargs.pop("attn_implementation", None)
        dtype, newer = kwargs.pop("torch_dtype", None), kwargs.pop("dtype", None)
        self.torch_dtype = newer if dtype is None else dtype

    def _take_labels(self, kwargs: dict[str, Any]) -> None:
        id2label, label2id = kwargs.pop("id2label", None), kwargs.pop("label2id", None)
        num_labels = kwargs.pop("num_labels", None)
        checks.check_label_maps(id2label=id2label, label2id=label2id)
        if id2label is None:
            self.num_labels = 2 if num_labels is None else num_labels
        else:
            self.id2label = checks.parse_id2label(id2label)
            if num_labels is not None and num_labels != len(self.id2label):
                warnings.warn(
                    f"`num_labels` is ignored because `id2label` is given: got "
                    f"num_labels={num_labels} and {len(self.id2label)} labels.",
                    stacklevel=4,
                )
            self.label2id = {name: index for index, name in self.id2label.items()}
        if label2id is not None:
            self.label2id = dict(label2id)

    @property
    def num_labels(self) -> int:
        """Number of labels, N; setting another number renames them `LABEL_0`, `LABEL_1`, ..."""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, value: int) -> None:
        checks.check_num_labels(value)
        if "id2label" not in self.__dict__ or len(self.id2label) != value:
            self.id2label = {index: f"LABEL_{index}" for index in range(value)}
            self.label2id = {name: index for index, name in self.id2label.items()}

    @property
    def use_return_dict(self) -> bool:
        """Whether models return a `ModelOutput` by default."""
        return self.return_dict and not self.torchscript

    @property
    def name_or_path(self) -> str:
        """Where the config came from."""
        return self._name_or_path

    @name_or_path.setter
    def name_or_path(self, value: str) -> None:
        self._name_or_path = str(value)

    @property
    def dtype_name(self) -> str | None:
        """The weights' type as a plain name such as "float32", or None when unknown."""
        return self._dtype_name

    @property
    def torch_dtype(self) -> Any:
        """The weights' type: a `torch.dtype` where PyTorch is installed, else its name; or None."""
        if self._dtype_name is None:
            return None
        try:
            import torch
        except ImportError:
            return self._dtype_name
        return getattr(torch, self._dtype_name)

    @torch_dtype.setter
    def torch_dtype(self, value: Any) -> None:
        self._dtype_name = checks.dtype_name(value)

    def __setattr__(self, name: str, value: Any) -> None:
        names.check_settable(type(self), name)
        super().__setattr__(type(self).attribute_map.get(name, name), value)

    def __getattr__(self, name: str) -> Any:  # only reached when no real attribute exists
        target = type(self).attribute_map.get(name)
        if target is not None:
            return getattr(self, target)
        raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")

    def check_buildable(self, head: str = "base") -> None:
        """Check that a model with `head` can be built; report every broken rule at once.

        Raises:
            ConfigError: a size, probability or label count is out of range.
            ActivationError: `activation` is an unknown name.
        """
        checks.check_sizes(self, head)
        checks.check_activation(self.activation)

    def to_dict(self) -> dict[str, Any]:
        """Every attribute as plain data, `torch_dtype` as a name."""
        public = {name: value for name, value in self.__dict__.items() if name not in _PRIVATE}
        return copy.deepcopy(public) | {
            "_name_or_path": self._name_or_path,
            "torch_dtype": self._dtype_name,
            "model_type": self.model_type,
            "transformers_version": FORMAT_VERSION,
        }

    def to_diff_dict(self) -> dict[str, Any]:
        """`to_dict` without the values equal to the generic defaults; what `config.json` holds."""
        return without_defaults(self.to_dict())

    def to_json_string(self, use_diff: bool = True) -> str:
        """JSON with sorted keys, two spaces of indent and a final newline.

        Raises:
            ConfigError: an attribute, such as a callable `activation`, has no JSON form.
        """
        return json_text(self.to_diff_dict() if use_diff else self.to_dict())

    def to_json_file(self, json_file_path: str | PathLike[str], use_diff: bool = True) -> None:
        """Write `to_json_string` to a file; on an error the file is unchanged."""
        from distilbert.checkpoint.atomic import atomic_file

        with atomic_file(json_file_path) as temporary:
            temporary.write_text(self.to_json_string(use_diff=use_diff), encoding="utf-8")

    def save_pretrained(
        self, save_directory: str | PathLike[str], push_to_hub: bool = False, **kwargs: Any
    ) -> None:
        """Write `config.json` into a folder, created if needed; with `push_to_hub` upload it too.

        Raises:
            CheckpointError: `save_directory` is a file.
        """
        from distilbert.checkpoint.upload import uploading

        folder = Path(save_directory)
        if folder.is_file():
            raise CheckpointError(f"`save_directory` must be a folder: got the file {folder}.")
        folder.mkdir(parents=True, exist_ok=True)
        with uploading(folder, push_to_hub, **kwargs):
            self.to_json_file(folder / CONFIG_NAME)

    def push_to_hub(self, repo_id: str, *args: Any, **kwargs: Any) -> Any:
        """Upload `config.json` to a repository of the hub; arguments are those of models."""
        from distilbert.checkpoint.upload import push_model

        return push_model(self, repo_id, *args, **kwargs)

    @overload
    @classmethod
    def from_dict(
        cls, config_dict: Mapping[str, Any], *, return_unused_kwargs: Literal[True], **kwargs: Any
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_dict(
        cls,
        config_dict: Mapping[str, Any],
        *,
        return_unused_kwargs: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    def from_dict(
        cls, config_dict: Mapping[str, Any], *, return_unused_kwargs: bool = False, **kwargs: Any
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A config from plain data; `kwargs` override existing attributes.

        Returns:
            The config; with `return_unused_kwargs=True` also the keywords that name no attribute
            (and `torch_dtype`, which models use too).

        Raises:
            ConfigError: `num_labels` contradicts `id2label`.
        """
        data, misspelled = names.without_misspelled(config_dict, names.known_names(cls))
        config = cls(**data)
        vars(config).update(misspelled)
        checks.check_label_count(kwargs.get("id2label"), kwargs.get("num_labels"))
        if "attn_implementation" in kwargs:
            config._attn_implementation = kwargs.pop("attn_implementation")
        known = {name: value for name, value in kwargs.items() if hasattr(config, name)}
        config.update(known)
        dtypes = ("torch_dtype", "dtype")
        unused = {n: value for n, value in kwargs.items() if n not in known or n in dtypes}
        return (config, unused) if return_unused_kwargs else config

    @classmethod
    def from_json_file(cls, json_file: str | PathLike[str]) -> Self:
        """A config from one JSON file.

        Raises:
            CheckpointError: the file is missing or is not a JSON object.
        """
        return cls.from_dict(read_json(json_file))

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Source,
        *,
        return_unused_kwargs: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Source,
        *,
        return_unused_kwargs: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Source,
        *,
        return_unused_kwargs: bool = False,
        **kwargs: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A config from a folder, a JSON file, the hub, or any other source of checkpoints.

        Args:
            kwargs: overrides of existing attributes, and the hub's options: `revision`, `token`,
                `cache_dir`, `local_files_only`, `force_download`, `subfolder`.

        Returns:
            The config, or (config, unused keywords) with `return_unused_kwargs=True`.

        Raises:
            CheckpointError: there is no config, or it is damaged.
        """
        data, kwargs = cls.get_config_dict(pretrained_model_name_or_path, **kwargs)
        names.warn_of_other_type(data, cls.model_type, pretrained_model_name_or_path)
        if not return_unused_kwargs:
            names.check_names(kwargs, names.known_names(cls))
        result = cls.from_dict(data, return_unused_kwargs=True, **kwargs)
        return result if return_unused_kwargs else result[0]

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: Source, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the file of a config holds, and the keywords that are not about where it is."""
        from distilbert.checkpoint.hub import config_path

        return read_json(config_path(pretrained_model_name_or_path, kwargs)), kwargs

    def update(self, config_dict: Mapping[str, Any]) -> None:
        """Set every attribute named in `config_dict`."""
        for name, value in config_dict.items():
            if name in ("torch_dtype", "dtype") and value == "auto":
                continue  # for the model's loader; the config keeps the type of the weights
            setattr(self, name, checks.parsed_attribute(name, value))
        checks.check_types(self)

    def update_from_string(self, update_str: str) -> None:
        """Set attributes from text such as `"n_layers=3,dropout=0.2"`, in the types they have.

        Raises:
            ConfigError: an attribute is unknown, or its text cannot be read as a value of its type.
                Nothing is set then.
        """
        self.update(checks.parsed_settings(update_str, self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DistilBertConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        data = json.dumps(self.to_diff_dict(), indent=2, sort_keys=True, default=repr)
        return f"{type(self).__name__} {data}\n"
