"""The engine of `DistilBertTokenizerFast`, on the Rust library `tokenizers`.

The Rust object is never reconfigured by a call: truncation and padding happen on each call's
rows, so that many threads can share one tokenizer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import (
    AddedToken,
    Encoding,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from distilbert.errors import CheckpointError, InputError, TokenIdError
from distilbert.tokenization.chunk_ids import ChunkIds, has_independent_chunks
from distilbert.tokenization.inputs import Text
from distilbert.tokenization.loading import BACKEND, read_backend
from distilbert.tokenization.rust_ids import placed_tokens, renumbered, with_only, with_vocabulary
from distilbert.tokenization.special_tokens import (
    SpecialTokens,
    as_special_token,
    check_unknown,
    token_from_facts,
)
from distilbert.tokenization.vocab import load_vocab
from distilbert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH


class RustEngine:
    """An `Engine` over a `tokenizers.Tokenizer`, which it changes when tokens are added or set."""

    def __init__(
        self,
        backend: Tokenizer,
        special_tokens: SpecialTokens,
        *,
        added_tokens: Mapping[int, AddedToken],
    ) -> None:
        listed = [added_tokens[index] for index in sorted(added_tokens)]
        contents = {token.content for token in listed}
        named = special_tokens.tokens().values()
        self.backend = renumbered(backend, added_tokens)
        self.backend.add_tokens([*listed, *(t for t in named if t.content not in contents)])
        self.revision = 0
        self.set_special_tokens(special_tokens)

    def set_special_tokens(self, tokens: SpecialTokens, *, new: Sequence[AddedToken] = ()) -> int:
        unknown, cls, sep = map(tokens.text, ("unk_token", "cls_token", "sep_token"))
        check_unknown(unknown, self, new)
        check_template((cls, sep))
        self.special_tokens = tokens
        n_added = self.add(new, special=True)
        if unknown is not None and isinstance(self.backend.model, models.WordPiece):
            if self.backend.model.token_to_id(unknown) is None:
                self.backend = with_vocabulary(self.backend, self.added_tokens())
            self.backend.model.unk_token = unknown
        set_template(self.backend, cls, sep, unknown)
        self._changed()
        return n_added

    def add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int:
        if special:
            tokens = [as_special_token(token, name="add_tokens") for token in tokens]
        added = [AddedToken(token) if isinstance(token, str) else token for token in tokens]
        n_added = 0
        if added:
            texts = {token.content: token for token in added if token.content}
            new = [token for text, token in texts.items() if self.find_id(text) is None]
            following = self.n_tokens(with_added=True)
            self.backend = renumbered(self.backend, dict(enumerate(new, following)))
            n_added = self.backend.add_tokens(added)
        self._changed()
        return n_added

    def renumbered(self, ids: Mapping[str, int]) -> RustEngine:
        added = {ids[token.content]: token for token in self.added_tokens().values()}
        vocabulary = {token: ids[token] for token in self.vocabulary() if token in ids}
        backend = with_only(self.backend, vocabulary)
        return RustEngine(backend, self.special_tokens, added_tokens=added)

    def vocabulary(self) -> Mapping[str, int]:
        placed = self._placed
        vocabulary = self.backend.get_vocab(with_added_tokens=False)
        return {t: i for t, i in vocabulary.items() if t not in placed} if placed else vocabulary

    def added_tokens(self) -> dict[int, AddedToken]:
        return dict(sorted(self.backend.get_added_tokens_decoder().items()))

    def n_tokens(self, *, with_added: bool) -> int:
        if not with_added:
            return self.backend.get_vocab_size(with_added_tokens=False) - len(self._placed)
        return 1 + max(self.backend.get_vocab().values(), default=-1)

    def find_id(self, token: str) -> int | None:
        return self.backend.token_to_id(token)

    def find_token(self, token_id: int) -> str | None:
        if token_id < 0:
            raise _negative_id(token_id)
        return self.backend.id_to_token(token_id)

    def ids(self, texts: Sequence[Text], *, split: bool) -> list[list[int]]:
        if self._chunk_ids is not None:
            return self._chunk_ids.encode(texts)
        return [row.ids for row in self.pieces(texts, split=split)]

    def pieces(self, texts: Sequence[Text], *, split: bool) -> list[Encoding]:
        return self.backend.encode_batch(
            list(texts), is_pretokenized=split, add_special_tokens=False
        )

    def row(self, pieces: Any, *, add_special_tokens: bool) -> Encoding:
        return self.backend.post_process(pieces, None, add_special_tokens)

    def tokens(self, text: str) -> list[str]:
        return self.backend.encode(text, add_special_tokens=False).tokens

    def join(self, tokens: list[str]) -> str:
        decoder = self.backend.decoder
        assert decoder is not None  # `build` and `read` set one
        return decoder.decode(tokens)

    def decode(self, ids: list[int], *, skip_special_tokens: bool, spaced: bool) -> str:
        if min(ids, default=0) < 0:
            raise _negative_id(min(ids))
        return self.backend.decode(ids, skip_special_tokens=skip_special_tokens)

    def files(self) -> dict[str, str]:
        return {BACKEND: self.backend.to_str(pretty=True) + "\n"}

    @property
    def _placed(self) -> frozenset[str]:
        """The added tokens that are in the vocabulary only to have their ids."""
        if self._placed_tokens is None:
            self._placed_tokens = placed_tokens(self.backend, self.special_tokens.tokens())
        return self._placed_tokens

    def _changed(self) -> None:
        """Start a new memory of chunks, or none where the shortcut would change ids."""
        self.revision += 1
        self._placed_tokens: frozenset[str] | None = None
        usable = has_independent_chunks(self.backend)
        self._chunk_ids = ChunkIds(self.backend) if usable else None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_chunk_ids"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._changed()


def _negative_id(token_id: int) -> TokenIdError:
    return TokenIdError(
        f"A token id must not be negative: got {token_id}. Labels of -100 mark ignored positions: "
        "leave them out."
    )


def read_vocabulary(vocab: str | os.PathLike[str] | Mapping[str, int]) -> dict[str, int]:
    """A vocabulary that is given as a path or as token to id.

    Raises:
        CheckpointError: the file is not a vocabulary.
    """
    return dict(vocab) if isinstance(vocab, Mapping) else load_vocab(os.fspath(vocab))


def build(
    vocab: str | os.PathLike[str] | Mapping[str, int],
    normalizer: normalizers.BertNormalizer,
    *,
    prefix: str | None,
) -> Tokenizer:
    """The tokenizer of a vocabulary, given as a path or as token to id."""
    vocabulary = read_vocabulary(vocab)
    prefix = CONTINUATION if prefix is None else prefix
    model = models.WordPiece(
        vocabulary, max_input_chars_per_word=MAX_WORD_LENGTH, continuing_subword_prefix=prefix
    )
    backend = Tokenizer(model)
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix=prefix)
    return backend


def read(
    path: str | os.PathLike[str], normalizer: normalizers.BertNormalizer, *, prefix: str | None
) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`; only a normalizer of BERT's kind is replaced.

    Raises:
        CheckpointError: no such file, or not a WordPiece tokenizer.
    """
    listed = read_backend(path).get("added_tokens") or ()
    try:
        backend = Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # the library raises bare Exception for every kind of fault
        raise CheckpointError(f"A tokenizer file must be readable: got {path}: {error}.") from error
    model = backend.model
    if not isinstance(model, models.WordPiece):
        raise CheckpointError(
            f"DistilBERT needs a WordPiece tokenizer: got {type(model).__name__} in {path}."
        )
    # Padding and truncation in the file would apply to every call; each call states its own.
    backend.no_padding()
    backend.no_truncation()
    if backend.normalizer is None or isinstance(backend.normalizer, normalizers.BertNormalizer):
        backend.normalizer = normalizer
    if prefix is not None:
        model.continuing_subword_prefix = prefix
    if backend.decoder is None or prefix is not None:
        backend.decoder = decoders.WordPiece(prefix=model.continuing_subword_prefix)
    return renumbered(backend, {facts["id"]: token_from_facts(facts) for facts in listed})


def check_template(tokens: Sequence[str | None]) -> None:
    """Refuse special tokens that the template of the library cannot hold.

    Raises:
        InputError: one of `tokens` holds a colon or begins with a dollar sign.
    """
    for token in tokens:
        if token is not None and (":" in token or token.startswith("$")):
            raise InputError(
                "`cls_token` and `sep_token` of the fast tokenizer must not hold `:` or begin with "
                f"`$`: got {token!r}. Use another token, or `DistilBertTokenizer`."
            )


def set_template(backend: Tokenizer, cls: str | None, sep: str | None, unk: str | None) -> None:
    """Make `backend` put `[CLS]` and `[SEP]` around texts; a token without an id is left out."""
    unknown = None if unk is None else backend.token_to_id(unk)
    ids = {token: backend.token_to_id(token) for token in (cls, sep) if token is not None}
    ids = {token: unknown if index is None else index for token, index in ids.items()}
    known = {token: index for token, index in ids.items() if index is not None}
    start = [f"{cls}:0"] if cls in known else []
    end = [[f"{sep}:{type_id}"] if sep in known else [] for type_id in (0, 1)]
    backend.post_processor = processors.TemplateProcessing(
        single=[*start, "$A:0", *end[0]],
        pair=[*start, "$A:0", *end[0], "$B:1", *end[1]],
        special_tokens=list(known.items()),
    )
