"""A data set's repository on the Hugging Face hub: its files are listed once, downloaded once, verified and kept."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..digest import file_digest
from ..download import OFFLINE, fetch
from ..errors import CvpError, DataError, MachineError, NotInstalledError
from ..places import user_cache
from ..weights.atomic import write_atomically
from .members import safe_parts

__all__ = ["HUB", "Repository", "repository_at"]

HUB = "hf://"
_SITE = "https://huggingface.co"
_ADDRESS = re.compile(
    r"hf://(\w[\w.-]*/\w[\w.-]*)(?:@(refs/(?:convert|pr)/\w[\w.-]*|\w[\w.-]*))?(?:/(\w[\w.-]*))?/?", re.ASCII
)
_TOLD = ("configs", "dataset_info")  # of what stands in front of a README
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Repository:
    """name: OWNER/NAME. config: what the address names of it, "" if nothing.

    files: size in bytes and SHA-256 by path; "" for a small file, of which the hub publishes none. card: `configs` and
    `dataset_info` as the README says them.
    """

    name: str
    config: str
    commit: str
    files: Mapping[str, tuple[int, str]]
    card: Mapping[str, Any]
    folder: Path

    def __str__(self) -> str:
        return f"{HUB}{self.name}@{self.commit[:12]}" + (f"/{self.config}" if self.config else "")

    def fetched(self, path: str) -> Path:
        """A file of it here. Raises DataError for one that leads out, and what `fetch` raises."""
        size, digest = self.files[path]
        if not safe_parts(path) or "\\" in path:
            raise DataError(f"{self} has a file '{path}', whose name is none for a file here")
        target = self.folder / self.commit / path
        if target.is_file():  # nothing is put in place before it is verified
            return target
        try:
            fetch([f"{_endpoint()}/datasets/{self.name}/resolve/{self.commit}/{quote(path)}"], digest or None, target)
        except MachineError as error:
            if not self._fetched_as_member(path, digest, target):
                raise MachineError(f"{error}. A private or gated data set needs `hf auth login`") from error
        if target.stat().st_size != size:
            target.unlink()
            raise MachineError(f"{self}: {path} arrived with another size than {size:,} bytes; run it again")
        return target

    def _fetched_as_member(self, path: str, digest: str, target: Path) -> bool:
        """Whether the file came by the login of this user; why not is what the plain download said."""
        try:
            library = _library()
            if os.environ.get(OFFLINE) or library.get_token() is None:
                return False
            found = Path(
                library.hf_hub_download(
                    self.name, path, repo_type="dataset", revision=self.commit, endpoint=_endpoint()
                )
            )
            if digest and file_digest(found) != digest:
                return False
        except Exception:  # noqa: BLE001 - huggingface_hub's own, or one of the client below it
            return False
        part = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, part)
        os.replace(part, target)
        return True


def repository_at(address: str) -> Repository:
    """What hf://OWNER/NAME[@REVISION][/CONFIG] names, as it was when it was first asked for; offline from then on.

    Raises DataError for no such address or repository, NotInstalledError without huggingface_hub, and MachineError
    where the hub does not answer or $CVP_OFFLINE is set.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        raise DataError(f"'{address}' is no address of a data set; expected hf://OWNER/NAME[@REVISION][/CONFIG]")
    name, revision, config = found[1], found[2] or "main", found[3] or ""
    folder = user_cache("hub-datasets") / name
    listing = folder / f"{revision.replace('/', '--')}.json"
    if not listing.is_file():
        document = _listed(name, revision)
        write_atomically(listing, json.dumps(document, default=str).encode())
    try:
        document = json.loads(listing.read_bytes())
        files = {path: (int(size), str(digest)) for path, (size, digest) in document["files"].items()}
        return Repository(name, config, document["commit"], files, document["card"], folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{listing} cannot be read ({error}); delete it to ask the hub again") from None


def _listed(name: str, revision: str) -> dict[str, Any]:
    """The commit, its files and the README's facts, as the hub tells them."""
    if os.environ.get(OFFLINE):
        raise MachineError(
            f"{HUB}{name} is not here, and ${OFFLINE} forbids to download it; do that once with a network"
        )
    library = _library()
    try:
        api = library.HfApi(endpoint=_endpoint(), library_name="cvp")
        info = api.dataset_info(name, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
    except Exception as error:
        raise _fault(error, name, revision) from error
    card = info.card_data.to_dict() if info.card_data else {}
    return {
        "commit": str(info.sha),
        "files": {
            each.rfilename: (each.size or 0, each.lfs.sha256 if each.lfs else "") for each in info.siblings or ()
        },
        "card": {key: card[key] for key in _TOLD if key in card},
    }


def _fault(error: Exception, name: str, revision: str) -> CvpError:
    """The hub's refusal in one line; it never holds the token."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = " ".join(str(getattr(error, "server_message", None) or error).split())[:200]
    at = "" if revision == "main" else f" at '{revision}'"
    if status in (401, 403, 404):
        return DataError(
            f"the hub has no data set {name}{at} that is open to you ({status}); a private or gated one needs its "
            f"owner's leave and `hf auth login`"
        )
    if status is None and isinstance(error, ValueError):
        return DataError(f"the hub does not take the name {name}{at}: {reason}")
    return MachineError(f"cannot list {HUB}{name}{at}: {reason}; run it again")


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or _SITE).rstrip("/")


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise NotInstalledError(
            "data sets of the hub are listed by huggingface_hub, which is not installed: pip install 'cvp-core[hub]'"
        ) from None
    return huggingface_hub
