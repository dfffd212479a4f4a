"""`DistilBertTokenizerFast`: the tokenizer on the Rust library `tokenizers`.

The Rust object is never reconfigured by a call: truncation and padding happen on each call's own
rows, so that one tokenizer can serve many threads.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers
from tokenizers import AddedToken, normalizers

from distilbert.errors import InputError
from distilbert.tokenization import rust_backend
from distilbert.tokenization.base import Rows, TokenizerBase
from distilbert.tokenization.batch_encoding import Row
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.chunk_ids import ChunkIds, has_independent_chunks
from distilbert.tokenization.encoding import Encoding
from distilbert.tokenization.from_ids import Columns, IdRow, columns_of_rows
from distilbert.tokenization.inputs import CallTypeError, Examples, Text
from distilbert.tokenization.loading import BACKEND
from distilbert.tokenization.special_tokens import as_special_token
from distilbert.tokenization.truncation import refuse_long_stride, rooms_fast, windows
from distilbert.tokenization.wordpiece import TextPieces


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

    def _columns(self, examples: Examples, options: CallOptions) -> tuple[Columns, Rows]:
        if not examples.is_batch and examples.second and not examples.second[0]:
            # The reference drops an empty second text of a single call, but keeps it in a batch.
            examples = examples._replace(second=None)
        remembered = self._chunk_ids
        if options.return_offsets_mapping or options.return_overflowing_tokens or not remembered:
            return self._columns_of_encodings(examples, options)
        cls_id, sep_id = self._template_ids()
        rows = self._id_rows(examples, options, remembered)
        columns = columns_of_rows(rows, options, cls_id=cls_id, sep_id=sep_id)
        return columns, lambda: self._encode_rows(examples, options)

    def _columns_of_encodings(
        self, examples: Examples, options: CallOptions
    ) -> tuple[Columns, Rows]:
        """The columns read from whole rows, for calls that need more than ids."""
        windows = self._encode_rows(examples, options)
        rows = windows if not options.return_overflowing_tokens else _flat(windows)
        columns: Columns = {"input_ids": [row.ids for row in rows]}
        if options.return_token_type_ids:
            columns["token_type_ids"] = [row.type_ids for row in rows]
        if options.return_attention_mask:
            columns["attention_mask"] = [row.attention_mask for row in rows]
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
        return columns, lambda: rows

    def _id_rows(
        self, examples: Examples, options: CallOptions, remembered: ChunkIds
    ) -> list[IdRow]:
        """The ids of each example without special tokens, cut as the call asks."""
        first = remembered.encode(examples.first)
        given = [text for text in examples.second or () if text is not None]
        second = iter(remembered.encode(given))
        rows: list[IdRow] = [
            (ids, None if pair is None else next(second))
            for ids, (_, pair) in zip(first, examples.rows(), strict=True)
        ]
        if options.truncation is None or options.max_length is None:
            return rows
        refuse_long_stride(options)
        return [_cut_ids(a, b, options) for a, b in rows]

    def _encode_rows(self, examples: Examples, options: CallOptions) -> list[Row]:
        """One row per example with offsets and words, cut as the call asks."""
        rows: list[Any] = self._backend.encode_batch(
            examples.first if examples.second is None else _pairs(examples),
            is_pretokenized=options.is_split_into_words,
            add_special_tokens=options.add_special_tokens,
        )
        limit = options.max_length
        if options.truncation is None or limit is None:
            return rows
        refuse_long_stride(options)
        too_long = [index for index, row in enumerate(rows) if len(row) > limit]
        if too_long:
            cut = self._cut_rows(examples.select(too_long), options)
            for index, row in zip(too_long, cut, strict=True):
                rows[index] = row
        return rows

    def _cut_rows(self, examples: Examples, options: CallOptions) -> list[Encoding]:
        """Rows that fit into `max_length`, each with the windows that were cut off.

        Encoded again without the template, since what is cut is the text and not its end marks.
        """
        first = self._text_pieces(examples.first, split=options.is_split_into_words)
        given = [text for text in examples.second or () if text is not None]
        second = iter(self._text_pieces(given, split=options.is_split_into_words))
        stride, side = options.stride, options.truncation_side
        rows: list[Encoding] = []
        for a, (_, pair) in zip(first, examples.rows(), strict=True):
            b = None if pair is None else next(second)
            n_pair = None if b is None else len(b.ids)
            room_a, room_b = rooms_fast(len(a.ids), n_pair, options)
            cuts_a = windows(len(a.ids), room_a, stride, side=side)
            cuts_b = windows(n_pair or 0, room_b, stride, side=side)
            row, *further = [
                self._row(a, cut_a, b, cut_b, complete=options.add_special_tokens)
                for cut_a, cut_b in _combined(cuts_a, cuts_b)
            ]
            row.overflowing = further
            rows.append(row)
        return rows

    def _text_ids(self, texts: Sequence[Text], *, split: bool) -> list[list[int]]:
        if self._chunk_ids is not None:
            return self._chunk_ids.encode(texts)
        return [row.ids for row in self._rust_rows(texts, split=split)]

    def _text_pieces(self, texts: Sequence[Text], *, split: bool) -> list[TextPieces]:
        return [_pieces(row) for row in self._rust_rows(texts, split=split)]

    def _rust_rows(self, texts: Sequence[Text], *, split: bool) -> list[tokenizers.Encoding]:
        return self._backend.encode_batch(
            list(texts), is_pretokenized=split, add_special_tokens=False
        )

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
            tokens = [as_special_token(token, name="add_tokens") for token in tokens]
        add = self._backend.add_special_tokens if special else self._backend.add_tokens
        n_added = add(list(tokens))
        self._forget()
        return n_added

    def _special_tokens_changed(self) -> None:
        self._revision += 1
        rust_backend.set_template(
            self._backend,
            cls=(self.cls_token, self.cls_token_id),
            sep=(self.sep_token, self.sep_token_id),
        )
        rust_backend.set_unknown(self._backend, self.unk_token)
        self._forget()

    def _forget(self) -> None:
        """Start a new memory of chunks, or none where the shortcut would change ids."""
        complete = self.cls_token is not None and self.sep_token is not None
        usable = complete and has_independent_chunks(self._backend)
        self._chunk_ids = ChunkIds(self._backend) if usable else None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_chunk_ids"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

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


def _pieces(row: tokenizers.Encoding) -> TextPieces:
    """A Rust row without special tokens, as the Python rows are made from."""
    pieces = TextPieces()
    pieces.ids, pieces.tokens, pieces.offsets = row.ids, row.tokens, row.offsets
    pieces.words = [word for word in row.word_ids if word is not None]
    return pieces


def _cut_ids(first: list[int], second: list[int] | None, options: CallOptions) -> IdRow:
    """The part of the ids that `max_length` leaves."""
    n_second = None if second is None else len(second)
    room_first, room_second = rooms_fast(len(first), n_second, options)
    stride, side = options.stride, options.truncation_side
    kept = first[windows(len(first), room_first, stride, side=side)[0]]
    if second is None:
        return kept, None
    return kept, second[windows(len(second), room_second, stride, side=side)[0]]


def _combined(first: list[slice], second: list[slice]) -> list[tuple[slice, slice]]:
    """Every window of the first text with every one of the second, in the Rust library's order."""
    main, *rest = first
    pairs = [(main, second[0])]
    pairs += [(cut_a, cut_b) for cut_a in rest for cut_b in second]
    return pairs + [(main, cut_b) for cut_b in second[1:]]


def _flat(rows: list[Row]) -> list[Row]:
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
