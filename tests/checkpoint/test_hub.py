"""`resolve` end to end: local paths, and a hub served on this machine."""

from __future__ import annotations

import errno
import hashlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import COMMIT, SECRET, FakeHub, serve

from distilbert.checkpoint.hub import HubOptions, resolve, take_hub_options
from distilbert.errors import CheckpointError, HubError

MODEL = {
    "config.json": b'{"model_type": "distilbert"}',
    "model.safetensors": bytes(range(256)) * 40,
    "pytorch_model.bin": b"not wanted",
    "tf_model.h5": b"not wanted either",
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "tokenizer_config.json": b"{}",
    "README.md": b"# a model",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with one small model, an empty cache, and both named by the environment only."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with serve(FakeHub({"ann/tiny": dict(MODEL)})) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub waits a second before it resumes; a test need not."""
    import time
    from types import SimpleNamespace

    clock = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    monkeypatch.setattr("huggingface_hub.file_download.time", clock)
    monkeypatch.setattr("huggingface_hub.utils._http.time", clock)


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def whole_cache(tmp_path: Path, suffix: str = "") -> list[Path]:
    blobs = (tmp_path / "cache").rglob("blobs/*")
    return [path for path in blobs if path.name.endswith(suffix)]


def test_a_local_folder_or_file_is_returned_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    file = tmp_path / "config.json"
    file.write_text("{}")
    assert resolve(tmp_path) == tmp_path
    assert resolve(str(file)) == file
    assert resolve(tmp_path, subfolder="inner") == tmp_path / "inner"


def test_a_missing_subfolder_of_a_local_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="`subfolder` must exist: got 'nowhere'"):
        resolve(tmp_path, subfolder="nowhere")


@pytest.mark.parametrize(
    "source", ["./nowhere", "/no/such/folder", "a/b/c", "", "a b", Path("ann/x")]
)
def test_what_is_neither_a_path_nor_a_name_is_refused_without_asking_anyone(source: Any) -> None:
    with pytest.raises(CheckpointError, match=r"existing folder or file, a hub name such as"):
        resolve(source)


def test_the_options_are_taken_out_of_the_keywords() -> None:
    kwargs: dict[str, Any] = {"revision": "v1", "token": None, "n_layers": 3, "subfolder": "x"}
    options = take_hub_options(kwargs)
    assert options == HubOptions(revision="v1", subfolder="x")
    assert kwargs == {"n_layers": 3}
    assert options.as_keywords()["force_download"] is False


def test_importing_the_module_loads_no_hub_client() -> None:
    import subprocess

    code = "import sys, distilbert.checkpoint.hub; print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_only_the_needed_files_are_downloaded_and_safetensors_preferred(hub: FakeHub) -> None:
    folder = resolve("ann/tiny", want="weights")
    assert names(folder) == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    assert hub.downloaded() == ["config.json", "model.safetensors"]


def test_each_want_brings_its_own_files(hub: FakeHub) -> None:
    assert names(resolve("ann/tiny", want="config")) == {"config.json"}
    tokenizer = {"config.json", "vocab.txt", "tokenizer_config.json"}
    assert names(resolve("ann/tiny", want="tokenizer")) == tokenizer
    assert names(resolve("ann/tiny")) == tokenizer | {"model.safetensors"}


def test_another_format_is_fetched_when_it_alone_is_acceptable(hub: FakeHub) -> None:
    assert "tf_model.h5" in names(resolve("ann/tiny", want="weights", formats=["h5"]))
    del hub.repositories["ann/tiny"]["model.safetensors"]
    assert "pytorch_model.bin" in names(resolve("ann/tiny", want="weights", force_download=True))


def test_an_exported_model_is_fetched_instead_of_the_weights(hub: FakeHub) -> None:
    export = {"onnx/model.onnx": b"graph", "onnx/model.onnx_data": b"data", "export.json": b"{}"}
    hub.repositories["ann/both"] = MODEL | export
    files = [("onnx/model.onnx", ["onnx/model.onnx_data"]), ("model.onnx", ["model.onnx_data"])]
    folder = resolve("ann/both", exported=files)
    assert {name for name in export if (folder / name).is_file()} == {*export}
    assert (folder / "vocab.txt").is_file()
    assert not (folder / "model.safetensors").exists()
    with pytest.raises(HubError, match=r"model\.onnx"):
        resolve("ann/tiny", exported=files)


def test_a_second_load_downloads_nothing(hub: FakeHub) -> None:
    first = resolve("ann/tiny")
    hub.log.clear()
    assert resolve("ann/tiny") == first
    assert hub.downloaded() == []
    assert len(hub.log) == 1  # one question: which commit is it now?


def test_force_download_fetches_again(hub: FakeHub) -> None:
    resolve("ann/tiny", want="config")
    resolve("ann/tiny", want="config", force_download=True)
    assert hub.downloaded() == ["config.json", "config.json"]


def test_an_index_brings_its_shards_and_no_others(hub: FakeHub) -> None:
    shards = {f"model-0000{i}-of-00002.safetensors": b"shard %d" % i for i in (1, 2)}
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    hub.repositories["ann/tiny"] = {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00003-of-00003.safetensors": b"of another save",
        **shards,
    }
    expected = {"config.json", "model.safetensors.index.json", *shards}
    assert names(resolve("ann/tiny", want="weights")) == expected


@pytest.mark.parametrize("index", [b"{", b"[]", b'{"weight_map": {"a": "../up"}}'])
def test_a_broken_or_escaping_index_is_refused(hub: FakeHub, index: bytes) -> None:
    hub.repositories["ann/tiny"] = {"config.json": b"{}", "model.safetensors.index.json": index}
    with pytest.raises(CheckpointError, match=r"(index file|index\.json`) m(ust|ay)"):
        resolve("ann/tiny", want="weights")


def test_variant_subfolder_and_revision_choose_the_files(hub: FakeHub) -> None:
    commit = "f" * 40
    hub.commits |= {"v2": commit, commit: commit}
    hub.repositories["ann/tiny"] |= {
        "inner/config.json": b"{}",
        "inner/model.fp16.safetensors": b"half",
    }
    folder = resolve("ann/tiny", want="weights", subfolder="inner", variant="fp16", revision="v2")
    assert folder.parts[-2:] == (commit, "inner")
    assert names(folder) == {"config.json", "model.fp16.safetensors"}


def test_a_sentence_transformers_folder_keeps_its_pooling(hub: FakeHub) -> None:
    modules = [{"path": "0_Transformer"}, {"path": "1_Pooling"}, {"path": "2_Normalize"}]
    hub.repositories["ann/tiny"] = {
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        **{f"0_Transformer/{name}": data for name, data in MODEL.items()},
    }
    brought = names(resolve("ann/tiny"))
    assert {"modules.json", "1_Pooling/config.json"} <= brought
    assert {"0_Transformer/config.json", "0_Transformer/model.safetensors"} <= brought
    assert "0_Transformer/vocab.txt" in brought


def test_a_bare_old_name_follows_the_move(hub: FakeHub) -> None:
    hub.moved["tiny"] = "ann/tiny"
    assert names(resolve("tiny", want="config")) == {"config.json"}


def test_cache_dir_is_honoured(hub: FakeHub, tmp_path: Path) -> None:
    folder = resolve("ann/tiny", want="config", cache_dir=tmp_path / "elsewhere")
    assert folder.is_relative_to(tmp_path / "elsewhere")
    assert not (tmp_path / "cache").exists()


def test_offline_the_cache_serves_and_nobody_is_asked(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = resolve("ann/tiny")
    hub.log.clear()
    assert resolve("ann/tiny", local_files_only=True) == online
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve("ann/tiny") == online
    assert resolve("ann/tiny", revision=COMMIT) == online
    assert hub.log == []


def test_offline_and_not_cached_says_what_to_do(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        HubError, match=r"`local_files_only=True` rules out .* load it once with a conn"
    ):
        resolve("ann/tiny", local_files_only=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "yes")
    with pytest.raises(HubError, match="HF_HUB_OFFLINE rules out the hub"):
        resolve("ann/tiny")
    assert hub.log == []


def test_an_unknown_repository_may_be_private(hub: FakeHub) -> None:
    with pytest.raises(
        HubError, match=r"`ann/none` is neither a local folder.*private repository pass `token`"
    ):
        resolve("ann/none")
    assert issubclass(HubError, OSError)


def test_an_unknown_revision_is_named(hub: FakeHub) -> None:
    with pytest.raises(HubError, match=r"`revision` must be a branch, tag or commit.*got 'v9'"):
        resolve("ann/tiny", revision="v9")


def test_missing_weights_name_the_formats_that_exist(hub: FakeHub) -> None:
    del hub.repositories["ann/tiny"]["model.safetensors"]
    del hub.repositories["ann/tiny"]["pytorch_model.bin"]
    message = (
        r"no model\.safetensors or pytorch_model\.bin.*It has tf_model\.h5 \(pass from_tf=True\)"
    )
    with pytest.raises(HubError, match=message):
        resolve("ann/tiny", want="weights")


def test_missing_config_and_tokenizer_files_are_named(hub: FakeHub) -> None:
    hub.repositories["ann/tiny"] = {"README.md": b""}
    with pytest.raises(HubError, match=r"`ann/tiny` at revision 'main' has no config\.json"):
        resolve("ann/tiny")
    with pytest.raises(HubError, match=r"has no vocab\.txt or tokenizer\.json"):
        resolve("ann/tiny", want="tokenizer")


def test_a_token_opens_a_private_repository_and_a_wrong_one_is_refused(hub: FakeHub) -> None:
    hub.private.add("ann/tiny")
    with pytest.raises(HubError, match="private repository pass `token`"):
        resolve("ann/tiny", want="config")
    with pytest.raises(HubError, match="The hub refused the token"):
        resolve("ann/tiny", want="config", token="hf_wrong")
    assert names(resolve("ann/tiny", want="config", token=SECRET)) == {"config.json"}


def test_a_gated_repository_says_how_to_get_in(hub: FakeHub) -> None:
    hub.gated.add("ann/tiny")
    with pytest.raises(HubError, match="`ann/tiny` is gated: accept its conditions"):
        resolve("ann/tiny")


@pytest.mark.usefixtures("no_waiting")
def test_a_cut_connection_resumes_where_it_broke(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)  # 10 MB otherwise
    hub.cut_after["model.safetensors"] = [4000, 7000]
    folder = resolve("ann/tiny", want="weights")
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    ranges = [asked for method, path, asked in hub.log if method == "GET" and "safetens" in path]
    assert ranges == [None, "bytes=4000-", "bytes=7000-"]


@pytest.mark.usefixtures("no_waiting")
def test_a_connection_that_stays_cut_leaves_nothing_behind(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut_after["model.safetensors"] = [4000] * 20
    with pytest.raises(HubError, match=r"model\.safetensors of `ann/tiny` did not complete"):
        resolve("ann/tiny", want="weights")
    assert [path.stat().st_size for path in whole_cache(tmp_path)] == [len(MODEL["config.json"])]
    hub.cut_after.clear()
    assert "model.safetensors" in names(resolve("ann/tiny", want="weights"))


def test_a_wrong_checksum_is_refused_and_not_kept(hub: FakeHub, tmp_path: Path) -> None:
    hub.altered.add("model.safetensors")
    with pytest.raises(
        HubError, match=r"announced one: model\.safetensors.*got [0-9a-f]{64}. It was deleted"
    ):
        resolve("ann/tiny", want="weights")
    assert len(whole_cache(tmp_path)) == 1  # config.json only
    with pytest.raises(HubError, match="is not in the cache"):
        resolve("ann/tiny", want="weights", local_files_only=True)
    hub.altered.clear()
    folder = resolve("ann/tiny", want="weights")
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]


def test_a_wrong_size_is_refused_and_not_kept(hub: FakeHub, tmp_path: Path) -> None:
    hub.shortened.add("config.json")
    with pytest.raises(HubError, match=r"config\.json of `ann/tiny` did not complete"):
        resolve("ann/tiny", want="config")
    assert whole_cache(tmp_path) == []


def test_a_load_cut_half_way_leaves_the_older_commit_in_force_offline(hub: FakeHub) -> None:
    old = resolve("ann/tiny", want="weights")
    newer = "a" * 40
    hub.commits |= {"main": newer, newer: newer}
    hub.repositories["ann/tiny"]["config.json"] = b'{"model_type": "bert"}'
    hub.repositories["ann/tiny"]["model.safetensors"] = b"new weights"
    hub.altered.add("model.safetensors")
    with pytest.raises(HubError):
        resolve("ann/tiny", want="weights")
    assert resolve("ann/tiny", want="weights", local_files_only=True) == old


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_ill_hub_is_an_absent_hub(hub: FakeHub, status: int) -> None:
    cached = resolve("ann/tiny", want="config")
    hub.ill = status
    assert resolve("ann/tiny", want="config") == cached
    with pytest.raises(HubError, match=f"cannot be reached .it responded with status {status}"):
        resolve("ann/tiny", want="weights")
    with pytest.raises(HubError, match="`force_download=True` needs it"):
        resolve("ann/tiny", want="config", force_download=True)


def test_a_refused_connection_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, hub: FakeHub
) -> None:
    cached = resolve("ann/tiny", want="config")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert resolve("ann/tiny", want="config") == cached
        with pytest.raises(HubError, match=r"The hub \(http://127.* cannot be reached"):
            resolve("bob/other")


def test_a_server_that_is_no_hub_is_recognised(hub: FakeHub) -> None:
    hub.commits["main"] = ""
    with pytest.raises(
        HubError, match=r"must name the commit of a file: http.* sent ''.*Check HF_E"
    ):
        resolve("ann/tiny")


HASH = "5" * 64
GIT = "6" * 40


@pytest.mark.parametrize(
    ("sent", "blob"),
    [
        (f'"{HASH}"', HASH),
        (HASH, HASH),
        (f'W/"{HASH}"', HASH),
        (f'"{GIT}-gzip"', GIT),
        (f'"{GIT}--gzip"', GIT),
        (f'W/"{GIT};br"', GIT),
        (f'W/"{"d" * 32}"', "d" * 32),  # an md5, of a mirror
    ],
)
def test_a_hash_is_found_in_every_form_in_which_servers_send_it(
    hub: FakeHub, tmp_path: Path, sent: str, blob: str
) -> None:
    data = {HASH: MODEL["config.json"]}.get(blob, MODEL["config.json"])
    hub.etags["config.json"] = sent.replace(HASH, hashlib.sha256(data).hexdigest())
    resolve("ann/tiny", want="config")
    assert [path.name for path in whole_cache(tmp_path)] == [
        blob.replace(HASH, hashlib.sha256(data).hexdigest())
    ]


def everything(folder: Path) -> dict[str, bytes | None]:
    """All paths below `folder` with the bytes of files."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "etag",
    [
        "{victim}",
        '"{victim}"',
        '"../../../../victim"',
        'W/"../../../../victim"',
        '"abc"',
        '"' + "0" * 31 + '"',
        '"' + "0" * 32 + '-2"',
        '"' + "0" * 39 + '"',
        '"' + "0" * 65 + '"',
        '"' + "A" * 40 + '"',
        '"' + "0" * 40 + '/../../../victim"',
        '".."',
        "",
    ],
)
def test_an_etag_that_is_no_hash_touches_nothing(hub: FakeHub, tmp_path: Path, etag: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"of another size")
    before = everything(tmp_path)
    hub.etags["config.json"] = etag.format(victim=victim)
    with pytest.raises(HubError, match="must name the hash of a file in its ETag"):
        resolve("ann/tiny", want="config")
    assert everything(tmp_path) == before


COMMITS = ["../../../x", "/home/x", "main", "0" * 39, "0" * 65, "F" * 40, "0" * 40 + "/..", ".."]


@pytest.mark.parametrize("commit", COMMITS)
@pytest.mark.parametrize("file", ["config.json", "vocab.txt"])
def test_a_commit_that_is_no_hash_touches_nothing(
    hub: FakeHub, tmp_path: Path, commit: str, file: str
) -> None:
    del hub.repositories["ann/tiny"][file]
    hub.commits["main"] = commit
    before = everything(tmp_path)
    with pytest.raises(HubError, match="must name the commit of a file"):
        resolve("ann/tiny", want="tokenizer")
    assert everything(tmp_path) == before


def test_a_hub_that_changes_its_headers_between_requests_cannot_choose_a_path(
    hub: FakeHub, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"of another size")
    hub.on_get = lambda: hub.etags.update({"config.json": f'"{victim}"'})
    folder = resolve("ann/tiny", want="config")
    assert (folder / "config.json").read_bytes() == MODEL["config.json"]
    assert victim.read_bytes() == b"of another size"
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "victim"}


@pytest.mark.parametrize(
    "revision",
    ["../../x", "/x", "x/", "a..b", "a\\b", "a:b", "a b", "a\nb", "a\0b", "", "a//b", "x\ud800", 5],
)
def test_a_revision_that_cannot_be_one_is_refused_without_a_request(
    hub: FakeHub, tmp_path: Path, revision: Any
) -> None:
    with pytest.raises(HubError, match="`revision` must be a branch, tag or commit of `ann/tiny`"):
        resolve("ann/tiny", revision=revision)
    assert hub.log == []
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("subfolder", ["../x", "/etc", "a/../../b", "a\\b", "C:x", "x\ud800"])
def test_a_subfolder_outside_of_the_repository_is_refused(hub: FakeHub, subfolder: str) -> None:
    with pytest.raises(HubError, match=r"relative path inside it: got .*Check `subfolder`"):
        resolve("ann/tiny", subfolder=subfolder)
    assert hub.log == []


@pytest.mark.parametrize("name", ["a--b/c", "a..b/c", "x.git", "a/b-", "a/b.", "models--a--b"])
def test_names_that_the_cache_cannot_hold_are_no_hub_names(hub: FakeHub, name: str) -> None:
    with pytest.raises(CheckpointError, match="a hub name such as"):
        resolve(name)
    assert hub.log == []


def test_files_with_spaces_and_accents_are_fetched(hub: FakeHub) -> None:
    folder = "snapshots/été 1%20#?"
    hub.repositories["ann/tiny"] = {f"{folder}/{name}": data for name, data in MODEL.items()}
    found = resolve("ann/tiny", want="weights", subfolder=folder)
    assert found.name == "été 1%20#?"
    assert names(found) == {"config.json", "model.safetensors"}


def test_a_saved_token_that_is_missing_is_named(hub: FakeHub) -> None:
    with pytest.raises(HubError, match=r"`token=True` needs a saved token .* run `hf auth login`"):
        resolve("ann/tiny", token=True)


def test_an_index_of_a_hub_cannot_name_files_elsewhere_by_odd_characters(hub: FakeHub) -> None:
    for file in ("x\ud800.safetensors", "a" * 250 + ".safetensors", "NUL:x.safetensors"):
        index = json.dumps({"weight_map": {"a": file}}).encode()
        hub.repositories["ann/tiny"] = {"config.json": b"{}", "model.safetensors.index.json": index}
        with pytest.raises(CheckpointError, match=r"may only name|half a character"):
            resolve("ann/tiny", want="weights", force_download=True)


def test_a_cache_that_cannot_be_written_is_named(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve("ann/tiny", want="config")

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    assert names(resolve("ann/tiny", want="config")) == {"config.json"}
    with pytest.raises(
        HubError, match=r"cache folder must be writable to download model\.safetens"
    ):
        resolve("ann/tiny", want="weights")


def test_a_file_is_requested_once_and_sent_once(hub: FakeHub) -> None:
    resolve("ann/tiny", want="config")
    assert [method for method, _, _ in hub.log] == ["HEAD", "GET"]


def test_a_download_that_does_not_go_on_ends(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    hub.on_get = lambda: go_on.wait(20)
    monkeypatch.setattr("distilbert.checkpoint.hub_fetch.START_SECONDS", 0.2)
    monkeypatch.setattr("distilbert.checkpoint.hub_fetch.SLOWEST", 10**6)
    try:
        with pytest.raises(HubError, match=r"config\.json .* did not complete \(no response in"):
            resolve("ann/tiny")
    finally:
        go_on.set()
    assert whole_cache(tmp_path) == []
