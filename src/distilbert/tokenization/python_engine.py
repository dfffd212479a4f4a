"""The engine of `DistilBertTokenizer`, in pure Python: vocabulary, added tokens and WordPiece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenizers import AddedToken

from distilbert.tokenization.encoding import TextPieces
from distilbert.tokenization.inputs import Text
from distilbert.tokenization.special_tokens import (
    ADDITIONAL,
    UNKNOWN,
    SpecialTokens,
    as_special_token,
    check_unknown,
    copy_token,
)
from distilbert.tokenization.wordpiece import WordPieceEncoder


class PythonEngine:
    """An `Engine` whose encoder is replaced whenever the tokens change.

    Args:
        rules: the options of `WordPieceEncoder`, such as `do_lower_case`.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        special_tokens: SpecialTokens,
        *,
        added_tokens: Mapping[int, AddedToken],
        rules: dict[str, Any],
    ) -> None:
        self._vocabulary = vocabulary
        self._tokens = {index: token for token, index in vocabulary.items()}
        self._rules = rules
        self._added = dict(sorted(added_tokens.items()))
        self.special_tokens = special_tokens
        self.revision = 0
        self._register(special_tokens.tokens().values())
        # What stands for an unknown word while `unk_token` is None.
        self._unknown = special_tokens.text("unk_token") or UNKNOWN
        self._rebuild()

    def set_special_tokens(self, tokens: SpecialTokens, *, new: Sequence[AddedToken] = ()) -> int:
        unknown = tokens.text("unk_token")
        check_unknown(unknown, self, new)
        self.special_tokens = tokens
        self._unknown = self._unknown if unknown is None else unknown
        n_added = self._register(new)
        self._rebuild()
        return n_added

    def add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int:
        n_added = self._register(self._as_added(token, special=special) for token in tokens)
        self._rebuild()
        return n_added

    def renumbered(self, ids: Mapping[str, int]) -> PythonEngine:
        other = object.__new__(PythonEngine)
        vocabulary = {token: ids[token] for token in self._vocabulary if token in ids}
        state = {
            **self.__getstate__(),
            "_vocabulary": vocabulary,
            "_tokens": {index: token for token, index in vocabulary.items()},
            "_added": {ids[token.content]: token for token in self._added.values()},
        }
        other.__setstate__(state)
        return other

    def without_added_tokens(self) -> PythonEngine:
        """An engine of the same tokens that does not look for added ones in texts."""
        if self._twin is None:
            twin = object.__new__(PythonEngine)
            vars(twin).update(vars(self))
            twin._encoder = self._new_encoder(finds_added=False)
            self._twin = twin
        return self._twin

    def vocabulary(self) -> Mapping[str, int]:
        return self._vocabulary

    def added_tokens(self) -> dict[int, AddedToken]:
        return dict(sorted(self._added.items()))

    def n_tokens(self, *, with_added: bool) -> int:
        if not with_added:
            return len(self._vocabulary)
        return 1 + max((*self._vocabulary.values(), *self._added), default=-1)

    def find_id(self, token: str) -> int | None:
        index = self._added_ids.get(token)
        return self._vocabulary.get(token) if index is None else index

    def find_token(self, token_id: int) -> str | None:
        added = self._added.get(token_id)
        unknown = self.special_tokens.text("unk_token")
        return self._tokens.get(token_id, unknown) if added is None else added.content

    def ids(self, texts: Sequence[Text], *, split: bool) -> list[list[int]]:
        encode = self._encoder.ids
        if not split:
            return [encode(text) for text in texts]  # pyright: ignore[reportArgumentType]
        return [[index for word in words for index in encode(word)] for words in texts]

    def pieces(self, texts: Sequence[Text], *, split: bool) -> list[TextPieces]:
        if not split:
            return [self._encoder.pieces(text) for text in texts]  # pyright: ignore[reportArgumentType]
        return [self._pieces_of_words(words) for words in texts]

    def _pieces_of_words(self, words: Sequence[str]) -> TextPieces:
        joined = TextPieces()
        for number, word in enumerate(words):
            pieces = self._encoder.pieces(word)
            joined.ids += pieces.ids
            joined.tokens += pieces.tokens
            joined.offsets += pieces.offsets
            joined.word_ids += [number] * len(pieces.ids)
        return joined

    def row(self, pieces: Any, *, add_special_tokens: bool) -> None:
        return None

    def tokens(self, text: str) -> list[str]:
        return self._encoder.tokens(text)

    def join(self, tokens: list[str]) -> str:
        return " ".join(tokens).replace(" ##", "").strip()

    def decode(self, ids: list[int], *, skip_special_tokens: bool, spaced: bool) -> str:
        """Added tokens are joined to the rest as `spaced` says, special ones if they are new."""
        special = self.special_tokens
        separate = {t.content for t in self._added.values()} - special.tokens().keys()
        separate |= {t.content for t in special.additional} - self._vocabulary.keys()
        texts: list[str] = []
        pieces: list[str] = []
        for token in map(str, map(self.find_token, ids)):
            if token not in separate:
                pieces.append(token)
                continue
            texts += [self.join(pieces), token] if pieces else [token]
            pieces = []
        return (" " if spaced else "").join([*texts, self.join(pieces)] if pieces else texts)

    def files(self) -> dict[str, str]:
        return {}

    def _as_added(self, token: str | AddedToken, *, special: bool) -> AddedToken:
        text = token if isinstance(token, str) else token.content
        if special or text in self.special_tokens.tokens():
            return as_special_token(token, name="add_tokens")
        token = AddedToken(token) if isinstance(token, str) else token
        if self._rules["do_lower_case"] and token.normalized and not token.special:
            return copy_token(token, content=text.lower())
        return token

    def _register(self, tokens: Iterable[AddedToken]) -> int:
        """Assign an id to every token that has none; returns how many are new."""
        known = {**self._vocabulary, **{t.content: i for i, t in self._added.items()}}
        added = dict(self._added)
        listed = {token.content for token in added.values()}
        n_before = len(known)
        next_id = 1 + max(known.values(), default=-1)
        for token in tokens:
            if not token.content or token.content in listed:
                continue
            listed.add(token.content)
            added[known.setdefault(token.content, next_id)] = token
            next_id = max(next_id, 1 + known[token.content])
            if token.special and token.content not in self.special_tokens.tokens():
                additional = [*self.special_tokens.additional, token]
                self.special_tokens = self.special_tokens.updated({ADDITIONAL: additional})
        self._added = added
        return len(known) - n_before

    def _rebuild(self) -> None:
        """A new encoder for the present tokens; the old one serves calls that are running."""
        self.revision += 1
        self._added_ids = {token.content: index for index, token in self._added.items()}
        self._encoder = self._new_encoder(finds_added=True)
        self._twin: PythonEngine | None = None

    def _new_encoder(self, *, finds_added: bool) -> WordPieceEncoder:
        return WordPieceEncoder(
            self._vocabulary,
            **self._rules,
            unk_token=self._unknown,
            special_tokens=self.special_tokens.tokens().keys(),
            added_tokens=self._added,
            finds_added=finds_added,
        )

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_encoder", "_twin")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._rebuild()  # the encoder's memory is not worth copying
