"""A hub on 127.0.0.1: the file API that huggingface_hub speaks, with faults on demand.

Uploads create repositories and change their files; they need the token `SECRET`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECRET = "hf_the_right_token"
ACCOUNT = "ann"  # to which `SECRET` belongs


@dataclass
class FakeHub:
    """Repositories by name, each a dict of path -> bytes, and the faults to show."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, COMMIT: COMMIT})
    moved: dict[str, str] = field(default_factory=dict)  # an old repository name -> the new one
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    cut_after: dict[str, list[int]] = field(default_factory=dict)  # file -> bytes, one per GET
    altered: set[str] = field(default_factory=set)  # files whose bytes are not the announced ones
    shortened: set[str] = field(default_factory=set)  # files shorter than announced
    etags: dict[str, str] = field(default_factory=dict)  # file -> what its ETag says instead
    on_get: Callable[[], object] = lambda: None  # called before a file is sent
    ill: int = 0  # a status to answer everything with
    log: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    commit_messages: list[str] = field(default_factory=list)  # of uploads
    url: str = ""

    def downloaded(self) -> list[str]:
        """The files that were sent, in order."""
        return [path.split("/", 5)[-1] for method, path, _ in self.log if method == "GET"]


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve `hub` until the block ends; its address is in `hub.url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the requests are kept in `hub.log`."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self.hub.on_get()
        self._answer(body=True)

    def do_POST(self) -> None:
        """Uploads: create a repository, say how each file is sent, take a commit."""
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        path, _, query = self.path.partition("?")
        self.hub.log.append((self.command, path, None))
        if self.hub.ill:
            return self._refuse(self.hub.ill, "ServerError")
        if self.headers.get("Authorization") != f"Bearer {SECRET}":
            return self._refuse(401, "Unauthorized")
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(sent)
            name = f"{asked.get('organization') or ACCOUNT}/{asked['name']}"
            if asked.get("visibility") == "private":
                self.hub.private.add(name)
            self.hub.repositories.setdefault(name, {})
            return self._json({"url": f"{self.hub.url}/{name}"})
        name, _, action = path.removeprefix("/api/models/").rpartition("/preupload/")
        if name:
            files = [file["path"] for file in json.loads(sent)["files"]]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            return self._json({"files": [{"path": file, **plain} for file in files]})
        name, _, action = path.removeprefix("/api/models/").rpartition("/branch/")
        if name:
            self.hub.commits.setdefault(action, COMMIT)
            return self._json({})
        name, _, action = path.removeprefix("/api/models/").rpartition("/commit/")
        if not name or action not in self.hub.commits:
            return self._refuse(404, "NotFound")
        for line in map(json.loads, sent.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.hub.commit_messages.append(value["summary"])
            else:
                content = base64.b64decode(value["content"])
                self.hub.repositories[name][value["path"]] = content
        answer = {"commitUrl": f"{self.hub.url}/{name}", "commitOid": COMMIT}
        if "create_pr=1" in query:
            answer["pullRequestUrl"] = f"{self.hub.url}/{name}/discussions/1"
        return self._json(answer)

    def _json(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, *, body: bool) -> None:
        repository, separator, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, file = unquote(rest).partition("/")
        if not separator:
            return self._refuse(404, "NotFound")
        self.hub.log.append((self.command, self.path, self.headers.get("Range")))
        if self.hub.ill:
            return self._refuse(self.hub.ill, "ServerError")
        if repository in self.hub.moved:
            return self._redirect(self.path.replace(repository, self.hub.moved[repository], 1))
        allowed = self.headers.get("Authorization") == f"Bearer {SECRET}"
        if repository in self.hub.gated and not allowed:
            return self._refuse(403, "GatedRepo")
        if repository in self.hub.private and not allowed:
            return self._refuse(401, "RepoNotFound")
        if repository not in self.hub.repositories:
            return self._refuse(404, "RepoNotFound")
        if revision not in self.hub.commits:
            return self._refuse(404, "RevisionNotFound")
        data = self.hub.repositories[repository].get(file)
        if data is None:
            return self._refuse(404, "EntryNotFound", self.hub.commits[revision])
        return self._send(file, data, commit=self.hub.commits[revision], body=body)

    def _refuse(self, status: int, code: str, commit: str | None = None) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _redirect(self, path: str) -> None:
        self.send_response(307)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, file: str, data: bytes, *, commit: str, body: bool) -> None:
        etag = hashlib.sha256(data).hexdigest()
        if not file.endswith((".safetensors", ".bin", ".h5", ".msgpack")):
            etag = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if body and file in self.hub.altered:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if body and file in self.hub.shortened:
            data = data[:-1]
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", self.hub.etags.get(file, f'"{etag}"'))
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        cuts = self.hub.cut_after.get(file)
        self.wfile.write(data[start : cuts.pop(0)] if cuts else data[start:])
        if cuts is not None:
            self.close_connection = True
