"""The ids of added tokens in the Rust library, which numbers new tokens without gaps.

A token that must have another id is put into the vocabulary of the model, where ids are free.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from tokenizers import AddedToken, Tokenizer


def renumbered(backend: Tokenizer, added: Mapping[int, AddedToken]) -> Tokenizer:
    """`backend`, or a new one in which adding the tokens of `added` gives them their ids."""
    decoder = backend.get_added_tokens_decoder()
    following = max([backend.get_vocab_size(with_added_tokens=False), *(i + 1 for i in decoder)])
    for index in sorted(added):
        known = backend.token_to_id(added[index].content)
        if known is None:
            known, following = following, following + 1
        if known != index:
            break
    else:
        return backend
    return with_vocabulary(backend, added)


def with_vocabulary(backend: Tokenizer, added: Mapping[int, AddedToken]) -> Tokenizer:
    """A new tokenizer whose vocabulary holds the added tokens of `backend` and those of `added`."""
    contents = {token.content for token in added.values()}
    former = backend.get_added_tokens_decoder().items()
    tokens = {index: token for index, token in former if token.content not in contents} | {**added}
    document = json.loads(backend.to_str())
    document["model"]["vocab"] |= {token.content: index for index, token in tokens.items()}
    document["added_tokens"] = []
    result = Tokenizer.from_str(json.dumps(document))
    result.add_tokens([tokens[index] for index in sorted(tokens)])
    return result


def with_only(backend: Tokenizer, vocabulary: Mapping[str, int]) -> Tokenizer:
    """A new tokenizer with this vocabulary and no added tokens, otherwise like `backend`."""
    document = json.loads(backend.to_str())
    document["model"]["vocab"] = dict(vocabulary)
    document["added_tokens"] = []
    document["post_processor"] = None  # its template holds ids
    return Tokenizer.from_str(json.dumps(document))


def placed_tokens(backend: Tokenizer, named: Collection[str]) -> frozenset[str]:
    """The added tokens that `renumbered` has put into the vocabulary.

    Those are the last ones, if there are ids that no token has; `named` are special tokens, with
    which a vocabulary may end.
    """
    vocabulary = backend.get_vocab(with_added_tokens=False)
    if max(vocabulary.values(), default=-1) < len(vocabulary):
        return frozenset()
    added = {token.content for token in backend.get_added_tokens_decoder().values()}
    placed: set[str] = set()
    for token in sorted(vocabulary, key=vocabulary.__getitem__, reverse=True):
        if token not in added or token in named:
            break
        placed.add(token)
    return frozenset(placed)
