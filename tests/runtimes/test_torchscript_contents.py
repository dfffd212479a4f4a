"""What TorchScript files compute is known before PyTorch opens them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from distilbert.errors import CheckpointError
from distilbert.runtimes.torch_archive import MAX_BYTES
from distilbert.runtimes.torchscript_contents import read_contents

FUNCTION = """class M(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  inner : __torch__.torch.nn.modules.linear.___torch_mangle_3.Linear
  def forward(self: __torch__.M, x: Tensor) -> Dict[str, Tensor]:
    _0 = (self.inner).forward(torch.add(x, int(ops.prim.NumToTensor(torch.size(x, 1)))), )
    return {CALL}
"""


def written(path: Path, call: str, *, version: str = ".data/version", value: str = "10") -> Path:
    source = FUNCTION.replace("CALL", f'"logits": {call}')
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", b"")
        file.writestr("m/code/__torch__.py", source)
        file.writestr(f"m/{version}", value)
    return path


@pytest.mark.parametrize("version", [".data/version", "version"])
def test_functions_are_counted(tmp_path: Path, version: str) -> None:
    found = read_contents(written(tmp_path / "m", "torch.gelu(_0)", version=version))
    assert found.operators == {"gelu": 1, "add": 1, "size": 1}
    assert (found.opset, found.foreign, found.locations) == (10, set(), set())


@pytest.mark.parametrize(
    "call",
    [
        "torch.from_file(_0)",
        "ops.aten.save(_0)",
        "ops.mine.add(_0)",
        "torch.jit.load(_0)",
        "open(_0)",
        "__torch__.helper(_0)",
        "(self).run(_0)",
        "(torch.add)(self.what(_0), 1)",
    ],
)
def test_every_other_function_is_foreign(tmp_path: Path, call: str) -> None:
    assert len(read_contents(written(tmp_path / "m", call)).foreign) == 1


@pytest.mark.parametrize(
    "line",
    [
        "int = torch.save",
        "int : Tensor = x",
        "x, (float, y) = x",
        "for bool in x: pass",
        "annotate += x",
        "y = (int := x)",
        "torch = x",
        "ops = __torch__.helper",
        "y = torch.save",
        "y : Tensor = torch.from_file",
        "y = [torch.ops.aten.save]",
        "y = ops.aten",
        "y = getattr(torch, 'save')",
        "y = torch.add(torch.save)",
        "y = (torch).forward(x)",
        "y = (torch.save).forward(x)",
        "y = forward1(x)",
        "y = lambda z: z",
        "y = [z for z in x]",
        "with x as y: pass",
        "import torch",
        "from os import system as y",
        "def forward(self, y: Tensor=torch.save): pass",
        "def forward(self, int: Tensor): pass",
        "class int(Module): pass",
        "@x\n    def forward(self): pass",
        "global y",
        "del x",
        "y = f'{x}'",
    ],
)
def test_no_name_gets_another_meaning(tmp_path: Path, line: str) -> None:
    lines = f'x}}\n    {line}\n    return {{"logits": x'
    assert read_contents(written(tmp_path / "m", lines)).foreign


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for call, value in (("torch.add(", "10"), ("torch.add(_0)", "ten")):
        with pytest.raises(CheckpointError, match="damaged or another kind of file"):
            read_contents(written(tmp_path / "m", call, value=value))
    with zipfile.ZipFile(tmp_path / "m", "w") as file:
        file.writestr("m/data.pkl", b"")
        file.writestr("m/version", "3")
    with pytest.raises(CheckpointError, match="contains no functions"):
        read_contents(tmp_path / "m")


@pytest.mark.parametrize("text", ["torch.add" + "(_0)" * 3000, "-" * 100_000 + "1", "(" * 10_000])
def test_functions_that_nest_too_deep_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CheckpointError, match="its functions are not readable"):
        read_contents(written(tmp_path / "m", text))


def test_functions_have_a_limited_size(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", b"")
        file.writestr("m/version", "3")
        for number in range(3):
            file.writestr(f"m/code/{number}.py", b"\n" * (MAX_BYTES // 2))
    with pytest.raises(CheckpointError, match=f"its functions have more than {MAX_BYTES} bytes"):
        read_contents(tmp_path / "m")
