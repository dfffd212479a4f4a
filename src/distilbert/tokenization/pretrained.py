"""The settings of a tokenizer and its files: `from_pretrained`, `save_pretrained`, `push_to_hub`.

Knows nothing of how a text is encoded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from tokenizers import AddedToken, normalizers

from distilbert.checkpoint.upload import take_upload_options, upload_saved, uploading
from distilbert.errors import InputError, UnknownArgumentError
from distilbert.tokenization import loading, saving
from distilbert.tokenization.engine import Engine
from distilbert.tokenization.learning import learn_vocabulary
from distilbert.tokenization.special_tokens import ADDITIONAL, NAMES
from distilbert.tokenization.token_table import TokenTable


class PretrainedTokenizer(TokenTable):
    """A tokenizer that is loaded from files and saved to them."""

    is_fast: bool
    model_max_length: int
    padding_side: str
    truncation_side: str
    model_input_names: list[str]
    init_inputs: tuple[Any, ...] = ()

    def __init__(self, engine: Engine, options: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """Store what every tokenizer has; `options` are those of the class, `kwargs` any others.

        Raises:
            InputError: a side is neither "right" nor "left", or the limit is not a positive number.
        """
        older = kwargs.pop("max_len", None)  # the name of the limit before transformers 3
        if kwargs.get("model_max_length") is None:
            kwargs["model_max_length"] = older
        for name, default in saving.DEFAULTS.items():
            value = kwargs.pop(name, None)
            value = default if value is None else value
            if name.endswith("_side") and value not in ("right", "left"):
                raise InputError(f"`{name}` must be 'right' or 'left': got {value!r}.")
            setattr(self, name, value)
        self.model_max_length = _length(self.model_max_length)
        self.model_input_names = list(self.model_input_names)
        self.name_or_path = str(kwargs.pop("name_or_path", ""))
        self._engine = engine
        self.init_kwargs = {**options, **kwargs, **self.special_tokens_map}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, "
            f"vocab_size={self.vocab_size}, model_max_length={self.model_max_length})"
        )

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *init_inputs: Any, **kwargs: Any
    ) -> Self:
        """The tokenizer saved in a folder, a vocabulary file, or a remote source.

        Takes `revision`, `token`, `cache_dir`, `local_files_only`, `force_download` and
        `subfolder`; every other keyword overrides what the files say. Where neither says
        `do_lower_case`, a vocabulary with upper-case pieces keeps the case of texts, with a
        warning.

        Raises:
            CheckpointError: no vocabulary there, or a broken file.
        """
        files = loading.find_tokenizer(pretrained_model_name_or_path, kwargs)
        tokenizer = cls(*init_inputs, **files.arguments(fast=cls.is_fast, overrides=kwargs))
        tokenizer.init_inputs = init_inputs
        return tokenizer

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> tuple[str, ...]:
        """Write every file that `from_pretrained` reads, all or none; returns their paths.

        Args:
            legacy_format: False writes the vocabulary of a fast tokenizer only in
                `tokenizer.json`, True only in `vocab.txt`; None in both.
            filename_prefix: goes before every name, with a hyphen.
            push_to_hub: also upload the files.
            kwargs: for an upload: `repo_id` (by default the folder's name), `commit_message`,
                `commit_description`, `private`, `token`, `revision` and `create_pr`.

        Raises:
            InputError: `legacy_format=False` for a slow tokenizer.
            HubError: the upload failed; the files are saved.
        """
        if legacy_format is False and not self.is_fast:
            raise InputError(
                "`legacy_format=False` needs a fast tokenizer, because only that has a "
                "`tokenizer.json`: got a slow one. Leave it out."
            )
        content = saving.TokenizerContent(
            self._engine.vocabulary(),
            self._engine.added_tokens(),
            self._engine.special_tokens,
            settings=self._settings(),
            backend_files=self._engine.files(),
        )
        folder = Path(save_directory)
        with uploading(folder, push_to_hub, **kwargs):
            return saving.save_tokenizer(
                content, folder, filename_prefix=filename_prefix, legacy_format=legacy_format
            )

    def push_to_hub(
        self,
        repo_id: str,
        use_temp_dir: bool | None = None,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Upload every file of the tokenizer to a repository; returns huggingface_hub's answer.

        Args:
            use_temp_dir: False keeps the files too, in a folder of the repository's name in the
                working folder.
            kwargs: `create_pr`, `revision`, `commit_description` and `tags` of the model card;
                `max_shard_size` and `safe_serialization` are for models.

        Raises:
            HubError: the upload failed.
        """
        for_models = {"max_shard_size", "safe_serialization"}
        kwargs = {name: value for name, value in kwargs.items() if name not in for_models}
        kwargs |= {"repo_id": repo_id, "commit_message": commit_message, "private": private}
        kwargs |= {} if token is None else {"token": token}
        options = take_upload_options(kwargs, caller="push_to_hub")
        return upload_saved(self.save_pretrained, options, use_temp_dir=use_temp_dir)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Write `vocab.txt` alone: one token per line, the line number is the id."""
        vocabulary = self._engine.vocabulary()
        return saving.save_vocabulary(vocabulary, Path(save_directory), filename_prefix)

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[str | Sequence[str]],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Sequence[str | AddedToken] | None = None,
        special_tokens_map: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A tokenizer with the settings of this one and a vocabulary learned from texts.

        The special tokens get the first ids, in their present order, then the new ones.

        Args:
            text_iterator: texts, or batches of texts.
            length: not needed; accepted because the reference has it.
            special_tokens_map: the new text of special tokens, by their present text.
            kwargs: `min_frequency` (default 0), `limit_alphabet` and `show_progress`, as in
                `train_wordpiece`.

        Raises:
            InputError: there is no text, or `vocab_size` is too small.
            UnknownArgumentError: another keyword.
        """
        if unknown := kwargs.keys() - {"min_frequency", "limit_alphabet", "show_progress"}:
            raise UnknownArgumentError(
                "`train_new_from_iterator` takes `min_frequency`, `limit_alphabet` and "
                f"`show_progress` for the training: got {', '.join(sorted(unknown))}."
            )
        present = self._engine.special_tokens
        special = present.renamed(special_tokens_map or {}, new=new_special_tokens or ())
        order = sorted(present.tokens(), key=lambda text: self._engine.find_id(text) or 0)
        texts = [(special_tokens_map or {}).get(text, text) for text in order]
        settings = self._settings()
        vocabulary = learn_vocabulary(
            normalizers.BertNormalizer(
                clean_text=settings.get("clean_text", True),
                handle_chinese_chars=settings["tokenize_chinese_chars"],
                strip_accents=settings["strip_accents"],
                lowercase=settings["do_lower_case"],
            ),
            texts=_flat(text_iterator),
            vocab_size=vocab_size,
            special_tokens=list(dict.fromkeys([*texts, *special.tokens()])),
            **{"min_frequency": 0, **kwargs},
        )
        make = cast("Callable[..., Self]", type(self))  # the constructor of a tokenizer class
        return make(vocabulary, **settings, **special.named, **{ADDITIONAL: special.additional})

    def _settings(self) -> dict[str, Any]:
        """The options of the constructor apart from special tokens, as they are now."""
        special = {*NAMES, ADDITIONAL}
        options = {name: value for name, value in self.init_kwargs.items() if name not in special}
        return {**options, **{name: getattr(self, name) for name in saving.DEFAULTS}}


def _flat(texts: Iterable[str | Sequence[str]]) -> Iterator[str]:
    for item in texts:
        if isinstance(item, str):
            yield item
        else:
            yield from item


def _length(value: Any) -> int:
    """A limit as a whole number; some JSON files hold the one that means "no limit" as 1e30.

    Raises:
        InputError: `value` is not a positive number.
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not 0 < value < math.inf:
        raise InputError(f"`model_max_length` must be a positive number of tokens: got {value!r}.")
    return int(value)
