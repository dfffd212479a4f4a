"""The TensorFlow classes give the values recorded from the reference, in every recorded call form.

The values come from `tests/golden`, never from here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from recorded import GOLDEN, HEADS, assert_output_is, named_arrays, read_arrays, read_json
from tolerances import GRADIENT, assert_close

import distilbert
from distilbert.checkpoint.layout import native_array
from distilbert.tensorflow.weights import canonical_arrays, untied_parameters, variable_of

API = read_json("api.json")
CASES = {head: read_json(f"cases/tf_V_{head}.json") for head in HEADS}
# Names of the classes as the reports of what loading missed have them, without the prefix.
TORCH_HEADS = [case for case in API["loading_info"] if not case["cls"].startswith("Flax")]


def load(name: str, path: str, **options: Any) -> Any:
    return getattr(distilbert, name).from_pretrained(str(GOLDEN / path), **options)


def call(model: Any, file: str, case: dict) -> Any:
    arrays = named_arrays(file, case["inputs"])
    inputs = {name: tf.constant(value) for name, value in arrays.items()}
    flags = case["flags"] | ({"training": True} if case.get("train") else {})
    match case.get("call", "kw"):
        case "dict":
            return model(inputs, **flags)
        case "list":
            return model([inputs[name] for name in case["order"]], **flags)
        case "tuple":
            return model(tuple(inputs[name] for name in case["order"]), **flags)
        case "pos":
            return model(*(inputs[name] for name in case["order"]), **flags)
        case "kw_none":
            return model(input_ids=None, **inputs, **flags)
        case "kw":
            return model(**inputs, **flags)
    raise AssertionError(case)


@pytest.fixture(scope="module", params=HEADS)
def loaded(request: pytest.FixtureRequest) -> tuple[str, Any]:
    head = request.param
    return head, load(CASES[head]["cls"], CASES[head]["ckpt"])


def test_every_recorded_call_has_the_recorded_outputs(loaded: tuple[str, Any]) -> None:
    head, model = loaded
    file = f"cases/tf_V_{head}.npz"
    cases = CASES[head]["cases"]
    assert len(cases) >= 11
    for case in cases:
        output = call(model, file, case)
        assert_output_is(output, case["expect"], read_arrays(file))
        if case["expect"]["kind"] == "mapping":
            assert type(output).__name__.startswith("TF")


def test_every_gradient_has_the_values_recorded_in_pytorch(loaded: tuple[str, Any]) -> None:
    """The reference's TensorFlow gradients were not recorded; the mathematics is the same."""
    head, model = loaded
    recorded = read_json(f"cases/pt_V_{head}.json")["grads"]
    file = f"cases/pt_V_{head}.npz"
    rows = untied_parameters(model)
    with tf.GradientTape() as tape:
        inputs = named_arrays(file, recorded["inputs"])
        output = model(inputs, **recorded["flags"])
        squares = tf.reduce_sum(output[0] ** 2) / 10
        loss = squares if head == "base" else tf.reduce_mean(output.loss)
    found = tape.gradient(loss, [variable_of(model, row).value for row in rows])
    expected = named_arrays(file, recorded["grads"])
    assert {row.name for row in rows} == set(expected)
    for row, value in zip(rows, found, strict=True):
        dense = tf.convert_to_tensor(value).numpy()
        assert_close(native_array(dense, row.kind, "tf"), expected[row.name], GRADIENT, row.name)


@pytest.mark.parametrize("case", CASES["seq"]["seq_losses"], ids=lambda case: case["id"])
def test_each_kind_of_sequence_label_has_the_recorded_loss(case: dict) -> None:
    file = "cases/tf_V_seq.npz"
    options = case["load"] | {"ignore_mismatched_sizes": True}
    model = load(CASES["seq"]["cls"], "ckpt/V/seq", **options)
    arrays = read_arrays(file)
    kernel = arrays[case["w"]]
    if kernel.shape != tuple(model.classifier.kernel.shape):
        kernel = kernel.T
    model.classifier.kernel.assign(kernel)
    model.classifier.bias.assign(arrays[case["b"]])
    assert_output_is(call(model, file, case), case["expect"], arrays)


@pytest.mark.parametrize(
    "case", read_json("cases/pt_V_seq.json")["seq_losses"], ids=lambda case: case["id"]
)
def test_the_mean_of_the_sequence_losses_is_the_one_recorded_in_pytorch(case: dict) -> None:
    file = "cases/pt_V_seq.npz"
    model = load(CASES["seq"]["cls"], "ckpt/V/seq", ignore_mismatched_sizes=True, **case["load"])
    arrays = read_arrays(file)
    model.classifier.kernel.assign(arrays[case["w"]].T)
    model.classifier.bias.assign(arrays[case["b"]])
    output = call(model, file, case)
    output.loss = tf.reduce_mean(output.loss)
    assert_output_is(output, case["expect"], arrays)


def test_the_number_of_parameters_is_the_recorded_one(loaded: tuple[str, Any]) -> None:
    head, model = loaded
    everything, trainable = API["num_parameters"][head]
    assert model.num_parameters() == everything == model.count_params()
    assert model.num_parameters(only_trainable=True) == trainable


def test_pruning_gives_the_recorded_outputs() -> None:
    case = API["prune"]
    model = load(CASES["seq"]["cls"], case["ckpt"])
    model.prune_heads({int(layer): heads for layer, heads in case["heads"].items()})
    assert_output_is(call(model, "api.npz", case), case["expect"], read_arrays("api.npz"))
    shapes = {name: list(value.shape) for name, value in canonical_arrays(model).items()}
    assert shapes == case["shapes"]
    assert model.config.pruned_heads == {int(k): v for k, v in case["pruned"].items()}


@pytest.mark.parametrize("section", ["pruned_ckpt", "legacy"])
def test_pruned_and_old_style_checkpoints_load(section: str) -> None:
    case = API[section]
    config = read_json(f"{case['ckpt']}/config.json")
    model = load("TF" + config["architectures"][0], case["ckpt"], from_pt=True)
    assert_output_is(call(model, "api.npz", case), case["expect"], read_arrays("api.npz"))


def test_a_shortened_position_table_gives_the_recorded_outputs() -> None:
    case = API["shrink_pos"]
    model = load(CASES["seq"]["cls"], case["ckpt"])
    model.resize_position_embeddings(case["n"])
    assert model.config.max_position_embeddings == case["n"]
    assert_output_is(call(model, "api.npz", case), case["expect"], read_arrays("api.npz"))


@pytest.mark.parametrize("case", TORCH_HEADS, ids=lambda c: f"{c['cls']}-{c['src']}")
def test_the_loading_report_names_the_keys_recorded_in_pytorch(case: dict) -> None:
    name = "TF" + case["cls"].removeprefix("TF")
    _, info = load(name, case["src"], output_loading_info=True, **case["kwargs"])
    assert sorted(info["missing_keys"]) == case["missing"]
    assert sorted(info["unexpected_keys"]) == case["unexpected"]
    assert sorted(name for name, *_ in info["mismatched_keys"]) == case["mismatched"]
    assert list(info["error_msgs"]) == []


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "h5"])
def test_saved_files_hold_the_recorded_names_and_config(
    loaded: tuple[str, Any], safe: bool, tmp_path: Path
) -> None:
    head, model = loaded
    expected = API["saved"][f"tf/{head}/{'safe' if safe else 'native'}"]
    model.save_pretrained(tmp_path, safe_serialization=safe)
    assert sorted(path.name for path in tmp_path.iterdir()) == expected["files"]
    config = json.loads((tmp_path / "config.json").read_text())
    for varying in ("transformers_version", "_name_or_path"):
        config.pop(varying, None)
    assert config == expected["config"]
    names, metadata = stored_names(tmp_path)
    wanted = list(expected["keys"])
    if not safe:  # the reference numbers its models: `tf_distil_bert_model_8/...`
        names, wanted = ({name.partition("/")[2] for name in some} for some in (names, wanted))
    assert sorted(names) == sorted(wanted)
    assert metadata == expected.get("meta")


def stored_names(folder: Path) -> tuple[list[str], dict[str, str] | None]:
    """Names in the weight file as other software reads it, and its metadata."""
    single = folder / "model.safetensors"
    if single.exists():
        from safetensors import safe_open

        with safe_open(single, "np") as file:
            return list(file.keys()), file.metadata()
    with h5py.File(folder / "tf_model.h5") as file:
        groups = [file[layer].attrs["weight_names"] for layer in file.attrs["layer_names"]]
        return [str(np.asarray(name).astype(str)) for names in groups for name in names], None


@pytest.mark.parametrize(
    "case",
    [case for case in read_json("loading.json")["cases"] if case["fw"] == "tf"],
    ids=lambda case: case["id"],
)
def test_every_format_loads_to_the_recorded_outputs(case: dict) -> None:
    """Those that fail in the reference (msgpack, sharded safetensors) must work here too."""
    model = load(case["cls"], case["path"], **case["kwargs"])
    assert_output_is(call(model, "loading.npz", case), case["expect"], read_arrays("loading.npz"))
