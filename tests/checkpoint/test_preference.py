"""Which formats a framework's class looks for, and in which order."""

from __future__ import annotations

import pytest

from distilbert.checkpoint.folder import READERS
from distilbert.checkpoint.preference import all_formats, wanted_formats
from distilbert.errors import InputError

FRAMEWORKS = ("torch", "tensorflow", "flax")
ORIGINS = {"from_pt": {"safetensors", "bin"}, "from_tf": {"h5"}, "from_flax": {"msgpack"}}


@pytest.mark.parametrize(
    ("framework", "order"),
    [
        ("torch", ("safetensors", "bin")),
        ("tensorflow", ("safetensors", "h5", "msgpack")),
        ("flax", ("msgpack", "safetensors", "h5")),
    ],
)
def test_unasked_a_class_prefers_what_the_page_prefers(
    framework: str, order: tuple[str, ...]
) -> None:
    assert wanted_formats(framework) == order


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("origin", ORIGINS)
def test_every_class_reads_what_every_framework_writes(framework: str, origin: str) -> None:
    formats = wanted_formats(framework, **{origin: True})
    assert ORIGINS[origin] <= set(formats) <= set(READERS)


@pytest.mark.parametrize("framework", ["tensorflow", "flax"])
def test_a_foreign_pickle_is_read_only_when_asked_for(framework: str) -> None:
    assert "bin" not in wanted_formats(framework)
    assert "bin" in wanted_formats(framework, from_pt=True)


@pytest.mark.parametrize(
    ("framework", "rest"),
    [("torch", ("bin",)), ("tensorflow", ("h5", "msgpack")), ("flax", ("msgpack", "h5"))],
)
def test_safetensors_alone_or_anything_else(framework: str, rest: tuple[str, ...]) -> None:
    assert wanted_formats(framework, use_safetensors=True) == ("safetensors",)
    assert wanted_formats(framework, use_safetensors=False) == rest


def test_two_origins_contradict_each_other() -> None:
    with pytest.raises(InputError, match="one origin: got `from_pt` and `from_flax`"):
        wanted_formats("torch", from_pt=True, from_flax=True)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_format_is_tried_with_the_preferred_ones_first(framework: str) -> None:
    formats = all_formats(framework)
    assert sorted(formats) == sorted(READERS)
    assert formats[: len(wanted_formats(framework))] == wanted_formats(framework)
