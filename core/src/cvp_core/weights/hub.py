"""Weights in a repository of the Hugging Face hub: pushed there as one commit, and pulled from there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..download import OFFLINE, fetch
from ..errors import MachineError, NotInstalledError, OutputError, UserError, WeightsError
from ..places import user_cache
from ..spec import WeightsSpec
from .atomic import write_atomically
from .header import read_header
from .locate import addresses, published_digest
from .push import CONFIG, WEIGHTS, Package, is_ours

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["HUB", "place_of", "pulled_from_hub", "push_to_hub", "repository_of"]

HUB = "hf://"
_ADDRESS = re.compile(r"hf://(\w[\w.-]*)/(\w[\w.-]*)(?:/(\w[\w./-]*))?", re.ASCII)


def repository_of(address: str) -> tuple[str, str]:
    """OWNER/REPO and the file in it, model.safetensors where none is named. Raises WeightsError for no such address."""
    found = _ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        raise WeightsError(f"'{address}' is no address on the hub; expected hf://OWNER/REPO or hf://OWNER/REPO/FILE")
    owner, name, file = found.groups()
    return f"{owner}/{name}", file or WEIGHTS


def place_of(address: str) -> Path:
    """Where the file of an address is kept after it was pulled. Raises WeightsError as `repository_of` does."""
    return user_cache("hub").joinpath(*repository_of(address))


def pulled_from_hub(address: str) -> Path:
    """The file of hf://OWNER/REPO or hf://OWNER/REPO/FILE, downloaded and verified the first time, kept from then on.

    Of a private repository huggingface_hub brings it, to whom `hf auth login` lets in.
    Raises WeightsError for an address or a file that is none of cvp's, and what `fetch` raises.
    """
    repository, file = repository_of(address)
    target = place_of(address)
    if not target.is_file():
        weights = WeightsSpec("hub", f"{HUB}{repository}/{file}", source="cvp")
        digest = None if os.environ.get(OFFLINE) else published_digest(weights)
        try:
            fetch(addresses(weights), digest, target)
        except MachineError as error:
            if not _fetched_as_member(repository, file, target):
                raise MachineError(f"{error}. A private repository needs `hf auth login` and cvp-core[hub]") from error
    try:
        read_header(target)
    except WeightsError as error:
        target.unlink(missing_ok=True)
        reason = str(error).removeprefix(f"{target} ")
        raise WeightsError(f"{address} {reason} (`cvp weights import` takes weights of others)") from None
    return target


def _fetched_as_member(repository: str, file: str, target: Path) -> bool:
    """Whether the file came by the login of this user; why not is what the plain download said."""
    try:
        library = _library()
        if os.environ.get(OFFLINE) or library.get_token() is None:
            return False
        path = library.hf_hub_download(repository, file, endpoint=os.environ.get("HF_ENDPOINT"))
    except Exception:  # noqa: BLE001 - huggingface_hub's own, or one of the client below it
        return False
    write_atomically(target, Path(path).read_bytes())
    return True


def push_to_hub(package: Package, repository: str, *, is_private: bool = False, api: HfApi | None = None) -> str:
    """Makes OWNER/REPO if it is not there and commits all files at once; the address of the commit.

    is_private: a new repository is not public; for one that is public already this is an error. Who pushes is what
    `hf auth login` or $HF_TOKEN says.
    Raises NotInstalledError without huggingface_hub, UserError where nobody is logged in or the repository is not to
    be written, OutputError where it holds another's model, MachineError where the hub does not answer.
    """
    from_hub = _library()
    if api is None:
        if from_hub.get_token() is None:
            raise UserError("nobody is logged in to the Hugging Face hub: `hf auth login`, or set $HF_TOKEN")
        api = from_hub.HfApi(library_name="cvp")
    try:
        created = api.create_repo(repository, private=is_private or None, exist_ok=True)
        if is_private and not api.repo_info(repository).private:
            raise OutputError(f"{repository} exists and is public; make it private on the hub, or leave --private out")
        _check_theirs(api, repository)
        operations = [from_hub.CommitOperationAdd(name, content) for name, content in package.files.items()]
        commit = api.create_commit(repository, operations, commit_message=f"{package.title}, pushed by cvp")
    except UserError:
        raise
    except Exception as error:  # huggingface_hub's own, or one of the client below it
        raise _fault(error, repository) from error
    return str(commit.commit_url or created)


def _check_theirs(api: HfApi, repository: str) -> None:
    """A model of somebody else's library is not replaced, though its history would keep it."""
    files = api.list_repo_files(repository)
    if WEIGHTS not in files and CONFIG not in files:
        return
    if CONFIG in files and is_ours(Path(api.hf_hub_download(repository, CONFIG)).read_bytes()):
        return
    raise OutputError(f"{repository} holds a model that cvp did not push; choose another repository")


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise NotInstalledError(
            "pushing to the hub needs huggingface_hub, which is not installed: pip install 'cvp-core[hub]'"
        ) from None
    return huggingface_hub


def _fault(error: Exception, repository: str) -> Exception:
    """The hub's refusal in one line; it never holds the token."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = " ".join(str(getattr(error, "server_message", None) or error).split())[:300]
    if status in (401, 403):
        return UserError(
            f"the hub does not let this login write to {repository}: {reason}. `hf auth whoami` says who it is; "
            "its token needs the right to write"
        )
    if status is None and isinstance(error, ValueError):
        return UserError(f"the hub does not take {repository}: {reason}")
    return MachineError(f"cannot push to {repository}: {reason}; a commit is whole or absent, so run it again")
