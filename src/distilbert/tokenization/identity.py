"""What makes two tokenizers the same: the content of all files that they would save."""

from __future__ import annotations

import tempfile
from pathlib import Path

from distilbert.digests import files_digest
from distilbert.tokenization.pretrained import PretrainedTokenizer


def tokenizer_digest(tokenizer: PretrainedTokenizer) -> str:
    """A hash of all that a tokenizer would save."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return files_digest(sorted(Path(folder).iterdir()))
