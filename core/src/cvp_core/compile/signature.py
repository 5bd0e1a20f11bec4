"""Who compiled an artifact: a seal that only this user's cvp can make, for payloads that are code."""

from __future__ import annotations

import hmac
import json
import os
import secrets

from ..errors import MachineError
from .manifest import Manifest

__all__ = ["has_own_seal", "seal"]


def seal(manifest: Manifest) -> str:
    """A keyed hash of the manifest, by a key that only this user's cvp has."""
    document = manifest.to_json()
    document["seal"] = ""
    return hmac.new(_key(), json.dumps(document, sort_keys=True).encode(), "sha256").hexdigest()


def has_own_seal(manifest: Manifest) -> bool:
    """Whether this user's cvp made it."""
    return hmac.compare_digest(manifest.seal, seal(manifest))


def _key() -> bytes:
    """This user's key, made when it is first asked for."""
    import platformdirs

    path = platformdirs.user_data_path("cvp") / "seal.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        return path.read_bytes()
    except FileExistsError:
        return path.read_bytes()
    except OSError as error:
        raise MachineError(f"cannot keep a key in {path}: {error.strerror or error}") from error
