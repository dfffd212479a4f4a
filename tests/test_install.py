"""The install command in hints is one that works where it is read."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbert import _install
from distilbert._install import EXTRAS, install_command

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout [1]"
    folder.mkdir()
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def installed(monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None) -> None:
    """As if pip had installed the package and recorded `origin` in direct_url.json."""
    text = None if origin is None else json.dumps(origin)
    distribution = SimpleNamespace(read_text=lambda name: text)
    monkeypatch.setattr(_install.metadata, "distribution", lambda name: distribution)


def test_installed_from_an_index_the_hint_names_the_package(monkeypatch) -> None:
    installed(monkeypatch, None)
    assert install_command("torch") == "pip install 'distilbert[torch]'"
    assert install_command("keras.layers") == "pip install 'distilbert[tf]'"
    assert install_command("ray.tune") == "pip install 'distilbert[ray]'"


def test_installed_from_a_checkout_the_hint_names_its_folder(monkeypatch, checkout: Path) -> None:
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {}})
    assert install_command("torch") == f"pip install '{checkout}[torch]'"
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {"editable": True}})
    assert install_command("h5py") == f"pip install -e '{checkout}[formats]'"


def test_when_the_checkout_is_gone_the_hint_names_the_missing_package(
    monkeypatch, checkout: Path
) -> None:
    (checkout / "pyproject.toml").write_text('[project]\nname = "other"\n')
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {}})
    assert install_command("torch") == "pip install torch"
    (checkout / "pyproject.toml").unlink()
    assert install_command("ray.tune") == "pip install 'ray[tune]'"


def test_installed_from_a_wheel_or_a_repository_the_hint_names_the_missing_package(
    monkeypatch,
) -> None:
    installed(monkeypatch, {"url": "file:///tmp/distilbert-1.whl", "archive_info": {}})
    assert install_command("jax") == "pip install jax"
    installed(monkeypatch, {"url": "https://x/y.git", "vcs_info": {"vcs": "git"}})
    assert install_command("tensorboardX") == "pip install tensorboardX"


def test_run_from_a_checkout_without_installing_the_hint_names_its_folder(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_install.metadata, "distribution", missing)
    assert install_command("torch") == f"pip install '{ROOT}[torch]'"


def test_packages_without_an_extra_are_named_themselves() -> None:
    assert install_command("flash_attn") == "pip install flash-attn --no-build-isolation"
    assert install_command("mlflow") == "pip install mlflow"


def test_every_extra_exists_and_brings_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for name, extra in EXTRAS.items():
        assert name in {re.split(r"[\[>]", requirement)[0] for requirement in extras[extra]}


def test_the_documentation_installs_from_the_checkout() -> None:
    """The package is on no index yet, so only a checkout can be named."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        assert not re.search(r"pip install [^`&\n]*distilbert", page.read_text("utf-8")), page
