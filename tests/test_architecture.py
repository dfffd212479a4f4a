"""The architecture, enforced: allowed imports, what stays unloaded, sizes, mirrored tests."""

from __future__ import annotations

import ast
import fnmatch
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "distilbert"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Part of the package -> the other parts, or single modules of them, that it may import.
INNER = {"errors", "_lazy", "config", "config_checks", "config_file", "input_checks", "outputs"}
INNER |= {"config_names", "digests", "git_lfs", "heads", "json_files", "runner", "surrogates"}
INNER |= {"buckets", "machine", "row_parts", "task_file", "threads"}
FRAMEWORKS = {"torch", "tensorflow", "flax"}
INNER |= {"_install"}
# Finding a checkpoint and its parts, and writing files: for every layer with a `from_pretrained`.
SOURCE_AND_SINK = {"checkpoint.hub", "checkpoint.preference", "checkpoint.atomic"}
SOURCE_AND_SINK |= {"checkpoint.output_folder", "checkpoint.sentence_modules"}
SOURCE_AND_SINK |= {"checkpoint.upload"}
OPENING = {"exported", "load_options", "opening"}
ARROWS: dict[str, set[str]] = {
    "tokenization": INNER | SOURCE_AND_SINK,
    "checkpoint": INNER,
    "data": INNER | SOURCE_AND_SINK,
    "batching": INNER,
    "timing": INNER,
    "tasks": INNER | {"batching", "tokenization", "data"},
    "training": INNER | {"checkpoint", "opening"},
    "load_options": INNER | {"checkpoint"},
    # A runtime is imported by name, once a source is known to hold a file for it.
    "exported": INNER | {"checkpoint", "load_options", "runtimes.bucket_runner"},
    "runtimes": INNER | {"checkpoint.foreign_names"},
    # `auto` chooses a class by name and loads no framework until it has chosen.
    "opening": INNER | {"auto", "checkpoint", "exported", "fastest", "load_options"},
    "fastest": INNER | {"checkpoint", "exported", "load_options"},
    "pipelines": INNER | SOURCE_AND_SINK | OPENING | {"batching", "tasks", "tokenization"},
    # Joins data, task, training and a framework, which is imported by name.
    "finetuning": INNER
    | OPENING
    | {"batching", "checkpoint", "data", "pipelines", "tasks", "tokenization", "training"},
    "distilling": INNER
    | OPENING
    | {"batching", "checkpoint", "data", "tasks", "timing", "tokenization", "training"},
    # Reads checkpoints as arrays; a framework and a runtime are opened to compare their answers.
    "exporting": INNER | OPENING | {"batching", "checkpoint", "tasks", "training"},
    # Joins exported graphs with the metrics of tasks.
    "quantizing": INNER
    | OPENING
    | {"batching", "checkpoint", "data", "exporting", "finetuning", "runtimes", "tasks"}
    | {"timing", "training"},
    # Times pipelines on checkpoints and on the files that the exporter writes.
    "benchmarking": INNER
    | OPENING
    | {"batching", "checkpoint", "data", "exporting", "fastest", "pipelines", "quantizing"}
    | {"tasks", "timing", "training"},
    "server": INNER | {"pipelines", "tasks", "tokenization"},
    **{framework: INNER | {"checkpoint", "training"} for framework in FRAMEWORKS},
}
FRAMEWORK_MODULES = ("torch", "tensorflow", "keras", "jax", "flax")
UNWANTED = (*FRAMEWORK_MODULES, "transformers", "h5py", "onnx", "onnxruntime", "openvino")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60
# Files and functions that are longer, with their lines. Shorten them and delete their entry; new
# entries are not allowed.
LONG_FILES = {
    "flax/pretrained.py": 415,
}
LONG_FUNCTIONS = {
    "finetuning/evaluate.py:evaluate": 80,  # public signature and docstring
    "flax/pretrained.py:from_pretrained": 65,  # signature of the reference and its docstring
    "tensorflow/pretrained.py:from_pretrained": 69,  # as in Flax
    "torch/pretrained.py:from_pretrained": 72,  # as in Flax
}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def part_of(path: Path) -> str:
    """ "torch" for src/distilbert/torch/model.py, "config" for src/distilbert/config.py."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def type_checking_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`; they are never executed."""
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    return {n for block in blocks for n in range(block.lineno, (block.end_lineno or 0) + 1)}


def imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Every imported module: its dotted name, its line, and whether it is inside a function."""
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports must be absolute"
            module = node.module or ""
            names = [module]
            if module == "distilbert":
                names = [f"distilbert.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node.lineno, id(node) in inside


def every_import() -> list[tuple[Path, str, int, bool]]:
    return [(path, *found) for path in SOURCES for found in imports(parse(path))]


def test_every_import_is_allowed_by_the_architecture() -> None:
    wrong = []
    for path, name, line, _ in every_import():
        part, steps = part_of(path), name.split(".")
        if part not in ARROWS or steps[0] != "distilbert" or steps[1:2] in ([], [part]):
            continue
        allowed = {steps[1], ".".join(steps[1:3])} & ARROWS[part]
        if not allowed and line not in type_checking_lines(parse(path)):
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert wrong == []


def test_every_folder_of_the_package_is_in_the_architecture() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(ARROWS) | {"cli"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count too: they hide a circle, they do not remove it."""
    modules = {module_of(path): path for path in SOURCES}
    arrows: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        tree = parse(path)
        unexecuted = type_checking_lines(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and node.lineno not in unexecuted:
                arrows[name] |= {alias.name for alias in node.names} & modules.keys()
            elif isinstance(node, ast.ImportFrom) and node.lineno not in unexecuted:
                inside = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
                arrows[name] |= inside or {node.module or ""} & modules.keys()
    assert [sorted(circle) for circle in cycles(arrows)] == []


def module_of(path: Path) -> str:
    """ "distilbert.torch.model" for src/distilbert/torch/model.py."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(inside[:-1] if inside[-1] == "__init__" else inside)


def cycles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The groups of nodes that can reach each other, sorted by their first name."""
    reached: dict[str, set[str]] = {}
    for start in arrows:
        seen: set[str] = set()
        stack = [start]
        while stack:
            for target in arrows[stack.pop()] - seen:
                seen.add(target)
                stack.append(target)
        reached[start] = seen
    groups = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in arrows
        if name in reached[name]
    }
    return sorted((set(group) for group in groups), key=min)


def test_inner_modules_import_no_outer_module_when_loaded() -> None:
    wrong = [
        f"{path.name}:{line} {name}"
        for path, name, line, lazily in every_import()
        if path.parent == PACKAGE and path.stem in INNER and not lazily
        if name.startswith("distilbert") and name.split(".")[1] not in INNER
        if line not in type_checking_lines(parse(path))
    ]
    assert wrong == []


def test_only_a_framework_package_imports_its_framework() -> None:
    """Elsewhere a framework is imported by name, inside the one function that needs it."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, name, line, lazily in every_import()
        if name.split(".")[0] in FRAMEWORK_MODULES
        and part_of(path) not in FRAMEWORKS
        and not lazily
        if line not in type_checking_lines(parse(path))
    ]
    assert wrong == []


def test_transformers_is_only_imported_as_a_peer_that_a_user_asks_to_measure() -> None:
    assert [path for path, name, *_ in every_import() if name.split(".")[0] == "transformers"] == []
    texts = {path.name: path.read_text(encoding="utf-8") for path in SOURCES}
    lazily = ('require("transformers', 'import_module("transformers', '__import__("transformers')
    importing = [name for name, text in texts.items() if any(call in text for call in lazily)]
    assert importing == ["peers.py"]  # of benchmarking


def test_the_command_line_imports_the_package_only_inside_functions() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, name, line, lazily in every_import()
        if part_of(path) == "cli" and not lazily
        if name.startswith("distilbert.") and name.split(".")[1] not in INNER | {"cli"}
        if line not in type_checking_lines(parse(path))
    ]
    assert wrong == []


USES = {
    "the package": "import distilbert",
    "tokenization": """
        import distilbert
        tokenizer = distilbert.DistilBertTokenizer(vocab)
        assert tokenizer("hello world")["input_ids"]
        assert distilbert.DistilBertTokenizerFast(vocab)("hello world")["input_ids"]""",
    "checkpoint": """
        from distilbert import DistilBertConfig
        from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
        from distilbert.checkpoint.init import initial_weights
        config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
        save_checkpoint(folder, initial_weights(config, "base", 0), config, head="base")
        assert len(open_checkpoint(folder)) == 20""",
    "tasks": """
        import importlib, pkgutil, distilbert.tasks
        for module in pkgutil.walk_packages(distilbert.tasks.__path__, "distilbert.tasks."):
            importlib.import_module(module.name)""",
    "pipelines": """
        import importlib, pkgutil, distilbert.pipelines
        for module in pkgutil.iter_modules(distilbert.pipelines.__path__, "distilbert.pipelines."):
            importlib.import_module(module.name)""",
    "--help": """
        import sys
        from distilbert.cli.main import main
        sys.argv = ["distilbert", "--help"]
        try:
            main()
        except SystemExit as end:
            assert not end.code""",
}


@pytest.mark.parametrize("use", USES)
def test_no_framework_is_loaded_by(use: str, tmp_path: Path) -> None:
    """In a separate process, since this one has already loaded PyTorch."""
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world"]))
    lines = [
        f"vocab, folder = {str(vocab)!r}, {str(tmp_path / 'saved')!r}",
        *(line.removeprefix(" " * 8) for line in USES[use].splitlines()),
        "import sys",
        f"loaded = [name for name in {UNWANTED} if name in sys.modules]",
        "assert loaded == [], loaded",
    ]
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_models_load_nothing_of_training(framework: str) -> None:
    code = (
        f"import sys, distilbert.{framework}.heads, distilbert.{framework}.runner\n"
        "loaded = [name for name in sys.modules if name.startswith(('distilbert.training', "
        "'distilbert.finetuning'))]\n"
        "assert loaded == [], loaded"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("package", "alias", "framework"),
    [("torch", "torch", "torch"), ("tensorflow", "tf", "tensorflow"), ("flax", "nn", "flax.linen")],
)
def test_a_framework_package_imports_the_real_framework(
    package: str, alias: str, framework: str
) -> None:
    """The packages have the names of their frameworks: a relative import would find our package."""
    real = importlib.import_module(framework)
    model = importlib.import_module(f"distilbert.{package}.model")
    assert getattr(model, alias) is real
    ours = (ROOT / "src", ROOT / "tests")  # an environment may be inside the checkout
    assert not any(Path(str(real.__file__)).is_relative_to(folder) for folder in ours)


def test_only_framework_packages_are_named_after_a_dependency_or_the_standard_library() -> None:
    reserved = sys.stdlib_module_names | {"numpy", "tokenizers", "safetensors", "h5py", "typer"}
    names = {path.stem for path in SOURCES if path.parent == PACKAGE}
    names |= {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert names & set(reserved) == set()
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_every_source_file_has_its_test_file(path: Path) -> None:
    inside = path.relative_to(PACKAGE)
    mirror = ROOT / "tests" / inside.parent / f"test_{inside.stem.strip('_')}.py"
    assert mirror.is_file()


def sizes() -> tuple[dict[str, int], dict[str, int]]:
    """The files and functions that are longer than the limits, with their lines."""
    files: dict[str, int] = {}
    functions: dict[str, int] = {}
    for path in SOURCES:
        name = path.relative_to(PACKAGE).as_posix()
        files[name] = len(path.read_text(encoding="utf-8").splitlines())
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                functions[f"{name}:{node.name}"] = max(
                    lines, functions.get(f"{name}:{node.name}", 0)
                )
    return (
        {name: n for name, n in files.items() if n > MAX_FILE_LINES},
        {name: n for name, n in functions.items() if n > MAX_FUNCTION_LINES},
    )


@pytest.mark.parametrize("kind", ["files", "functions"])
def test_files_and_functions_are_short_but_for_listed_exceptions(kind: str) -> None:
    listed = {"files": LONG_FILES, "functions": LONG_FUNCTIONS}[kind]
    long = dict(zip(("files", "functions"), sizes(), strict=True))[kind]
    too_long = {name: n for name, n in long.items() if n > listed.get(name, 0)}
    assert too_long == {}, "shorten these"
    assert listed.keys() <= long.keys(), "delete the entries of those that are short enough now"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_has_a_docstring(path: Path) -> None:
    tree = parse(path)
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_left_for_later_or_swallowed(path: Path) -> None:
    text, tree = path.read_text(encoding="utf-8"), parse(path)
    for mark in ("TODO", "FIXME", "XXX", "raise NotImplementedError"):
        assert mark not in text
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
            assert not _is_pass(node.body), f"line {node.lineno}: swallowed exception"


def _is_pass(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Pass)


def test_the_names_that_vulture_ignores_exist() -> None:
    """`.ci/run` looks for dead code with vulture; its list of exceptions must not outlive them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    words = {word for path in SOURCES for word in re.findall(r"\w+", path.read_text("utf-8"))}
    ignored = project["tool"]["vulture"]["ignore_names"]
    assert [name for name in ignored if not fnmatch.filter(words, name)] == []
