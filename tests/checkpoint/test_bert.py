"""BERT -> DistilBERT, proved against the forward passes of transformers on tiny models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_bert import save_bert

from distilbert.checkpoint import format_bin, format_msgpack, format_safetensors
from distilbert.checkpoint.bert import fold_bert, is_bert
from distilbert.checkpoint.bert_names import HEAD_OF_CLASS
from distilbert.checkpoint.convert import convert
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS

TOLERANCE = 1e-5
IDS = torch.tensor([[2, 17, 98, 5, 5, 64, 3], [2, 40, 41, 3, 0, 0, 0]])  # (B, S)
MASK = (IDS != 0).long()

pytestmark = pytest.mark.filterwarnings("ignore:The classifier is only", "ignore:Pairs of texts")


def converted(source: Path, target: Path, **options: Any) -> Any:
    """The folder's conversion, run by transformers' DistilBERT."""
    folded = convert(source, target, **options)
    model, info = getattr(transformers, HEADS[folded.head].class_name).from_pretrained(
        target, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    return model.eval()


def hidden(model: Any, **kwargs: Any) -> torch.Tensor:
    base = getattr(model, model.base_model_prefix, model)
    with torch.no_grad():
        return base(input_ids=IDS, attention_mask=MASK, **kwargs).last_hidden_state


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest absolute difference at tokens that are not padding."""
    return ((a - b).abs() * MASK[:, :, None]).max().item()


def tensors(folder: Path) -> dict[str, np.ndarray]:
    return {
        k: v.copy() for k, v in format_safetensors.read(folder / "model.safetensors")[0].items()
    }


def edit_config(folder: Path, **changes: Any) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **changes}))


@pytest.mark.parametrize("name", sorted(HEAD_OF_CLASS))
def test_the_encoder_of_every_class_is_exact(name: str, tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", name)
    model = converted(tmp_path / "bert", tmp_path / "distil")
    assert type(model).__name__ == HEADS[HEAD_OF_CLASS[name]].class_name
    assert difference(hidden(bert), hidden(model)) < TOLERANCE


@pytest.mark.parametrize(
    "name",
    ["BertForMaskedLM", "BertForPreTraining", "BertForTokenClassification"],
)
def test_token_heads_are_exact(name: str, tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", name)
    model = converted(tmp_path / "bert", tmp_path / "distil")
    with torch.no_grad():
        theirs = bert(input_ids=IDS, attention_mask=MASK)
        ours = model(input_ids=IDS, attention_mask=MASK)
    logits = theirs.prediction_logits if name == "BertForPreTraining" else theirs.logits
    assert difference(logits, ours.logits) < TOLERANCE * logits.abs().max().item()


def test_question_answering_is_exact_within_one_segment(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", "BertForQuestionAnswering")
    model = converted(tmp_path / "bert", tmp_path / "distil")
    with torch.no_grad():
        theirs = bert(input_ids=IDS, attention_mask=MASK)
        ours = model(input_ids=IDS, attention_mask=MASK)
    for name in ("start_logits", "end_logits"):
        assert difference(theirs[name][..., None], ours[name][..., None]) < TOLERANCE
    assert model.config.qa_dropout == 0


@pytest.mark.filterwarnings("default:The classifier is only")
@pytest.mark.parametrize("name", ["BertForSequenceClassification", "BertForMultipleChoice"])
def test_pooled_heads_are_a_start_and_say_so(name: str, tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", name)
    with pytest.warns(UserWarning, match="pooler uses tanh, DistilBERT's `pre_class"):
        convert(tmp_path / "bert", tmp_path / "distil")
    folded = fold_bert(tmp_path / "bert")
    pooler = bert.bert.pooler.dense.weight.detach().numpy()
    np.testing.assert_array_equal(folded.arrays["pre_classifier.weight"], pooler)
    assert "the logits differ from BERT's" in folded.inexact[0]


def test_a_pair_is_read_as_one_segment_and_the_report_says_so(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert")
    for segment in (0, 1):
        model = converted(tmp_path / "bert", tmp_path / f"distil{segment}", segment=segment)
        types = torch.full_like(IDS, segment)
        assert difference(hidden(bert, token_type_ids=types), hidden(model)) < TOLERANCE
    assert "Pairs of texts are read as one segment" in fold_bert(tmp_path / "bert").inexact[0]
    save_bert(tmp_path / "single", type_vocab_size=1)
    assert fold_bert(tmp_path / "single").inexact == []


@pytest.mark.parametrize("segment", [-1, 2])
def test_segment_must_be_a_row_of_the_table(tmp_path: Path, segment: int) -> None:
    save_bert(tmp_path)
    with pytest.raises(InputError, match=f"`segment` must be from 0 to 1: got {segment}"):
        fold_bert(tmp_path, segment=segment)


def test_a_subset_of_layers_equals_a_bert_without_the_others(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", num_hidden_layers=4)
    model = converted(tmp_path / "bert", tmp_path / "distil", layers=[1, 3])
    bert.encoder.layer = torch.nn.ModuleList([bert.encoder.layer[i] for i in (1, 3)])
    bert.config.num_hidden_layers = 2
    assert model.config.n_layers == 2
    assert difference(hidden(bert), hidden(model)) < TOLERANCE


@pytest.mark.parametrize("layers", [[], [0, 0], [1, 0], [2], [-1]])
def test_layers_must_rise_within_the_model(tmp_path: Path, layers: list[int]) -> None:
    save_bert(tmp_path)
    with pytest.raises(InputError, match="`layers` must be ascending layer numbers from 0 to 1"):
        fold_bert(tmp_path, layers=layers)


def test_dropped_tensors_are_named_as_in_the_file(tmp_path: Path) -> None:
    save_bert(tmp_path / "mlm", "BertForPreTraining")
    assert fold_bert(tmp_path / "mlm").dropped == [
        "bert.pooler.dense.bias",
        "bert.pooler.dense.weight",
        "cls.seq_relationship.bias",
        "cls.seq_relationship.weight",
    ]


def test_base_can_be_taken_out_of_any_class(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", "BertForMaskedLM")
    model = converted(tmp_path / "bert", tmp_path / "distil", head="base")
    assert type(model).__name__ == "DistilBertModel"
    assert difference(hidden(bert), hidden(model)) < TOLERANCE


def test_an_untied_projection_is_kept(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert", "BertForMaskedLM", tie_word_embeddings=False)
    folded = fold_bert(tmp_path / "bert")
    decoder = bert.cls.predictions.decoder.weight.detach().numpy()
    np.testing.assert_array_equal(folded.arrays["vocab_projector.weight"], decoder)
    save_bert(tmp_path / "tied", "BertForMaskedLM")
    assert "vocab_projector.weight" not in fold_bert(tmp_path / "tied").arrays


def test_old_names_and_bin_files_and_shards_give_the_same_arrays(tmp_path: Path) -> None:
    model = save_bert(tmp_path / "new", "BertForMaskedLM")
    expected = fold_bert(tmp_path / "new").arrays
    (tmp_path / "old").mkdir()
    shutil.copy(tmp_path / "new" / "config.json", tmp_path / "old")
    renamed = {
        k.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): v
        for k, v in tensors(tmp_path / "new").items()
    }
    format_bin.write(tmp_path / "old" / "pytorch_model.bin", renamed)
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    for folder in ("old", "shards"):
        arrays = fold_bert(tmp_path / folder).arrays
        assert list(arrays) == list(expected)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_half_precision_sources_keep_their_sums_exact(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert").half()
    bert.save_pretrained(tmp_path / "bert")
    folded = fold_bert(tmp_path / "bert")
    table = folded.arrays["embeddings.position_embeddings.weight"]
    assert table.dtype == np.float32
    half = tensors(tmp_path / "bert")
    row = half["embeddings.token_type_embeddings.weight"][0].astype(np.float32)
    position = half["embeddings.position_embeddings.weight"].astype(np.float32)
    np.testing.assert_array_equal(table, position + row)
    assert folded.arrays["embeddings.word_embeddings.weight"].dtype == np.float16
    assert folded.config.dtype_name == "float16"


def test_folding_changes_no_file(tmp_path: Path) -> None:
    save_bert(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    fold_bert(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_the_config_is_carried_over(tmp_path: Path) -> None:
    save_bert(
        tmp_path,
        "BertForTokenClassification",
        hidden_dropout_prob=0.11,
        attention_probs_dropout_prob=0.12,
        classifier_dropout=0.13,
        hidden_act="gelu_new",
        id2label={0: "O", 1: "B-PER", 2: "I-PER"},
        num_labels=3,
        pad_token_id=5,
    )
    config = fold_bert(tmp_path).config
    assert (config.dropout, config.attention_dropout) == (0.11, 0.12)
    assert config.seq_classif_dropout == 0.13
    assert config.activation == "gelu_new"
    assert config.id2label == {0: "O", 1: "B-PER", 2: "I-PER"}
    assert (config.pad_token_id, config.initializer_range) == (5, 0.3)


def test_pruned_heads_follow_their_layers(tmp_path: Path) -> None:
    save_bert(tmp_path, num_hidden_layers=3)
    values = tensors(tmp_path)
    block = "encoder.layer.2.attention."
    for name in ("query", "key", "value"):
        for leaf in ("weight", "bias"):
            values[f"{block}self.{name}.{leaf}"] = values[f"{block}self.{name}.{leaf}"][8:]
    values[f"{block}output.dense.weight"] = values[f"{block}output.dense.weight"][:, 8:].copy()
    format_safetensors.write(tmp_path / "model.safetensors", values, {"format": "pt"})
    edit_config(tmp_path, pruned_heads={"2": [0]})
    assert fold_bert(tmp_path, layers=[0, 2]).config.pruned_heads == {1: [0]}


def test_what_no_distilbert_can_equal_is_refused_with_every_reason(tmp_path: Path) -> None:
    save_bert(tmp_path)
    edit_config(
        tmp_path, layer_norm_eps=1e-5, position_embedding_type="relative_key", is_decoder=True
    )
    with pytest.raises(CheckpointError, match="Distil it instead") as caught:
        fold_bert(tmp_path)
    for reason in ("layer_norm_eps=1e-05", "'relative_key' instead of 'absolute'", "is_decoder"):
        assert reason in str(caught.value)


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    save_bert(tmp_path)
    edit_config(tmp_path, hidden_act="laplace")
    with pytest.raises(CheckpointError, match="hidden_act='laplace' instead of one of gelu"):
        fold_bert(tmp_path)


def test_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    assert not is_bert(tmp_path)
    with pytest.raises(CheckpointError, match=r"Only a BERT can be folded.*model_type='roberta'"):
        fold_bert(tmp_path)
    assert not is_bert(tmp_path / "nowhere")


def test_a_config_older_than_model_type_is_recognised(tmp_path: Path) -> None:
    save_bert(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    for name in ("model_type", "architectures"):
        settings.pop(name, None)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert is_bert(tmp_path)
    assert fold_bert(tmp_path).head == "base"


@pytest.mark.parametrize(
    ("name", "head"),
    [("BertForMaskedLM", "masked_lm"), ("BertForQuestionAnswering", "question_answering")],
)
def test_without_a_class_name_the_tensors_tell_the_head(
    name: str, head: str, tmp_path: Path
) -> None:
    save_bert(tmp_path, name)
    edit_config(tmp_path, architectures=None)
    assert fold_bert(tmp_path).head == head


def test_a_classifier_of_unknown_kind_must_be_named(tmp_path: Path) -> None:
    save_bert(tmp_path, "BertForTokenClassification")
    edit_config(tmp_path, architectures=["MyTagger"])
    with pytest.raises(
        InputError, match="`head` must be given for a checkpoint with a `classifier`"
    ):
        fold_bert(tmp_path)
    assert fold_bert(tmp_path, head="token_classification").head == "token_classification"
    with pytest.raises(InputError, match="`head` must be one of base"):
        fold_bert(tmp_path, head="pooler")


def test_missing_and_misshapen_tensors_are_all_named(tmp_path: Path) -> None:
    save_bert(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"head='masked_lm' must hold .*cls\.predictions\.bias"
    ):
        fold_bert(tmp_path, head="masked_lm")
    edit_config(tmp_path, vocab_size=98)
    with pytest.raises(CheckpointError, match=r"word_embeddings.weight \(99, 32\) instead of \(98"):
        fold_bert(tmp_path)


def tf_name(name: str) -> str:
    """What TensorFlow calls a tensor of BertForMaskedLM, without the model's own name."""
    name = name.replace(".layer.", ".layer_._").replace("cls.", "mlm___cls.", 1)
    leaves = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    leaves |= {"word_embeddings.weight": "word_embeddings.weight"}
    leaves |= {f"{k}_embeddings.weight": f"{k}_embeddings.embeddings" for k in ("position", "type")}
    for ours, theirs in leaves.items():
        if name.endswith(ours):
            return name.removesuffix(ours).replace(".", "/").replace("_/_", "_._") + (
                theirs.replace(".", "/") + ":0"
            )
    name = name.replace(".weight", ".kernel")
    return name.replace("._", "\0").replace(".", "/").replace("\0", "._") + ":0"


def flax_name(name: str) -> str:
    """What Flax calls it."""
    leaf = "scale" if "LayerNorm" in name else "embedding" if "_embeddings" in name else "kernel"
    return name.replace("weight", leaf).replace(".", "/")


@pytest.mark.parametrize(
    ("rename", "format"), [(tf_name, "tf"), (flax_name, "flax"), (flax_name, "msgpack")]
)
def test_berts_of_tensorflow_and_flax_fold_to_the_same_arrays(
    rename: Any, format: str, tmp_path: Path
) -> None:
    save_bert(tmp_path, "BertForMaskedLM")
    expected = fold_bert(tmp_path).arrays
    foreign = {
        rename(name): array.T.copy() if "kernel" in rename(name) else array
        for name, array in tensors(tmp_path).items()
    }
    (tmp_path / "model.safetensors").unlink()
    if format == "msgpack":
        format_msgpack.write(tmp_path / "flax_model.msgpack", foreign)
    else:
        dotted = {n.replace("/", ".") if format == "flax" else n: a for n, a in foreign.items()}
        format_safetensors.write(tmp_path / "model.safetensors", dotted, {"format": format})
    arrays = fold_bert(tmp_path).arrays
    assert list(arrays) == list(expected)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
