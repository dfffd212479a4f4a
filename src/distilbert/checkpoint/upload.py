"""Uploads files to a model repository of the hub, in one commit.

huggingface_hub does the transport. Knows nothing of what the files hold.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbert.checkpoint.hub_fetch import (
    REACH_SECONDS,
    chosen_offline,
    first_line,
    transport_error,
    within,
)
from distilbert.errors import HubError, UnknownArgumentError

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


@dataclass(frozen=True, kw_only=True)
class UploadOptions:
    """The keywords of `push_to_hub`, also of `save_pretrained(push_to_hub=True)`."""

    repo_id: str | None = None  # owner/name, or a name of the token's account; None: the folder's
    commit_message: str | None = None
    commit_description: str | None = None
    private: bool | None = None  # for a new repository; None is the account's default
    token: str | bool | None = None  # True or None: the token saved by `hf auth login`
    revision: str | None = None  # the branch to commit to; None is the default branch
    create_pr: bool = False


def take_upload_options(kwargs: dict[str, Any], *, caller: str) -> UploadOptions:
    """The options of an upload that the keywords of the method `caller` state.

    Raises:
        UnknownArgumentError: `kwargs` holds anything else.
    """
    if "use_auth_token" in kwargs:  # the older name
        kwargs = {"token": kwargs["use_auth_token"], **kwargs}
    # Keywords of the reference without effect: the folder of `push_to_hub` is always temporary.
    ignored = {"use_auth_token", "use_temp_dir"}
    kwargs = {name: value for name, value in kwargs.items() if name not in ignored}
    names = {field.name for field in fields(UploadOptions)}
    if unknown := sorted(kwargs.keys() - names):
        raise UnknownArgumentError(
            f"`{caller}` takes the documented keywords and those of an upload "
            f"({', '.join(sorted(names))}): got {', '.join(unknown)}."
        )
    return UploadOptions(**kwargs)


@contextmanager
def uploading(folder: str | os.PathLike[str], push_to_hub: bool, **kwargs: Any) -> Iterator[None]:
    """Run the block of a `save_pretrained`, and with `push_to_hub` upload the files it writes.

    Args:
        kwargs: the keywords of `save_pretrained` for an upload, see `UploadOptions`.

    Raises:
        UnknownArgumentError: an unknown keyword, even if no upload was asked for.
        HubError: as `upload_files`.
    """
    options, folder = take_upload_options(kwargs, caller="save_pretrained"), Path(folder)
    if not push_to_hub:
        yield
        return
    before = _stamps(folder)
    yield
    after = _stamps(folder)
    upload_files(folder, sorted(n for n in after if after[n] != before.get(n)), options)


def upload_saved(save: Callable[[Path], object], options: UploadOptions) -> CommitInfo:
    """Upload every file that `save` writes into a folder, which is temporary.

    Raises:
        HubError: as `upload_files`.
    """
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
        return upload_files(Path(folder), sorted(_stamps(Path(folder))), options)


def push_model(model: Any, repo_id: str, **kwargs: Any) -> CommitInfo:
    """Upload a model to a repository of the hub: its config and weights, in one commit.

    Args:
        repo_id: `owner/name`, or a name of the token's account; created if needed.
        kwargs: `max_shard_size`, `safe_serialization` and `variant` of `save_pretrained`;
            `commit_message`, `commit_description`, `private`, `token`, `revision`, `create_pr`.

    Raises:
        HubError: the hub cannot be reached or refuses the token or the name.
        UnknownArgumentError: another keyword.
    """
    names = ("max_shard_size", "safe_serialization", "variant")
    saving = {name: kwargs.pop(name) for name in names if name in kwargs}
    options = take_upload_options({**kwargs, "repo_id": repo_id}, caller="push_to_hub")
    return upload_saved(lambda folder: model.save_pretrained(folder, **saving), options)


def upload_files(folder: Path, names: list[str], options: UploadOptions) -> CommitInfo:
    """Commit files of `folder`, named relative to it, to a repository, which is created if needed.

    Raises:
        HubError: the hub cannot be reached or refuses the token, the name or the files.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if why := chosen_offline(local_files_only=False):
        raise HubError(f"An upload needs the hub: {why}.")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT", "").rstrip("/") or None, token=options.token)
    name = options.repo_id or folder.resolve().name
    try:
        repository = within(
            REACH_SECONDS, lambda: api.create_repo(name, private=options.private, exist_ok=True)
        )
        return api.create_commit(
            repository.repo_id,
            [CommitOperationAdd(path, folder / path) for path in names],
            commit_message=options.commit_message or f"Upload {', '.join(names)}",
            commit_description=options.commit_description,
            revision=options.revision,
            create_pr=options.create_pr,
        )
    except HFValidationError as error:
        raise HubError(
            f"`repo_id` must be `owner/name` or the name of a repository: got {name!r}."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise HubError(
            f"An upload needs a `token` that may write to the repository: for `{name}` the hub "
            f"responded with status {status} ({first_line(error)})."
        ) from error
    except (OSError, ValueError, transport_error()) as error:
        raise HubError(
            f"The upload to `{name}` at {api.endpoint} did not complete ({first_line(error)}). "
            "Upload the files again when the hub can be reached."
        ) from error


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The files below `folder` with what changes when one is replaced."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in files
    }
