"""Tokenizers are the same if they would save the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import write_vocab

from distilbert import DistilBertTokenizer, DistilBertTokenizerFast
from distilbert.tokenization.identity import tokenizer_digest


@pytest.mark.parametrize("cls", [DistilBertTokenizer, DistilBertTokenizerFast])
def test_a_changed_tokenizer_has_another_digest(cls: type, tmp_path: Path) -> None:
    write_vocab(tmp_path)
    one, other = cls.from_pretrained(tmp_path), cls.from_pretrained(tmp_path)  # type: ignore[attr-defined]
    assert tokenizer_digest(one) == tokenizer_digest(other)
    other.add_tokens(["new"])
    assert tokenizer_digest(one) != tokenizer_digest(other)
    cased = cls.from_pretrained(tmp_path, do_lower_case=False)  # type: ignore[attr-defined]
    assert tokenizer_digest(one) != tokenizer_digest(cased)
