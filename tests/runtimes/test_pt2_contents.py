"""What exported programs compute is known before anything of them runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import CheckpointError
from distilbert.runtimes.pt2_contents import KIND, read_contents


def tensor(name: str) -> dict[str, Any]:
    return {"as_tensor": {"name": name}}


def given(name: str, arg: dict[str, Any], kind: int = 1) -> dict[str, Any]:
    return {"name": name, "arg": arg, "kind": kind}


def add_node(target: str = "torch.ops.aten.add.Tensor", **changes: Any) -> dict[str, Any]:
    inputs = [given("self", tensor("input_ids")), given("other", tensor("w"))]
    return {"target": target, "inputs": inputs, "outputs": [tensor("sum")], **changes}


def facts(**changes: Any) -> dict[str, Any]:
    """A program that adds a weight to its input."""
    sizes = [{"as_expr": {"expr_str": "s0", "hint": None}}, {"as_int": 2}]
    weight = {"arg": {"name": "w"}, "parameter_name": "weight"}
    out_spec = {"type": "builtins.dict", "context": '["logits"]', "children_spec": [{}]}
    module = {
        "graph": {"nodes": [add_node()], "tensor_values": {"input_ids": {"sizes": sizes}}},
        "signature": {
            "input_specs": [{"parameter": weight}, {"user_input": {"arg": tensor("input_ids")}}],
            "output_specs": [{"user_output": {"arg": tensor("sum")}}],
        },
        "module_call_graph": [{"fqn": "", "signature": {"out_spec": json.dumps([1, out_spec])}}],
    }
    version = {"schema_version": {"major": 8, "minor": 20}, "opset_version": {"aten": 10}}
    return {"graph_module": module, **version, **changes}


def stored(**changes: Any) -> dict[str, Any]:
    sizes = [{"as_int": 2}]
    meta = {"dtype": 5, "sizes": sizes, "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}}
    return {"path_name": "weight_0", "use_pickle": False, "tensor_meta": meta, **changes}


def written(path: Path, program: Any = None, weights: Any = None, **more: bytes) -> Path:
    """An archive with a program, `weights` by name, and the bytes of two numbers."""
    weights = {"weight": stored()} if weights is None else weights
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/models/model.json", json.dumps(facts() if program is None else program))
        for kind, config in (("weights", weights), ("constants", {})):
            place = f"m/data/{kind}/model_{kind}_config.json"
            file.writestr(place, json.dumps({"config": config}))
        file.writestr("m/data/weights/weight_0", (5).to_bytes(8, "little") * 2)
        for name, content in more.items():
            file.writestr(f"m/{name}", content)
    return path


def with_node(**changes: Any) -> dict[str, Any]:
    program = facts()
    program["graph_module"]["graph"]["nodes"] = [add_node(**changes)]
    return program


def with_output(argument: dict[str, Any]) -> dict[str, Any]:
    program = facts()
    signature = program["graph_module"]["signature"]
    signature["output_specs"] = [{"user_output": {"arg": argument}}]
    return program


def test_operators_are_counted(tmp_path: Path) -> None:
    found = read_contents(written(tmp_path / "m.pt2"))
    assert (found.operators, found.opset, found.foreign) == ({"add": 1}, 10, set())
    found.check(KIND, tmp_path / "m.pt2")


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.add.out",
        "torch.ops.aten.add_.Tensor",
        "torch.ops.mine.add.default",
        "torch.ops.higher_order.cond",
        "torch.load",
        "torch.serialization.os.system",
        "torch.ops.aten.add.__globals__.get",
        "torch.ops.aten.add.__setattr__",
        "torch.ops.aten.add.__class__",
        "torch.ops.aten.add._schema",
        "torch.ops.aten.add",
        "torch.ops.aten.max.dim_max",
        "torch.ops.aten.min.dim_min",
        "_operator.attrgetter",
        "math.factorial",
        "#mine:add",
    ],
)
def test_every_other_target_is_foreign(tmp_path: Path, target: str) -> None:
    found = read_contents(written(tmp_path / "m.pt2", with_node(target=target)))
    assert found.foreign == {target}
    with pytest.raises(CheckpointError, match="may only compute with tensors"):
        found.check(KIND, tmp_path / "m.pt2")


def test_parts_that_are_not_computation_are_foreign(tmp_path: Path) -> None:
    graph = [given("true", {"as_graph": {"name": "g", "graph": {}}})]
    assert read_contents(written(tmp_path / "a", with_node(inputs=graph))).foreign == {
        "an argument graph"
    }
    pickled = {"weight": stored(use_pickle=True, tensor_meta=None)}
    assert read_contents(written(tmp_path / "b", weights=pickled)).foreign == {"a pickle"}
    for kind, side in (("custom_obj", "input"), ("buffer_mutation", "output")):
        program = facts()
        program["graph_module"]["signature"][f"{side}_specs"] = [{kind: {}}]
        program["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = (
            '[1, {"context": null, "children_spec": []}]'
        )
        assert read_contents(written(tmp_path / "c", program)).foreign == {f"the {side} {kind}"}
    compiled = written(tmp_path / "d", **{"data/aotinductor/model/m.so": b""})
    assert read_contents(compiled).foreign == {"compiled code"}


@pytest.mark.parametrize(
    ("program", "weights", "text"),
    [
        ([], None, "its program is not readable"),
        (facts(schema_version={"major": 9}), None, "its format has the version 9, not 8"),
        (facts(graph_module={}), None, "signature|graph"),
        (with_node(outputs=[7]), None, "its program is not readable"),
        (
            with_node(inputs=[given("dtype", {"as_scalar_type": [1]})]),
            None,
            "an argument scalar_type is not a number",
        ),
        (with_output({"as_ints": [1]}), None, "an output is not the result of a step"),
        (None, {}, "the tensor weight is missing"),
        (None, {"weight": stored(tensor_meta=None)}, "its program is not readable"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, program, weights, text: str) -> None:
    with pytest.raises(CheckpointError, match=f"must be an archive of PyTorch.*{text}"):
        read_contents(written(tmp_path / "m.pt2", program, weights))


def test_descriptions_of_tensors_are_parsed_once(tmp_path: Path, monkeypatch) -> None:
    program = facts()
    for i in range(20):
        weight = {"arg": {"name": f"w{i}"}, "parameter_name": "weight"}
        program["graph_module"]["signature"]["input_specs"].append({"parameter": weight})
    path, texts, parse = written(tmp_path / "m.pt2", program), [], json.loads
    monkeypatch.setattr(json, "loads", lambda text: texts.append(text) or parse(text))
    read_contents(path)
    assert len(texts) == 5  # the program, two descriptions, and two parts of the names of outputs
