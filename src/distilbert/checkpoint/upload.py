"""Uploads files to a model repository of the hub, in one commit.

huggingface_hub does the transport. Knows nothing of what the files hold.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
    from huggingface_hub import CommitInfo, HfApi

CARD = "README.md"


@dataclass(frozen=True, kw_only=True)
class UploadOptions:
    """The keywords of `push_to_hub`, also of `save_pretrained(push_to_hub=True)`."""

    repo_id: str | None = None  # owner/name, or a name of the token's account; None: the folder's
    commit_message: str | None = None
    commit_description: str | None = None
    private: bool | None = None  # for a new repository; None is the account's default
    token: str | bool | None = None  # True or None: the token saved by `hf auth login`
    revision: str | None = None  # the branch, created if needed; None is the default one
    create_pr: bool = False
    tags: str | Iterable[str] | None = None  # for the model card, whose other content stays


def take_upload_options(kwargs: dict[str, Any], *, caller: str) -> UploadOptions:
    """The options of an upload that the keywords of the method `caller` state.

    Raises:
        UnknownArgumentError: `kwargs` holds anything else.
    """
    if "use_auth_token" in kwargs:  # the older name
        kwargs = {"token": kwargs["use_auth_token"], **kwargs}
    kwargs = {name: value for name, value in kwargs.items() if name != "use_auth_token"}
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


def upload_saved(
    save: Callable[[Path], object], options: UploadOptions, *, use_temp_dir: bool | None = None
) -> CommitInfo:
    """Upload every file that `save` writes into a folder.

    Args:
        use_temp_dir: False keeps the folder, in the working folder under the repository's name.

    Raises:
        HubError: as `upload_files`.
    """
    with ExitStack() as stack:
        if use_temp_dir is False:
            folder = Path(str(options.repo_id).rpartition("/")[2])
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = _stamps(folder)
        save(folder)
        after = _stamps(folder)
        return upload_files(folder, sorted(n for n in after if after[n] != before.get(n)), options)


def push_model(
    model: Any,
    repo_id: str,
    use_temp_dir: bool | None = None,
    commit_message: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    max_shard_size: int | str | None = None,
    create_pr: bool = False,
    safe_serialization: bool | None = None,
    revision: str | None = None,
    commit_description: str | None = None,
    tags: str | Iterable[str] | None = None,
    *,
    variant: str | None = None,
    **kwargs: Any,
) -> CommitInfo:
    """Upload a model to a repository of the hub: its config and weights, in one commit.

    Args:
        repo_id: `owner/name`, or a name of the token's account; created if needed.
        use_temp_dir: False keeps the files too, in a folder of the repository's name in the working
            folder; None and True do not.
        private: for a new repository; None is the account's default.
        max_shard_size, safe_serialization, variant: as in `save_pretrained`; None is its default.
        revision: the branch to commit to, created if needed.
        tags: for the model card, whose other content stays.

    Raises:
        HubError: the hub cannot be reached or refuses the token or the name.
        UnknownArgumentError: another keyword.
    """
    given = {
        "max_shard_size": max_shard_size,
        "safe_serialization": safe_serialization,
        "variant": variant,
    }
    saving = {name: value for name, value in given.items() if value is not None}
    kwargs |= {
        "repo_id": repo_id,
        "commit_message": commit_message,
        "commit_description": commit_description,
        "private": private,
        "revision": revision,
        "create_pr": create_pr,
        "tags": tags,
        **({} if token is None else {"token": token}),
    }
    options = take_upload_options(kwargs, caller="push_to_hub")
    return upload_saved(
        lambda folder: model.save_pretrained(folder, **saving), options, use_temp_dir=use_temp_dir
    )


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
        if options.revision is not None and not options.revision.startswith("refs/"):
            api.create_branch(repository.repo_id, branch=options.revision, exist_ok=True)
        operations = [CommitOperationAdd(path, folder / path) for path in names]
        if options.tags is not None:
            present = _present_card(api, repository.repo_id, options.revision)
            card = tagged_card(present, options.tags)
            operations = [one for one in operations if one.path_in_repo != CARD]
            operations.append(CommitOperationAdd(CARD, card.encode()))
        return api.create_commit(
            repository.repo_id,
            operations,
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


def tagged_card(text: str, tags: str | Iterable[str]) -> str:
    """The text of a model card with more tags in its metadata."""
    from huggingface_hub import ModelCard

    card: Any = ModelCard(text)
    new = [tags] if isinstance(tags, str) else [str(tag) for tag in tags]
    card.data.tags = list(dict.fromkeys([*(card.data.tags or []), *new]))
    return str(card)


def _present_card(api: HfApi, name: str, revision: str | None) -> str:
    """The card in the repository, or a new one with the name as its title."""
    from huggingface_hub.errors import EntryNotFoundError

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = api.hf_hub_download(name, CARD, revision=revision, local_dir=folder)
            return Path(path).read_text(encoding="utf-8")
    except EntryNotFoundError:
        return f"---\ntags: []\n---\n\n# {name.partition('/')[2]}\n"


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The files below `folder` with what changes when one is replaced."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in files
    }
