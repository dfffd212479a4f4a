"""Text to pieces in pure Python: the text processing of `DistilBertTokenizer`.

The unit of work is the chunk, cleaned text between two spaces. Its pieces depend on nothing around
it, so each distinct chunk is analysed once and remembered. Knows nothing of templates, truncation,
padding and files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization import normalize
from distilbert.tokenization.added import AddedTokens, pattern_of
from distilbert.tokenization.encoding import TextPieces
from distilbert.tokenization.memo import Memo

MAX_WORD_LENGTH = 100  # characters; longer words are unknown (as in BERT)
CHUNK_LIMIT = 1 << 15  # remembered chunks; about 20 MB of ordinary words
LONGEST_REMEMBERED = 64  # characters; longer chunks rarely occur again
CONTINUATION = "##"

_NON_SPACE = re.compile(r"\S+")


class Chunk(NamedTuple):
    """The pieces of one chunk: `spans` are characters of the chunk, `words` count from 0."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    words: tuple[int, ...]


class WordPieceEncoder:
    """The rules of the slow tokenizer for one vocabulary and one set of options.

    Immutable, so threads can share it.

    Args:
        vocab: the lines of `vocab.txt`, without added tokens.
        never_split: words that are not split into pieces. The text is lower-cased before they are
            looked up, so with `do_lower_case` an entry with capitals never matches.
        special_tokens: all special tokens; they keep their case unless they are `normalized`.
        added_tokens: id to token (`added_tokens_decoder`), special ones included. With
            `do_lower_case`, a `normalized` token is found in the lower-cased text (and without
            accents, if these are stripped), any other one in the text as it was given. A special
            token in lower case is found in both.
        finds_added: whether special and added tokens in a text are found; else they are text.

    Raises:
        InputError: neither `vocab` nor `added_tokens` contains `unk_token`.
    """

    def __init__(
        self,
        vocab: Mapping[str, int],
        *,
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        do_basic_tokenize: bool = True,
        never_split: Collection[str] = (),
        unk_token: str = "[UNK]",
        special_tokens: Collection[str] = (),
        added_tokens: Mapping[int, AddedToken] | None = None,
        finds_added: bool = True,
    ) -> None:
        added_tokens = added_tokens or {}
        self._vocab = vocab
        self._added_ids = {token.content: index for index, token in added_tokens.items()}
        self._unknown = unk_token
        if unk_token not in vocab and unk_token not in self._added_ids:
            raise InputError(
                f"`unk_token` must be in the vocabulary: got {unk_token!r}, which is not among its "
                f"{len(vocab)} tokens. Pass the unknown token that this vocabulary uses."
            )
        self._basic = do_basic_tokenize
        self._lower = do_lower_case and do_basic_tokenize
        self._strip = do_lower_case if strip_accents is None else strip_accents
        isolate = tokenize_chinese_chars
        self._table = normalize.CLEAN_AND_ISOLATE if isolate else normalize.CLEAN
        self._never_split = frozenset(never_split) if do_basic_tokenize else frozenset()
        special_tokens = special_tokens if finds_added else ()
        self._unsplit = self._never_split | frozenset(special_tokens)
        self._longest = max(map(len, vocab), default=0)
        self._find_added([*added_tokens.values()] if finds_added else [], special_tokens)
        self._chunks: Memo[str, Chunk] = Memo(
            self._analyse, limit=CHUNK_LIMIT, worth=lambda chunk: len(chunk) <= LONGEST_REMEMBERED
        )

    def _find_added(self, tokens: list[AddedToken], special_tokens: Collection[str]) -> None:
        """Prepare the search for added tokens: `_exact` first, then `_folded` in what is left."""
        exact = {t.content: t for t in tokens if not (self._lower and t.normalized)}
        folded = {t.content: t for t in tokens if t.content not in exact}
        case_kept = {*special_tokens, *exact} - folded.keys()
        self._case_kept = pattern_of(sorted(case_kept, key=len, reverse=True))
        if self._lower:  # as in the reference, `<B>` is the special token `<b>`
            special = (t for t in exact.values() if t.special)
            folded |= {t.content: t for t in special if normalize.lower(t.content) == t.content}
        self._forms: dict[str, str] = {}
        for content in folded:  # of two tokens with one form, the first is found
            self._forms.setdefault(self._fold(content)[0], content)
        self._exact = AddedTokens(exact)
        self._folded = AddedTokens({f: folded[content] for f, content in self._forms.items()})

    def ids(self, text: str) -> list[int]:
        """The ids of the pieces of `text`, without special tokens around them."""
        return list(chain.from_iterable(map(_IDS, self._walk(text))))

    def tokens(self, text: str) -> list[str]:
        """The pieces of `text`."""
        return list(chain.from_iterable(map(_TOKENS, self._walk(text))))

    def pieces(self, text: str) -> TextPieces:
        """Pieces with character offsets and word numbers (those of `tokenizers`)."""
        result = TextPieces()
        n_words = 0
        for start, end, token in self._exact.split(text):
            if token is not None:
                n_words = _append_added(self._added_chunk(token), (start, end), n_words, result)
                continue
            lowered, origins = self._lower_aligned(text[start:end])
            for begin, stop, form in self._folded.split(lowered):
                places = origins[begin:stop]
                if start:
                    places = [start + place for place in places]
                if form is None:
                    n_words = self._append_plain(lowered[begin:stop], places, n_words, result)
                    continue
                span = (places[0], places[-1] + 1)
                n_words = _append_added(self._folded_chunk(form), span, n_words, result)
        return result

    def _append_plain(
        self, text: str, origins: Sequence[int], n_words: int, result: TextPieces
    ) -> int:
        """Append the pieces of text without added tokens; returns the new number of words."""
        cleaned = text.translate(self._table) if self._basic else text
        if cleaned != text:
            places = normalize.clean_origins(text, cleaned, self._table)
            origins = [origins[place] for place in places]
        for match in _NON_SPACE.finditer(cleaned):
            chunk = self._chunks[match.group()]
            if not chunk.ids:
                continue
            at = match.start()
            result.ids += chunk.ids
            result.tokens += chunk.tokens
            result.offsets += [
                (origins[at + start], origins[at + end - 1] + 1) for start, end in chunk.spans
            ]
            result.word_ids += [n_words + word for word in chunk.words]
            n_words += chunk.words[-1] + 1
        return n_words

    def _walk(self, text: str) -> Iterator[Chunk]:
        """The chunks of `text`; an added token is a separate chunk."""
        for start, end, token in self._exact.split(text):
            if token is not None:
                yield self._added_chunk(token)
                continue
            part = text[start:end]
            lowered = self._fold(part)[0] if self._folded else self._lower_case(part)
            for begin, stop, form in self._folded.split(lowered):
                if form is not None:
                    yield self._folded_chunk(form)
                    continue
                plain = lowered[begin:stop]
                cleaned = plain.translate(self._table) if self._basic else plain
                yield from map(self._chunks.__getitem__, cleaned.split())

    def _added_chunk(self, content: str) -> Chunk:
        return Chunk((self._added_ids[content],), (content,), (), ())

    def _folded_chunk(self, form: str) -> Chunk:
        content = self._forms[form]
        return Chunk((self._added_ids[content],), (normalize.lower(content),), (), ())

    def _lower_case(self, text: str) -> str:
        if not self._lower:
            return text
        if self._case_kept is None or not self._case_kept.search(text):
            return normalize.lower(text)
        parts = self._case_kept.split(text)  # plain text at even places, tokens at odd
        parts[::2] = map(normalize.lower, parts[::2])
        return "".join(parts)

    def _lower_aligned(self, text: str) -> tuple[str, Sequence[int]]:
        """`text` in the form in which `_folded` is searched, with the origin of each character."""
        return self._fold(text) if self._folded else self._lower_case_aligned(text)

    def _fold(self, text: str) -> tuple[str, Sequence[int]]:
        lowered, origins = self._lower_case_aligned(text)
        if not self._strip or lowered.isascii():
            return lowered, origins
        stripped = normalize.strip_accents(lowered)
        return stripped.text, [origins[start] for start in stripped.starts]

    def _lower_case_aligned(self, text: str) -> tuple[str, Sequence[int]]:
        if not self._lower:
            return text, range(len(text))
        lowered = self._lower_case(text)
        if len(lowered) == len(text) or self._case_kept is None:
            return lowered, normalize.lower_origins(text, lowered)
        origins: list[int] = []
        begin = 0
        for place, part in enumerate(self._case_kept.split(text)):
            result = part if place % 2 else normalize.lower(part)
            origins += [begin + index for index in normalize.lower_origins(part, result)]
            begin += len(part)
        return lowered, origins

    def _analyse(self, chunk: str) -> Chunk:
        """All that follows the split at spaces, for one chunk of cleaned, lower-cased text."""
        text, starts, ends = self._normalize(chunk)
        ids: list[int] = []
        tokens: list[str] = []
        spans: list[tuple[int, int]] = []
        words: list[int] = []
        for number, (begin, word) in enumerate(self._split_punctuation(text)):
            start = begin
            for token, length in self._word_pieces(word):
                ids.append(self._id(token))
                tokens.append(token)
                spans.append((starts[start], ends[start + length - 1]))
                words.append(number)
                start += length
        return Chunk(tuple(ids), tuple(tokens), tuple(spans), tuple(words))

    def _normalize(self, chunk: str) -> normalize.Aligned:
        if not self._basic:
            return normalize.unchanged(chunk)
        if self._lower and chunk not in self._unsplit:
            chunk = normalize.lower_in_place(chunk)  # a token that kept its case but is text here
        if chunk.isascii():
            return normalize.unchanged(chunk)
        composed = normalize.compose(chunk)
        if not self._strip or composed.text in self._unsplit:
            return composed
        return normalize.strip_accents(chunk)  # the same as stripping the composed text

    def _split_punctuation(self, text: str) -> list[tuple[int, str]]:
        """The words of a chunk with their places; each punctuation mark is a word."""
        if text.isalnum() or not self._basic or text in self._unsplit:
            return [(0, text)] if text else []
        words: list[tuple[int, str]] = []
        begin = 0
        for place, char in enumerate(text):
            if normalize.PUNCTUATION[char]:
                if begin < place:
                    words.append((begin, text[begin:place]))
                words.append((place, char))
                begin = place + 1
        if begin < len(text):
            words.append((begin, text[begin:]))
        return words

    def _word_pieces(self, word: str) -> list[tuple[str, int]]:
        """Greedy longest match from the left: each piece of `word` with its length in `word`."""
        vocab, length = self._vocab, len(word)
        if word in self._never_split:
            return [(word, length)]
        if length > MAX_WORD_LENGTH:
            return [(self._unknown, length)]
        if word in vocab:
            return [(word, length)]
        pieces: list[tuple[str, int]] = []
        start, prefix = 0, ""
        while start < length:
            end = min(length, start + self._longest)
            while end > start and prefix + word[start:end] not in vocab:
                end -= 1
            if end == start:
                return [(self._unknown, length)]
            pieces.append((prefix + word[start:end], end - start))
            start, prefix = end, CONTINUATION
        return pieces

    def _id(self, token: str) -> int:
        if token in self._added_ids:
            return self._added_ids[token]
        return self._vocab[token] if token in self._vocab else self._id(self._unknown)


_IDS = attrgetter("ids")
_TOKENS = attrgetter("tokens")


def _append_added(chunk: Chunk, span: tuple[int, int], n_words: int, result: TextPieces) -> int:
    """Append an added token at characters `span`; returns the new number of words."""
    result.ids += chunk.ids
    result.tokens += chunk.tokens
    result.offsets.append(span)
    result.word_ids.append(n_words)
    return n_words + 1
