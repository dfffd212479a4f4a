"""Tokenizer files and sentence-transformers folders through a conversion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_bert import save_bert

from distilbert.checkpoint.bert import fold_bert, is_bert
from distilbert.checkpoint.bert_folder import carried_files
from distilbert.checkpoint.convert import convert
from distilbert.errors import CheckpointError

POOLING = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
KINDS = ("Transformer", "Pooling", "Normalize")


def sentence_bert(folder: Path, *, inner: str = "", kinds: tuple[str, ...] = KINDS) -> Path:
    """A sentence-transformers folder around a tiny BERT, with a tokenizer."""
    model = folder / inner
    model.mkdir(parents=True)
    save_bert(model)
    (model / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "name_or_path": "x/y"}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    (model / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}", "type": f"sentence_transformers.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    modules[0]["path"] = inner
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(POOLING))
    return folder


@pytest.mark.parametrize("inner", ["", "0_Transformer"])
def test_both_layouts_become_one_flat_folder(tmp_path: Path, inner: str) -> None:
    source = sentence_bert(tmp_path / "st", inner=inner)
    assert is_bert(source)
    convert(source, tmp_path / "out")
    out = tmp_path / "out"
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {
        "config.json",
        "model.safetensors",
        "vocab.txt",
        "tokenizer_config.json",
        "sentence_bert_config.json",
        "modules.json",
        "1_Pooling/config.json",
    }
    modules = json.loads((out / "modules.json").read_text())
    assert [m["path"] for m in modules] == ["", "1_Pooling", "2_Normalize"]
    assert json.loads((out / "1_Pooling/config.json").read_text()) == POOLING


def test_the_tokenizer_config_names_the_class_and_a_length(tmp_path: Path) -> None:
    files = carried_files(sentence_bert(tmp_path / "st"), max_length=40)
    assert json.loads(files["tokenizer_config.json"]) == {
        "tokenizer_class": "DistilBertTokenizer",
        "do_lower_case": True,
        "model_max_length": 40,
    }


def test_token_type_ids_leave_the_tokenizers_inputs_and_its_length_stays(tmp_path: Path) -> None:
    settings = {"model_input_names": ["input_ids", "token_type_ids"], "model_max_length": 8}
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    written = json.loads(carried_files(tmp_path, 40)["tokenizer_config.json"])
    assert written["model_input_names"] == ["input_ids", "attention_mask"]
    assert written["model_max_length"] == 8


def test_a_vocabulary_alone_gets_a_tokenizer_config(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    assert set(carried_files(tmp_path, 40)) == {"vocab.txt", "tokenizer_config.json"}


def test_a_folder_of_weights_only_carries_nothing(tmp_path: Path) -> None:
    save_bert(tmp_path)
    assert carried_files(tmp_path, 40) == {}


def test_a_module_with_weights_of_its_own_is_refused_and_the_way_round_works(
    tmp_path: Path,
) -> None:
    source = sentence_bert(
        tmp_path / "st", inner="0_Transformer", kinds=("Transformer", "Pooling", "Dense")
    )
    with pytest.raises(CheckpointError, match="has Transformer, Pooling, Dense"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert fold_bert(source / "0_Transformer").head == "base"


def test_the_older_name_of_the_limit_is_replaced(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    (tmp_path / "tokenizer_config.json").write_text('{"max_len": 8}')
    written = json.loads(carried_files(tmp_path, 40)["tokenizer_config.json"])
    assert (written["model_max_length"], "max_len" in written) == (8, False)
