"""The files of one hub repository: looked up, downloaded and checked, one at a time.

huggingface_hub does transport and resuming. This module adds a bounded wait when there is no
network, one commit for all files, checks of what the hub sends before anything is written, and
errors that say what to do.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.hub_cache import RepositoryCache
from distilbert.digests import file_sha256
from distilbert.errors import HubError

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

ANSWER_SECONDS = 5.0  # for one response of the hub
REACH_SECONDS = 9.0  # for the first response, including the name lookup and all addresses tried
# A download may take this long, and in addition as long as its announced bytes take at this rate:
# a server that sends one byte at a time would never end.
START_SECONDS = 60.0
SLOWEST = 16 * 1024  # bytes a second
# Of a file whose size the hub does not announce; the largest known BERT has 5e9.
MAX_BYTES = 16 * 10**9
T = TypeVar("T")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
# A git hash, a sha256 or a mirror's md5, in quotes or without; servers that compress add a suffix.
_ETAG = re.compile(
    r'(?:W/)?"?([0-9a-f]{32}|[0-9a-f]{40,64})"?(?:[-;]{1,2}(?:gzip|br|zstd|deflate))?"?'
)
_SHA256_LENGTH = 64
_TRUE = {"1", "on", "yes", "true"}
# What git forbids in names of branches and tags, as far as it matters in paths and URLs.
_NO_REVISION = re.compile(r"\.\.|//|@\{|\\|[\x00-\x20\x7f~^:?*\[\ud800-\udfff]|^/|/$|^$")
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


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


@dataclass(frozen=True)
class Announced:
    """What the hub says of a file: its commit, the hash that names its content, its bytes."""

    file: str
    commit: str
    etag: str
    size: int | None

    def check(self, path: Path) -> None:
        """
        Raises:
            ValueError: size or hash of `path` are not the announced ones. Small files carry a git
                hash, which mirrors replace or send the md5 of, so only their size is compared.
        """
        size = path.stat().st_size
        if self.size is not None and self.size != size:
            raise ValueError(f"{self.file} should be {self.size} bytes, got {size} bytes")
        if len(self.etag) == _SHA256_LENGTH and (found := file_sha256(path)) != self.etag:
            raise ValueError(f"{self.file} should be {self.etag}, got {found}")


class Repository:
    """The files of one hub repository at one revision; the first response fixes the commit."""

    def __init__(self, name: str, options: HubOptions) -> None:
        self.name = name
        self.revision = "main" if options.revision is None else options.revision
        if not isinstance(self.revision, str) or _NO_REVISION.search(self.revision):
            raise HubError(
                f"`revision` must be a branch, tag or commit of `{name}`: got {self.revision!r}."
            )
        self.token = options.token
        self.cache_dir = Path(options.cache_dir) if options.cache_dir is not None else _cache_dir()
        self.cache = RepositoryCache(self.cache_dir, name)
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
        self._check_name(file)
        if self.commit is not None and not self.force_download:
            if known := self.cache.find(file, self.commit):
                return known
            if self.cache.is_absent(file, self.commit):
                return None
        announced = None if self.offline_because else self._ask(file)
        if self.offline_because:
            return self._cached(file)
        if announced is None:
            return None
        self.commit = announced.commit
        if not self.force_download and (known := self._cached(file)):
            return known
        return self._download(announced)

    def has(self, file: str) -> bool:
        """Whether `file` exists there (offline: in the cache), without downloading it."""
        self._check_name(file)
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
        if not self.offline_because and self.commit is not None:
            self.cache.write_ref(self.revision, self.commit)

    def snapshot(self) -> Path:
        """The folder of the files that were fetched."""
        return self.cache.snapshot(self.commit or self.cache.commit_of(self.revision))

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

    def _check_name(self, file: str) -> None:
        if not is_inside(file):
            raise HubError(
                f"A file of a repository must have a relative path inside it: got {file!r} for "
                f"`{self.name}`. Check `subfolder` and `variant`."
            )

    def _cached(self, file: str) -> Path | None:
        commit = self.commit or self.cache.commit_of(self.revision)
        return self.cache.find(file, commit) if _COMMIT.fullmatch(commit) else None

    def _ask(self, file: str) -> Announced | None:
        """What the hub says of `file`; None when it has none. May set `offline_because`."""
        from huggingface_hub import get_hf_file_metadata
        from huggingface_hub.errors import (
            HfHubHTTPError,
            LocalTokenNotFoundError,
            OfflineModeIsEnabled,
        )

        url = self._url(file, self.commit or self.revision)

        def ask() -> HfFileMetadata:
            return get_hf_file_metadata(
                url, token=self.token, timeout=ANSWER_SECONDS, endpoint=self.endpoint
            )

        try:
            details = within(REACH_SECONDS, ask)
        except HfHubHTTPError as error:
            return self._refused(file, error)
        except LocalTokenNotFoundError as error:
            raise HubError(
                f"`token=True` needs a saved token for `{self.name}`, and there is none: run "
                f"`hf auth login`, or pass the token itself."
            ) from error
        except (TimeoutError, OfflineModeIsEnabled, transport_error()) as error:
            self._lost(str(error) or type(error).__name__)
            return None
        commit = self._checked_commit(details.commit_hash)
        etag = _ETAG.fullmatch(details.etag or "")
        if etag is None:
            raise HubError(
                f"A hub must name the hash of a file in its ETag: {self._host()} sent "
                f"{details.etag!r} for {file} of `{self.name}`. Check HF_ENDPOINT and your proxy."
            )
        return Announced(file, self.commit or commit, etag[1], details.size)

    def _url(self, file: str, revision: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.name, file, revision=revision, endpoint=self.endpoint)

    def _host(self) -> str:
        return self.endpoint or "https://huggingface.co"

    def _checked_commit(self, commit: str | None) -> str:
        """`commit`, which is about to be part of a path, if it can be one of git's."""
        if commit is None or not _COMMIT.fullmatch(commit):
            raise HubError(
                f"A hub must name the commit of a file: {self._host()} sent {commit!r} for "
                f"`{self.name}`. Check HF_ENDPOINT and your proxy."
            )
        return commit

    def _lost(self, why: str) -> None:
        """From now on use the cache only; an error if a new download was requested."""
        reason = f"The hub ({self._host()}) cannot be reached ({why})"
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
            named = error.response.headers.get("X-Repo-Commit")
            if self.commit is None and named is not None:
                self.commit = self._checked_commit(named)
            if self.commit is not None:
                self.cache.note_absence(file, self.commit)
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

    def _download(self, announced: Announced) -> Path:
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        file, url = announced.file, self._url(announced.file, announced.commit)
        # A compressed body would not have the announced size.
        headers = {**build_hf_headers(token=self.token), "Accept-Encoding": "identity"}

        limit = MAX_BYTES if announced.size is None else announced.size
        seconds = START_SECONDS + limit / SLOWEST

        def download(target: BinaryIO) -> None:
            bounded: Any = _Bounded(target, limit)
            get = partial(http_get, headers=headers, expected_size=announced.size)
            within(seconds, lambda: get(url, bounded))

        try:
            return self.cache.store(
                file,
                announced.commit,
                announced.etag,
                download=download,
                check=announced.check,
                again=self.force_download,
            )
        except (HfHubHTTPError, OSError, transport_error()) as error:
            if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
                raise HubError(
                    f"The cache folder must be writable to download {file} of `{self.name}`: "
                    f"{self.cache_dir} is not ({first_line(error)}). Set `cache_dir` or "
                    f"HF_HUB_CACHE to another folder."
                ) from error
            raise HubError(
                f"The download of {file} of `{self.name}` did not complete ({first_line(error)}). "
                f"Run it again; no incomplete file was kept."
            ) from error
        except ValueError as error:
            raise HubError(
                f"A downloaded file must be the announced one: {error}. It was deleted. Try "
                f"again, or check the proxy or mirror in between."
            ) from error


class _Bounded:
    """A file that takes at most `limit` bytes: a body may unpack to more than was announced."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.limit = file, limit

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > self.limit:
            raise ValueError(f"it should be at most {self.limit} bytes, and more were sent")
        return self.file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


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
