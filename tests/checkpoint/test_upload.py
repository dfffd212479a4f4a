"""Uploads to a hub served on this machine: what is sent, and what is said when it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import COMMIT, SECRET, FakeHub, serve

from distilbert import DistilBertConfig, DistilBertModel
from distilbert.checkpoint.hub import resolve
from distilbert.checkpoint.upload import (
    UploadOptions,
    take_upload_options,
    upload_saved,
    uploading,
)
from distilbert.errors import HubError, UnknownArgumentError

OPTIONS = UploadOptions(repo_id="ann/tiny", token=SECRET)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty hub, named by the environment only."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serve(FakeHub()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def test_the_files_that_the_block_wrote_are_uploaded_and_no_others(
    hub: FakeHub, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old.txt").write_text("kept here")
    (folder / "changed.txt").write_text("before")
    with uploading(folder, True, repo_id="ann/tiny", token=SECRET):
        (folder / "changed.txt").write_text("after, and longer")
        (folder / "inner").mkdir()
        (folder / "inner" / "config.json").write_text("{}")
    files = {"changed.txt": b"after, and longer", "inner/config.json": b"{}"}
    assert hub.repositories == {"ann/tiny": files}
    assert hub.commit_messages == ["Upload changed.txt, inner/config.json"]


def test_a_new_folder_gives_the_repository_its_name_and_can_be_loaded_from_the_hub(
    hub: FakeHub, tmp_path: Path
) -> None:
    options = {"token": SECRET, "private": True, "commit_message": "First"}
    with uploading(tmp_path / "tiny", True, **options):
        (tmp_path / "tiny").mkdir()
        (tmp_path / "tiny" / "vocab.txt").write_text("[UNK]\n")
    assert (hub.private, hub.commit_messages) == ({"ann/tiny"}, ["First"])
    found = resolve("ann/tiny", want="tokenizer", token=SECRET)
    assert (found / "vocab.txt").read_text() == "[UNK]\n"


def test_a_temporary_folder_is_uploaded_and_removed(hub: FakeHub) -> None:
    folders: list[Path] = []

    def save(folder: Path) -> None:
        folders.append(folder)
        (folder / "README.md").write_text("# A model")

    assert upload_saved(save, OPTIONS).oid == COMMIT
    assert hub.repositories["ann/tiny"] == {"README.md": b"# A model"}
    assert not folders[0].exists()


def test_nothing_is_sent_unless_asked(hub: FakeHub, tmp_path: Path) -> None:
    with uploading(tmp_path, False, repo_id="ann/tiny", token=SECRET):
        (tmp_path / "a.txt").write_text("a")
    assert hub.log == []


def test_a_failed_block_uploads_nothing(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    with pytest.raises(FileExistsError), uploading(tmp_path, True, repo_id="ann/tiny"):
        (tmp_path / "file").mkdir()
    assert hub.log == []


def test_the_older_name_of_the_token_is_taken_and_unknown_keywords_are_not() -> None:
    given = {"use_auth_token": "t", "repo_id": "a/b"}
    expected = UploadOptions(repo_id="a/b", token="t")
    assert take_upload_options(given, caller="push_to_hub") == expected
    with pytest.raises(UnknownArgumentError, match=r"`push_to_hub` takes .*: got commit_mesage"):
        take_upload_options({"commit_mesage": "x"}, caller="push_to_hub")


def test_a_refusal_names_the_token_and_the_repository(hub: FakeHub, tmp_path: Path) -> None:
    with (
        pytest.raises(HubError, match=r"needs a `token` that may write .*`ann/tiny`.* status 401"),
        uploading(tmp_path, True, repo_id="ann/tiny", token="hf_wrong"),
    ):
        (tmp_path / "a.txt").write_text("a")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HF_HUB_OFFLINE", "1", "An upload needs the hub: HF_HUB_OFFLINE rules"),
        ("HF_ENDPOINT", "http://127.0.0.1:1", r"at http://127\.0\.0\.1:1 did not complete"),
    ],
)
def test_no_connection_is_a_named_error(
    variable: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(HubError, match=message):
        upload_saved(lambda folder: (folder / "a.txt").write_text("a"), OPTIONS)


def test_a_name_that_no_repository_can_have_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    with (
        pytest.raises(HubError, match=r"`repo_id` must be `owner/name` .*: got 'a/b/c'"),
        uploading(tmp_path, True, repo_id="a/b/c", token=SECRET),
    ):
        (tmp_path / "a.txt").write_text("a")


def test_a_saved_model_is_uploaded_and_loads_from_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    model = DistilBertModel(config)
    model.save_pretrained(tmp_path / "a", True, None, None, True, repo_id="ann/a", token=SECRET)
    model.push_to_hub("ann/b", token=SECRET, safe_serialization=False, use_temp_dir=True)
    assert sorted(hub.repositories["ann/a"]) == ["config.json", "model.safetensors"]
    assert sorted(hub.repositories["ann/b"]) == ["config.json", "pytorch_model.bin"]
    again = DistilBertModel.from_pretrained("ann/a", token=SECRET, _fast_init=False)
    for name, tensor in model.state_dict().items():
        assert again.state_dict()[name].equal(tensor)
    with pytest.raises(UnknownArgumentError, match="got colour"):
        model.save_pretrained(tmp_path / "c", colour="red")
    model.save_pretrained(tmp_path / "c", push_to_hub=False, save_function=print)
    assert sorted(hub.repositories) == ["ann/a", "ann/b"]


@pytest.mark.filterwarnings("error")
def test_every_option_of_push_to_hub_does_what_it_says(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = DistilBertModel(
        DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    )
    # By position, in the reference's order.
    done = model.push_to_hub("ann/a", False, "First", True, SECRET, "2KB", True, True)
    assert "model-00001-of-00003.safetensors" in hub.repositories["ann/a"]
    assert (hub.private, hub.commit_messages) == ({"ann/a"}, ["First"])
    assert done.pr_url.endswith("/ann/a/discussions/1")
    assert sorted(hub.repositories["ann/a"]) == sorted(path.name for path in Path("a").iterdir())
    model.push_to_hub("ann/b", token=SECRET, revision="new", tags=["one", "two"])
    assert hub.commits["new"] == COMMIT
    assert hub.repositories["ann/b"]["README.md"] == b"---\ntags:\n- one\n- two\n---\n\n# b\n"
    hub.repositories["ann/b"]["README.md"] = b"---\nlicense: mit\ntags:\n- one\n---\n# Mine\n"
    model.config.push_to_hub("ann/b", token=SECRET, tags="three", commit_description="Why")
    card = b"---\nlicense: mit\ntags:\n- one\n- three\n---\n# Mine\n"
    assert hub.repositories["ann/b"]["README.md"] == card
    assert not Path("b").exists()
    with pytest.raises(UnknownArgumentError, match="got organization"):
        model.push_to_hub("ann/c", organization="o")
    model.config.save_pretrained("conf", push_to_hub=True, repo_id="ann/d", token=SECRET)
    assert [*hub.repositories["ann/d"]] == ["config.json"]
