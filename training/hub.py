"""An exported folder on its way to a hub of data sets, under the token of whoever sends it.

The token is used for the upload and for nothing else: it is neither stored nor written to any log
or message. Only what the export's manifest lists is sent. It stands beside the models because what
they need brings huggingface_hub, which the web part does without.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annotation.audit import record
from annotation.errors import Conflict, Invalid, Refused
from annotation.exporting.folder import MANIFEST, TABLES
from annotation.exporting.manifest import check_export
from annotation.progress import Report, silent
from annotation.projects import get_project

NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
TOKEN = re.compile(r"[!-~]{1,500}")
OURS = tuple(f"{name}/" for name in (*TABLES, "guidelines"))
THEIRS = {".gitattributes"}  # what the hub itself puts into a new data set


def upload(
    folder: Path,
    name: str,
    token: str,
    *,
    private: bool = True,
    update: bool = False,
    endpoint: str | None = None,
    report: Report = silent,
) -> str:
    """Make the data set ``name`` (owner/name) of an unchanged export, in one commit; its address.

    Interrupted and run again, what has arrived is not sent again. A data set that holds something
    is left alone without ``update``, which replaces the tables. ``endpoint`` is the hub's address,
    that of HF_ENDPOINT if left out. Raises Invalid, Conflict.
    """
    said = _checked(folder, name, token)
    project = get_project(said["project"])
    with _one_line(name):
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        api = HfApi(endpoint=endpoint, token=token, library_name="concord")
        _make(api, name, private)
        held = set(api.list_repo_files(name, repo_type="dataset")) - THEIRS
        if held and not update:
            raise Conflict(
                f"hub: {name} is there already and holds {len(held)} files. "
                "Choose another name, or add --update to replace them."
            )
        paths = [each["path"] for each in said["files"]] + [MANIFEST]
        with disable_progress_bars():  # ours counts all files as one
            _send(api, name, folder, paths, held, _message(said), report)
        address = f"{api.endpoint}/datasets/{name}"
    data = {"address": address, "sha256": said["sha256"]}
    record("preferences.uploaded", project, project=project, by="upload_export", data=data)
    return address


def _checked(folder: Path, name: str, token: str) -> dict[str, Any]:
    """The manifest. Raises Invalid."""
    if not NAME.fullmatch(name):
        raise Invalid(f"name: {name!r} is no name of a data set. Write it as OWNER/NAME.")
    if not TOKEN.fullmatch(token):
        raise Invalid("token: it is empty, or no token. Copy it from the hub's settings anew.")
    said = check_export(folder / MANIFEST)
    if said["format"] != "hf":
        raise Invalid(f"{folder} is no data set's folder. Export it with --format hf.")
    return said


def _make(api: Any, name: str, private: bool) -> None:
    """The data set, unless it is there."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_repo(name, repo_type="dataset", private=private)
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise


def _send(
    api: Any,
    name: str,
    folder: Path,
    paths: list[str],
    held: set[str],
    message: str,
    report: Report,
) -> None:
    """The large files one by one, then a commit that shows all of them at once."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    sizes = {path: (folder / path).stat().st_size for path in paths}
    done, total, operations = 0, sum(sizes.values()), []
    for path in paths:
        report("Uploading", done, total)
        adding = CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(folder / path))
        api.preupload_lfs_files(name, [adding], repo_type="dataset")
        operations.append(adding)
        done += sizes[path]
    report("Uploading", done, total)
    stale = sorted(path for path in held - set(paths) if path.startswith(OURS))
    gone = [CommitOperationDelete(path_in_repo=path) for path in stale]
    api.create_commit(
        name, operations=[*operations, *gone], commit_message=message, repo_type="dataset"
    )


def _message(said: dict[str, Any]) -> str:
    what = f"snapshot {said['snapshot']}" if said["snapshot"] else "what counts now"
    return f"Export of {said['project']}, {what}, by {said['software']}"


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """Turns what the hub and the network do into a sentence. Raises Invalid, Conflict."""
    try:
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    except ImportError:
        raise Invalid(
            "hub: huggingface_hub is not installed here. Run this where workers run, "
            "or install requirements.txt."
        ) from None
    try:
        yield
    except Refused:
        raise
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise _refusal(error, name) from None


def _refusal(error: BaseException, name: str) -> Refused:
    """In words of ours: those of a library may hold the request, and with it the token."""
    cause: BaseException | None = error
    while cause is not None and getattr(cause, "response", None) is None:
        cause = cause.__cause__
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if status == 401:
        return Invalid("token: the hub does not know it. Make a new one there, with write access.")
    if status in (403, 404):
        return Invalid(
            f"token: it may not write to {name}. Make one that may, or choose another owner."
        )
    if status is not None:
        return Conflict(f"hub: it answered {status}. Run this again to go on, or try later.")
    return Conflict(
        f"hub: it cannot be reached ({type(error).__name__}). Look after the network, then run "
        "this again to go on."
    )
