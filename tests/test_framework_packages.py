"""The three framework packages are parallel texts: the same files, classes, methods and functions.

What differs is listed by name, with its reason; a difference that is not listed fails.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "distilbert"

# Files that only one framework needs: package -> file -> reason.
EXTRA_FILES = {
    "torch": {
        "adamw.py": "the others compute the gradient of a whole table anyway",
        "adapters.py": "peft, the package behind low-rank adapters, is PyTorch's",
        "checkpointing.py": "TensorFlow has no gradient checkpointing",
        "compiling.py": "XLA compiles whole models anyway",
        "distillation.py": "only PyTorch distils; every framework loads the student",
        "dropout.py": "the others' compilers fuse it",
        "dropped_attention.py": "the others' compilers fuse dropout into attention themselves",
        "int8.py": "as prepacked, for layers in int8",
        "inference.py": "XLA compiles whole models anyway",
        "packed_attention.py": "as packing",
        "packing.py": "XLA and Keras compile for each shape, packed batches have too many",
        "parallel.py": "only PyTorch's engines need a process per device",
        "prepacked.py": "as the encoder for inference that uses it",
        "recording.py": "only PyTorch has formats that record the operations of a call",
        "sparse_targets.py": "as the vocabulary loss that uses them",
        "teacher.py": "teachers need PyTorch",
        "teacher_targets.py": "only PyTorch runs a teacher",
        "threads.py": "the others divide the work of their compilers themselves",
        "vocabulary_blocks.py": "masked-LM distillation needs PyTorch",
        "vocabulary_loss.py": "as the blocks it is computed in",
    },
    "tensorflow": {
        "adamw.py": "Keras' AdamW puts epsilon at another place than PyTorch's",
        "backend.py": "Keras chooses its backend once, when it is imported",
        "dataset.py": "`prepare_tf_dataset`, which only the reference's TensorFlow models have",
        "exporting.py": "Keras' export needs the names and types of the inputs",
        "further_methods.py": "which only the reference's TensorFlow models have",
        "inputs.py": "a call may be one mapping, list or tuple",
        "keras_fit.py": "Keras' `fit` asks a model for its loss and its labels",
        "serving.py": "only TensorFlow has formats for serving",
        "layers.py": "Keras' layers name and freeze variables differently",
    },
    "flax": {
        "calls.py": "values exist only outside a trace",
        "checkpointing.py": "as in PyTorch, for a module that is built again",
        "own_modules.py": "a user's head is a module with parameters outside the model",
        "nnx_view.py": "no other framework has two module systems",
        "shapes.py": "XLA compiles for each shape, so batches are padded to a few",
        "static_config.py": "JAX decides by hash and equality what is compiled already",
    },
}

# File -> what only PyTorch, or only the other framework, defines there, and why.
Difference = tuple[str, set[str], set[str]]
PAGE = "the reference page gives the methods of each framework"
DIFFERENCES: dict[tuple[str, str], Difference] = {
    ("tensorflow", "activations.py"): (
        "TensorFlow's functions have other names or none",
        set(),
        {"gelu", "mish", "leaky_relu"},
    ),
    ("tensorflow", "attention.py"): (
        "only PyTorch has several implementations; its masks are made by `get_head_mask`",
        {"check_implementation"},
        {"layer_head_masks"},
    ),
    ("flax", "attention.py"): (
        "as in TensorFlow; linen has no softmax that keeps rows without visible keys finite",
        {"check_implementation"},
        {"layer_head_masks", "softmax"},
    ),
    ("flax", "heads.py"): (
        "a linen module computes logits, the model class around it takes no labels; a module is "
        "built before the number of labels or words is known to be tied",
        {"label_loss", "get_output_embeddings", "set_output_embeddings"},
        {"VocabProjector", "n_labels"},
    ),
    ("tensorflow", "facts.py"): (
        "Keras' layers mask with booleans",
        {"get_extended_attention_mask"},
        set(),
    ),
    ("flax", "facts.py"): ("linen's, too", {"get_extended_attention_mask"}, set()),
    ("tensorflow", "loading.py"): (
        "the parameters of a user's head around an encoder are looked up in `weights.py`",
        {"spec_model", "spec_names"},
        set(),
    ),
    ("flax", "loading.py"): (
        "the page has no `state_dict` in Flax; `own_modules.py` knows a user's head",
        {"canonical_state", "spec_model", "spec_names"},
        set(),
    ),
    ("tensorflow", "model.py"): (
        "batches are padded, not packed; arrays and lists are taken for tensors",
        {"encode_packed", "check_given"},
        set(),
    ),
    ("flax", "model.py"): (
        "as in TensorFlow; linen's layers get their initial values by name",
        {"encode_packed", "check_given"},
        {"normal", "dense", "layer_norm", "Layers"},
    ),
    ("tensorflow", "pretrained.py"): (
        PAGE + "; Keras asks a model for its configuration and its training step",
        {"set_attn_implementation", "device", "dtype", "is_gradient_checkpointing"} | {"post_init"},
        {"forward", "variable_scope", "forget_functions", "get_config", "from_config", "compile"}
        | {"compile_from_config", "train_step", "test_step", "predict_step", "compute_loss"}
        | {"compute_metrics", "build"},
    ),
    ("flax", "pretrained.py"): (
        PAGE + "; parameters are a tree outside of the module",
        {"materialize", "tie_weights", "base_model", "set_attn_implementation", "device", "dtype"}
        | {"post_init"},
        {"build_module", "module", "forward", "params", "params_shape_tree", "required_params"}
        | {"to_bf16", "to_fp16", "to_fp32", "to_nnx", "replace_leaves"},
    ),
    ("flax", "resizing.py"): (
        "the tree has no tied projection whose bias would have to follow",
        {"fit_bias"},
        set(),
    ),
    ("tensorflow", "train.py"): (
        "only PyTorch computes a batch in parts on a CPU",
        {"split_batch"},
        set(),
    ),
    ("flax", "train.py"): ("as in TensorFlow", {"split_batch"}, set()),
    ("tensorflow", "weights.py"): (
        "Keras' variables are looked up by their layers; `layers.py` defers their values",
        {"deferred_init", "to_tensor", "check_not_quantized"},
        {"variable_of", "untied_parameters", "canonical_arrays", "added_variables"}
        | {"build_added_layers", "load_additions", "added_arrays", "is_own_head"}
        | {"own_class_name"},
    ),
    ("flax", "weights.py"): (
        "parameters are a tree, and a model without values is one without a tree",
        {"deferred_init", "to_tensor", "to_array", "assign", "initial_arrays", "draw_seed"}
        | {"check_not_quantized"},
        {"to_tree", "to_arrays", "shape_tree", "initial_tree", "seed_of", "plain", "flatten"}
        | {"merged", "cast"},
    ),
}
# linen's modules: their names beside those of the model classes, and their constructor.
MODULES = {"TaskModule": "TaskModel", "DistilBertModule": "DistilBertModel"}
CALLS = ("call", "__call__")
SHARED = sorted(
    path.name
    for path in (PACKAGE / "torch").glob("*.py")
    if path.name not in EXTRA_FILES["torch"] and path.name != "__init__.py"
)


def plain(name: str) -> str:
    """A name without its framework's prefix, and the name that PyTorch has for it."""
    name = re.sub(r"^(TF|Flax|Torch|TensorFlow)(?=[A-Z])", "", name)
    name = MODULES.get(name, name)
    name = re.sub(r"^(?!DistilBert)(\w+)Module$", r"DistilBertFor\1", name)
    return "forward" if name in CALLS else name


def public_names(path: Path) -> list[str]:
    """Functions, classes and `Class.method` in order, without private ones and linen's `setup`."""
    names: list[str] = []

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            name = plain(node.name)
            if name.startswith("_") or name == "setup":
                continue
            if prefix + name not in names:
                names.append(prefix + name)
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{prefix}{name}.")

    collect(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return names


def test_the_packages_have_the_same_files() -> None:
    files = {
        name: {path.name for path in (PACKAGE / name).glob("*.py")} - set(extra)
        for name, extra in EXTRA_FILES.items()
    }
    assert files["tensorflow"] == files["flax"] == files["torch"]


@pytest.mark.parametrize("framework", ["tensorflow", "flax"])
@pytest.mark.parametrize("file", SHARED)
def test_every_shared_file_defines_the_same_names_in_the_same_order(
    framework: str, file: str
) -> None:
    first = public_names(PACKAGE / "torch" / file)
    other = public_names(PACKAGE / framework / file)
    _, only_first, only_other = DIFFERENCES.get((framework, file), ("", set(), set()))
    last = {name: name.rpartition(".")[2] for name in (*first, *other)}
    classes = {name.partition(".")[0] for name in other}
    missing = {last[name] for name in first if name not in other}
    added = {last[name] for name in other if name not in first}
    if file == "heads.py":  # a child that needs no change of a method has none
        missing -= {"build_head", "compute_logits", "forward"}
        added -= {"build_head", "compute_logits", "forward"}
    assert missing == only_first
    assert added == only_other
    assert {name.partition(".")[0] for name in first} - only_first <= classes
    assert [name for name in other if name in first] == [name for name in first if name in other]
