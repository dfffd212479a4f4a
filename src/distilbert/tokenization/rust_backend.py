"""Builds and adjusts the Rust tokenizer of `fast.py`: BERT's normaliser, splitter, WordPiece model,
template and decoder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from distilbert.errors import CheckpointError
from distilbert.tokenization.vocab import load_vocab

# Words of more characters become the unknown token.
LONGEST_WORD = 100
# What marks a piece inside a word.
WORD_PREFIX = "##"


def build(
    vocab: str | os.PathLike[str] | Mapping[str, int],
    normalizer: normalizers.BertNormalizer,
    *,
    prefix: str | None,
) -> Tokenizer:
    """The tokenizer of a vocabulary, given as a path or as token to id."""
    vocabulary = dict(vocab) if isinstance(vocab, Mapping) else load_vocab(os.fspath(vocab))
    prefix = WORD_PREFIX if prefix is None else prefix
    model = models.WordPiece(
        vocabulary, max_input_chars_per_word=LONGEST_WORD, continuing_subword_prefix=prefix
    )
    backend = Tokenizer(model)
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix=prefix)
    return backend


def read(
    path: str | os.PathLike[str], normalizer: normalizers.BertNormalizer, *, prefix: str | None
) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`; a normaliser other than BERT's is left as it is.

    Raises:
        CheckpointError: no such file, or not a WordPiece tokenizer.
    """
    try:
        backend = Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # the library raises bare Exception for every kind of fault
        raise CheckpointError(f"A tokenizer file must be readable: got {path}: {error}.") from error
    model = backend.model
    if not isinstance(model, models.WordPiece):
        raise CheckpointError(
            f"DistilBERT needs a WordPiece tokenizer: got {type(model).__name__} in {path}."
        )
    # What the file asks for every call would leak into ours: each call says it for itself.
    backend.no_padding()
    backend.no_truncation()
    if backend.normalizer is None or isinstance(backend.normalizer, normalizers.BertNormalizer):
        backend.normalizer = normalizer
    if prefix is not None:
        model.continuing_subword_prefix = prefix
    if backend.decoder is None or prefix is not None:
        backend.decoder = decoders.WordPiece(prefix=model.continuing_subword_prefix)
    return backend


def set_template(
    backend: Tokenizer, *, cls: tuple[str | None, int | None], sep: tuple[str | None, int | None]
) -> None:
    """Make `backend` put `[CLS]` and `[SEP]` around texts; a token that is not set is left out."""
    known = {name: index for name, index in (cls, sep) if name is not None and index is not None}
    start = f"{cls[0]}:0 " if cls[0] in known else ""
    end = [f" {sep[0]}:{type_id}" if sep[0] in known else "" for type_id in (0, 1)]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{start}$A:0{end[0]}",
        pair=f"{start}$A:0{end[0]} $B:1{end[1]}",
        special_tokens=list(known.items()),
    )


def set_unknown(backend: Tokenizer, token: str | None) -> None:
    """Make `token` the one that words without pieces become."""
    if token is not None and isinstance(backend.model, models.WordPiece):
        backend.model.unk_token = token
