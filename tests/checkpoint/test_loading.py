"""From a source to config and arrays, as every framework's `from_pretrained` does it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.loading import (
    LoadRequest,
    check_report,
    fill_missing,
    match_checkpoint,
    read_source,
    resolve_dtype,
)
from distilbert.checkpoint.matching import LoadingReport
from distilbert.checkpoint.spec import parameter_spec
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, ConfigError, InputError, WeightMismatchError

CONFIG = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
WEIGHTS = initial_weights(CONFIG, "masked_lm", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "m", WEIGHTS, CONFIG, head="masked_lm")
    return tmp_path / "m"


def request(source: Any, **changes: Any) -> LoadRequest:
    facts = {"class_name": "Model", "head": "masked_lm", "formats": ("safetensors",)}
    return LoadRequest(source=source, **{**facts, **changes})


def test_a_folder_gives_its_config_and_every_array(folder: Path) -> None:
    config, arrays = read_source(request(folder), {"dropout": 0.5, "trust_remote_code": True})
    assert (config.dim, config.dropout, config.name_or_path) == (8, 0.5, str(folder))
    assert set(arrays) == set(WEIGHTS)
    assert all(np.array_equal(arrays[name], value) for name, value in WEIGHTS.items())


def test_a_given_config_is_copied_before_it_is_changed(folder: Path) -> None:
    given = DistilBertConfig(**CONFIG.to_dict())
    config, _ = read_source(request(folder, config=given), {"num_labels": 5})
    assert (config.num_labels, given.num_labels) == (5, 2)


def test_arrays_of_the_caller_need_no_checkpoint() -> None:
    config, arrays = read_source(request(None, config=CONFIG, state=WEIGHTS), {})
    assert arrays is WEIGHTS
    assert config.to_dict() == CONFIG.to_dict()
    with pytest.raises(InputError, match="`state_dict` must hold the weights"):
        read_source(request(None, config=CONFIG), {})
    with pytest.raises(InputError, match="`config` must be given"):
        read_source(request(None, state=WEIGHTS), {})


def test_wrong_requests_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"`Model.from_pretrained` got unknown keywords: colour"):
        read_source(request(folder), {"colour": "red"})
    with pytest.raises(CheckpointError, match=r"tf_model\.h5"):
        read_source(request(folder, formats=("h5",)), {})
    with pytest.raises(ConfigError, match="`n_heads` must divide `dim`"):
        read_source(request(folder), {"n_heads": 3})


def test_what_is_missing_gets_fresh_values_in_the_order_of_the_spec() -> None:
    seeds = []

    def seed() -> int:
        seeds.append(7)
        return 7

    name = "vocab_transform.weight"
    found = {key: value for key, value in WEIGHTS.items() if key != name}
    arrays = fill_missing(found, CONFIG, "masked_lm", seed=seed)
    assert list(arrays) == [
        row.name
        for row in parameter_spec(CONFIG, "masked_lm")
        if row.name != "vocab_projector.weight"
    ]
    assert np.array_equal(arrays[name], initial_weights(CONFIG, "masked_lm", 7)[name])
    assert not np.array_equal(arrays[name], WEIGHTS[name])
    fill_missing(WEIGHTS, CONFIG, "masked_lm", seed=seed)
    assert seeds == [7]  # a whole checkpoint costs no random number


def test_other_shapes_are_refused_or_ignored_on_request(caplog: pytest.LogCaptureFixture) -> None:
    shapes = [("a.weight", (2, 3), (2, 4))]
    report = LoadingReport(mismatched_keys=shapes, initialized_head=["a.weight"])
    with pytest.raises(WeightMismatchError, match=r"`a.weight` is \(2, 3\).* needs \(2, 4\)"):
        check_report(report, request(None))
    check_report(report, request(None), ignore_mismatched=True)
    assert "a.weight (shape (2, 3) in the file, (2, 4) in the model)" in caplog.text


def test_what_did_not_fit_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    report = LoadingReport(
        missing_keys=["classifier.bias"], n_encoder_loaded=1, initialized_head=["classifier.bias"]
    )
    with caplog.at_level(logging.INFO, logger="distilbert"):
        check_report(report, request(None))
        check_report(LoadingReport(n_encoder_loaded=1), request(None))
        check_report(LoadingReport(n_encoder_loaded=1, unexpected_keys=["x"]), request(None))
        surplus = ["transformer.layer.7.ffn.lin1.bias"]
        check_report(LoadingReport(n_encoder_loaded=1, unexpected_keys=surplus), request(None))
        other = LoadingReport(n_encoder_loaded=1, other_head="sequence_classification")
        check_report(other, request(None))
    new_head, unused, layers, other_task = caplog.records
    assert other_task.levelname == "WARNING"
    assert other_task.getMessage() == (
        "Model: The head was trained for text-classification. Train the model before you use it."
    )
    assert new_head.levelname == layers.levelname == "WARNING"
    assert new_head.getMessage().startswith("Model: The head is newly initialized: classifier.bias")
    assert unused.getMessage() == "Model does not use: x."
    assert "those numbered 7 were not loaded" in layers.getMessage()


FAULTS = {
    "no encoder": LoadingReport(missing_keys=["a"], unexpected_keys=["x"]),
    "half an encoder": LoadingReport(n_encoder_loaded=1, initialized_encoder=["a"]),
    "a layer too many": LoadingReport(
        n_encoder_loaded=1, unexpected_keys=["transformer.layer.7.ffn.lin1.bias"]
    ),
    "no head": LoadingReport(n_encoder_loaded=1, initialized_head=["a"]),
    "another head": LoadingReport(n_encoder_loaded=1, other_head="token_classification"),
}


@pytest.mark.parametrize(("fault", "report"), FAULTS.items(), ids=FAULTS)
def test_what_is_needed_must_come_from_the_file(fault: str, report: LoadingReport) -> None:
    """Answers need all of the model, training needs the encoder, the page any of its blocks."""
    refused = {"all": set(FAULTS), "encoder": {*list(FAULTS)[:2]}, "page": {"no encoder"}}
    for needs, faults in refused.items():
        if fault not in faults:
            check_report(report, request(None, needs=needs))
            continue
        with pytest.raises(CheckpointError, match="`Model` cannot be used with the given weights"):
            check_report(report, request(None, needs=needs))


def test_dtype_has_two_names_and_one_value() -> None:
    assert resolve_dtype(None, "float16") == resolve_dtype("float16", None) == "float16"
    assert resolve_dtype("float16", "float16") == "float16"
    assert resolve_dtype(None, None) is None
    with pytest.raises(InputError, match="are the same argument: got 'float32' and 'float16'"):
        resolve_dtype("float16", "float32")


@pytest.mark.parametrize(
    ("claim", "error", "text"),
    [
        ({"vocab_size": 10**9}, WeightMismatchError, "the model needs"),
        ({"n_layers": 1000, "hidden_dim": 10**6}, WeightMismatchError, "the model needs"),
        ({"n_layers": 1000, "dim": 512, "hidden_dim": 512}, CheckpointError, "it has 0 of"),
    ],
)
def test_sizes_in_a_config_are_compared_with_the_file_before_values_are_drawn(
    folder: Path, claim: dict[str, int], error: type[Exception], text: str
) -> None:
    wanted = request(folder)
    config, arrays = read_source(wanted, claim)
    if text == "it has 0 of":
        arrays = {}
    with pytest.raises(error, match=text):
        match_checkpoint(arrays, config, wanted, ignore_mismatched=False)
