"""What an OpenVINO model needs is read from its XML, and other files are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from exports import as_openvino, tiny_weights, write_graph
from stand_ins import small_config

from distilbert.errors import CheckpointError
from distilbert.runtimes.openvino_contents import read_contents

CONFIG = small_config()
LAYER = '<layer id="0" name="a" type="{}" version="{}"/>'
INNER = f"<body><layers>{LAYER.format('Tan', 'mine')}</layers></body>"


def written(folder: Path, text: str) -> Path:
    (folder / "m.xml").write_text(text, encoding="utf-8")
    return folder / "m.xml"


def net(*layers: str) -> str:
    return (
        f'<?xml version="1.0"?><net name="a" version="11"><layers>{"".join(layers)}</layers></net>'
    )


def test_operators_are_counted_with_the_newest_opset(tmp_path: Path) -> None:
    path = as_openvino(write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base")))
    found = read_contents(path)
    counts = [found.operators[name] for name in ("MVN", "Gelu", "Parameter")]
    assert counts == [5, 2, 2]
    assert found.opset >= 8
    assert found.foreign == set()
    assert found.locations == {"base.bin"}


@pytest.mark.parametrize("version", ["extension", "", "opset", "opset1x", "my_opset2", "util"])
def test_operators_outside_of_the_standard_are_foreign(tmp_path: Path, version: str) -> None:
    found = read_contents(written(tmp_path, net(LAYER.format("Sin", version))))
    assert (found.foreign, dict(found.operators)) == ({version}, {f"{version}:Sin": 1})


def test_operators_inside_of_others_are_read(tmp_path: Path) -> None:
    loop = LAYER.format("Loop", "opset5").replace("/>", f">{INNER}</layer>")
    found = read_contents(written(tmp_path, net(loop)))
    assert (found.foreign, found.opset) == ({"mine"}, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no element found"),
        ("not xml", "syntax error"),
        (net(LAYER.format("Sin", "opset1"))[:-9], "no element found|unclosed token"),
        ("<html><layer/></html>", "its first element is 'html', not 'net'"),
        (net(), "it has no layers"),
        ('<!DOCTYPE net [<!ENTITY a SYSTEM "/etc/passwd">]>' + net("&a;"), "a document type"),
    ],
)
def test_other_files_are_named_with_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CheckpointError, match=f"must be an XML file of layers.*({reason})"):
        read_contents(written(tmp_path, text))


def test_a_file_that_cannot_be_read_and_a_pointer_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"must be readable: .*No such file"):
        read_contents(tmp_path / "m.xml")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n"
    with pytest.raises(CheckpointError, match="LFS"):
        read_contents(written(tmp_path, pointer))
