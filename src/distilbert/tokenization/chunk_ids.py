"""The ids of a text from the ids of its chunks, the stretches between spaces.

BERT's rules look at nothing beyond a space, so the Rust tokenizer needs to see each distinct chunk
only once. That is several times faster on ordinary text, where most words have been seen before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, chain

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from distilbert.tokenization.inputs import Text
from distilbert.tokenization.wordpiece import CHUNK_LIMIT, LONGEST_REMEMBERED

GROUP = 256  # new chunks joined to one text; more leave too few texts for the library's threads


class ChunkIds:
    """Encodes texts without special tokens around them; one object may serve many threads."""

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend
        self._known: dict[str, tuple[int, ...]] = {}

    def encode(self, texts: Sequence[Text]) -> list[list[int]]:
        """The ids of each text, a string or a list of words."""
        split = [(text if isinstance(text, str) else " ".join(text)).split(" ") for text in texts]
        # A full table is replaced, never emptied: calls that are running still use the old one.
        known = self._known
        distinct = set(chain.from_iterable(split))
        unknown = [chunk for chunk in distinct if chunk not in known]
        if unknown:
            new = self._look_up(unknown)
            self._remember(new)
            known = new | {chunk: known[chunk] for chunk in distinct - new.keys()}
        return [list(chain.from_iterable(map(known.__getitem__, chunks))) for chunks in split]

    def _look_up(self, chunks: list[str]) -> dict[str, tuple[int, ...]]:
        """The ids of new chunks, many to a text: short texts are slow to encode."""
        groups = [chunks[i : i + GROUP] for i in range(0, len(chunks), GROUP)]
        texts = [" ".join(group) for group in groups]
        if len(texts) == 1:  # `encode` starts no threads
            rows = [self._backend.encode(texts[0], add_special_tokens=False)]
        else:
            rows = self._backend.encode_batch(texts, add_special_tokens=False)
        new: dict[str, tuple[int, ...]] = {}
        for group, row in zip(groups, rows, strict=True):
            ids, begins = row.ids, [begin for begin, _ in row.offsets]
            done = 0
            for chunk, end in zip(group, accumulate(len(c) + 1 for c in group), strict=True):
                upto = bisect_left(begins, end, done)
                new[chunk] = tuple(ids[done:upto])
                done = upto
        return new

    def _remember(self, new: dict[str, tuple[int, ...]]) -> None:
        """Keep the chunks that are likely to occur again; long ones rarely do."""
        if len(self._known) + len(new) > CHUNK_LIMIT:
            self._known = {}
        self._known.update({c: ids for c, ids in new.items() if len(c) <= LONGEST_REMEMBERED})


def has_independent_chunks(backend: Tokenizer) -> bool:
    """Whether nothing in `backend` looks across a space: BERT's parts, no added token with one."""
    normalizer = backend.normalizer
    if not isinstance(normalizer, normalizers.BertNormalizer):
        return False
    if not isinstance(backend.pre_tokenizer, pre_tokenizers.BertPreTokenizer):
        return False
    added = backend.get_added_tokens_decoder().values()
    if any(token.lstrip or token.rstrip for token in added):
        return False
    texts = [t.content for t in added]
    texts += [normalizer.normalize_str(t.content) for t in added if t.normalized]
    return not any(char.isspace() for text in texts for char in text)
