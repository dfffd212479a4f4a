"""`DistilBertTokenizerFast`: the tokenizer on the Rust library `tokenizers`.

The Rust object is never reconfigured by a call: truncation and padding happen on each call's own
rows, so that one tokenizer can serve many threads.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import tokenizers
from tokenizers import AddedToken, normalizers

from distilbert.errors import InputError
from distilbert.tokenization import rust_backend, template
from distilbert.tokenization.base import Columns, Rows, TokenizerBase
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.inputs import CallTypeError, Examples, Text, read_texts
from distilbert.tokenization.loading import BACKEND
from distilbert.tokenization.special_tokens import as_special_token
from distilbert.tokenization.truncation import check_room, check_stride, rooms_fast


class DistilBertTokenizerFast(TokenizerBase):
    """The fast tokenizer of the page.

    Args:
        vocab_file: path of `vocab.txt`, or the vocabulary itself as a dict.
        tokenizer_file: path of `tokenizer.json`; wins over `vocab_file`.
        clean_text: drop control characters and turn every white space into a plain one.
        wordpieces_prefix: what marks a piece inside a word.

    Raises:
        InputError: neither of the two files given.
        CheckpointError: a file that is missing or does not hold a WordPiece tokenizer.
    """

    is_fast = True

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int] | None = None,
        tokenizer_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool = True,
        unk_token: str | AddedToken = "[UNK]",
        sep_token: str | AddedToken = "[SEP]",
        pad_token: str | AddedToken = "[PAD]",
        cls_token: str | AddedToken = "[CLS]",
        mask_token: str | AddedToken = "[MASK]",
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.do_lower_case = do_lower_case
        vocab_file = kwargs.pop("vocab", None) if vocab_file is None else vocab_file
        added = kwargs.pop("added_tokens_decoder", None) or {}
        clean_text = kwargs.pop("clean_text", True)
        prefix = kwargs.pop("wordpieces_prefix", None)
        _warn_of_slow_options(kwargs)
        options = {
            "do_lower_case": do_lower_case,
            "tokenize_chinese_chars": tokenize_chinese_chars,
            "strip_accents": strip_accents,
            **({} if clean_text else {"clean_text": False}),
            **({} if prefix is None else {"wordpieces_prefix": prefix}),
        }
        special = {
            "unk_token": unk_token,
            "sep_token": sep_token,
            "pad_token": pad_token,
            "cls_token": cls_token,
            "mask_token": mask_token,
        }
        self._set_up(options, {**special, **kwargs})
        normalizer = normalizers.BertNormalizer(
            clean_text=clean_text,
            handle_chinese_chars=tokenize_chinese_chars,
            strip_accents=strip_accents,
            lowercase=do_lower_case,
        )
        if tokenizer_file is not None:
            self._backend = rust_backend.read(tokenizer_file, normalizer, prefix=prefix)
        elif vocab_file is not None:
            self._backend = rust_backend.build(vocab_file, normalizer, prefix=prefix)
        else:
            raise InputError(
                "A fast tokenizer needs a vocabulary: got neither `vocab_file` nor "
                "`tokenizer_file`. Pass one, or use `from_pretrained`."
            )
        self._add_known(added)
        self._special_tokens_changed()

    @property
    def backend_tokenizer(self) -> tokenizers.Tokenizer:
        """The Rust tokenizer underneath."""
        return self._backend

    # ---- calls

    def encode_windows(
        self,
        texts: Sequence[Text],
        pairs: Sequence[Text] | None = None,
        *,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
    ) -> list[list[tokenizers.Encoding]]:
        """The overlapping windows of each example, unpadded, `[CLS] text [SEP] pair [SEP]`.

        Only the last text of an example is cut. `max_length` counts special tokens too.

        Raises:
            InputError: no room for a window, or a `stride` as long as one.
        """
        examples = read_texts(list(texts), pairs, split=is_split_into_words)
        limit = self.model_max_length if max_length is None else max_length
        first = self._encode_alone(examples.first, is_split_into_words)
        second = self._encode_second(examples.second, is_split_into_words)
        windows: list[list[tokenizers.Encoding]] = []
        for a, b in zip(first, second, strict=False):
            fixed, cut = (0, a) if b is None else (len(a), b)
            room = limit - fixed - template.n_special(pair=b is not None)
            if len(cut) > room:
                check_room(room, stride)
                cut.truncate(room, stride=stride)
            row = self._backend.post_process(a, b)
            windows.append([row, *row.overflowing])
        return windows

    def _columns(self, examples: Examples, options: CallOptions) -> tuple[Columns, Rows]:
        if not examples.is_batch and examples.second == [""]:
            # The reference drops an empty second text of a single call, but keeps it in a batch.
            examples = examples._replace(second=None)
        exact = options.return_offsets_mapping
        windows = self._encode_rows(examples, options, exact=exact)
        rows = windows if not options.return_overflowing_tokens else _flat(windows)
        ids = [row.ids for row in rows]
        columns: Columns = {self.model_input_names[0]: ids}
        if options.return_token_type_ids:
            columns["token_type_ids"] = [row.type_ids for row in rows]
        if options.return_attention_mask:
            columns["attention_mask"] = [[1] * len(row) for row in ids]
        if options.return_special_tokens_mask:
            columns["special_tokens_mask"] = [row.special_tokens_mask for row in rows]
        if options.return_offsets_mapping:
            columns["offset_mapping"] = [row.offsets for row in rows]
        if options.return_overflowing_tokens:
            columns["overflow_to_sample_mapping"] = [
                sample
                for sample, row in enumerate(windows)
                for _ in range(1 + len(row.overflowing))
            ]
        if exact:
            return columns, lambda: rows
        return columns, lambda: self._exact_rows(examples, options)

    def _exact_rows(self, examples: Examples, options: CallOptions) -> list[tokenizers.Encoding]:
        """The rows of a call once more, with offsets and words, for those who ask for them."""
        rows = self._encode_rows(examples, options, exact=True)
        return _flat(rows) if options.return_overflowing_tokens else rows

    def _encode_rows(
        self, examples: Examples, options: CallOptions, *, exact: bool
    ) -> list[tokenizers.Encoding]:
        """One row per example, cut as the call asks; `exact` rows know offsets and words."""
        encode = self._backend.encode_batch if exact else self._backend.encode_batch_fast
        rows = encode(
            examples.first if examples.second is None else _pairs(examples),
            is_pretokenized=options.is_split_into_words,
            add_special_tokens=options.add_special_tokens,
        )
        limit = options.max_length
        if options.truncation is None or limit is None:
            return rows
        check_stride(limit - template.N_SPECIAL_SINGLE, options.stride)
        too_long = [index for index, row in enumerate(rows) if len(row) > limit]
        if too_long:
            cut = self._cut_rows(examples.select(too_long), options)
            for index, row in zip(too_long, cut, strict=True):
                rows[index] = row
        return rows

    def _cut_rows(self, examples: Examples, options: CallOptions) -> list[tokenizers.Encoding]:
        """Rows that fit into `max_length`: encoded without the template, cut, then completed."""
        assert options.max_length is not None
        assert options.truncation is not None
        first = self._encode_alone(examples.first, options.is_split_into_words)
        second = self._encode_second(examples.second, options.is_split_into_words)
        rows: list[tokenizers.Encoding] = []
        for a, b in zip(first, second, strict=False):
            added = template.n_special(pair=b is not None) if options.add_special_tokens else 0
            rooms = rooms_fast(
                *(len(a), None if b is None else len(b), options.max_length - added),
                strategy=options.truncation,
                stride=options.stride,
            )
            for row, room in zip((a, b), rooms, strict=True):
                if row is not None and room is not None and room < len(row):
                    row.truncate(room, stride=options.stride, direction=self.truncation_side)
            rows.append(self._backend.post_process(a, b, options.add_special_tokens))
        return rows

    def _encode_alone(self, texts: Sequence[Text], is_split_into_words: bool) -> list[Any]:
        """Texts without the template, ready to be cut."""
        return self._backend.encode_batch(
            texts, is_pretokenized=is_split_into_words, add_special_tokens=False
        )

    def _encode_second(self, texts: Sequence[Text | None] | None, is_split: bool) -> Iterator[Any]:
        """The second texts without the template, None for each example that has none."""
        given = [text for text in texts or () if text is not None]
        rows = iter(self._encode_alone(given, is_split))
        return (None if text is None else next(rows) for text in texts or repeat(None))

    def _unbatch(self, columns: Columns, options: CallOptions) -> dict[str, Any]:
        # As in the reference: windows stay rows, and plain numbers stay in their list.
        if options.return_overflowing_tokens:
            return dict(columns)
        return {
            name: column[0] if isinstance(column[0], list) else column
            for name, column in columns.items()
        }

    def _refuse_keywords(self, names: Sequence[str]) -> None:
        raise CallTypeError(f"A call takes only the documented keywords: got {', '.join(names)}.")

    # ---- tokens

    @property
    def vocab_size(self) -> int:
        """How many tokens the vocabulary has, without added ones."""
        return self._backend.get_vocab_size(with_added_tokens=False)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens (special ones included) by id, in the order of their ids."""
        return dict(sorted(self._backend.get_added_tokens_decoder().items()))

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added tokens included."""
        return self._backend.get_vocab(with_added_tokens=True)

    def __len__(self) -> int:
        return self._backend.get_vocab_size(with_added_tokens=True)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of word pieces: joined with spaces, `##` pieces glued on."""
        decoder = self._backend.decoder
        assert decoder is not None  # rust_backend sees to it
        return decoder.decode(tokens)

    def _find_id(self, token: str) -> int | None:
        return self._backend.token_to_id(token)

    def _find_token(self, token_id: int) -> str | None:
        return self._backend.id_to_token(token_id)

    def _decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        if skip_special_tokens:
            special = set(self.all_special_ids)
            ids = [index for index in ids if index not in special]
        return self._backend.decode(ids, skip_special_tokens=skip_special_tokens)

    def _add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int:
        self._revision += 1
        if special:
            return self._backend.add_special_tokens(
                [as_special_token(token, name="add_tokens") for token in tokens]
            )
        return self._backend.add_tokens(list(tokens))

    def _special_tokens_changed(self) -> None:
        self._revision += 1
        rust_backend.set_template(
            self._backend,
            cls=(self.cls_token, self.cls_token_id),
            sep=(self.sep_token, self.sep_token_id),
        )
        rust_backend.set_unknown(self._backend, self.unk_token)

    def _add_known(self, added: Mapping[int, AddedToken]) -> None:
        """Register the added tokens of the files, then the special ones that are missing."""
        listed = [added[index] for index in sorted(added)]
        known = {token.content for token in listed}
        missing = [token for token in self._special_token_objects() if token.content not in known]
        self._backend.add_tokens([*listed, *missing])

    def _vocabulary(self) -> dict[str, int]:
        return self._backend.get_vocab(with_added_tokens=False)

    def _backend_files(self) -> dict[str, str]:
        return {BACKEND: self._backend.to_str(pretty=True) + "\n"}


def _pairs(examples: Examples) -> list[Any]:
    """The examples as the Rust tokenizer takes them: a text alone or a tuple of two."""
    return [a if b is None else (a, b) for a, b in examples.rows()]


def _flat(rows: list[tokenizers.Encoding]) -> list[tokenizers.Encoding]:
    """Every row followed by its further windows."""
    return [window for row in rows for window in (row, *row.overflowing)]


def _warn_of_slow_options(kwargs: dict[str, Any]) -> None:
    """Say that options of the slow class change nothing here; they are kept for saving."""
    ignored = [name for name in ("never_split",) if kwargs.get(name)]
    if kwargs.get("do_basic_tokenize") is False:
        ignored.append("do_basic_tokenize")
    if ignored:
        warnings.warn(
            f"The fast tokenizer cannot honour {' and '.join(f'`{n}`' for n in ignored)}: "
            "use `DistilBertTokenizer` for it.",
            stacklevel=3,
        )
