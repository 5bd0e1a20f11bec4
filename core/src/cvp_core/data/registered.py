"""Data sets to which the user gave names: one file says where each is."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ..catalogue import near_misses
from ..download import cache_folder, fetch
from ..errors import ConfigError, DataError, UnknownNameError
from ..locks import taking_turns
from ..weights.atomic import make_folder, write_atomically

__all__ = ["Registration", "forget", "place_of", "register", "registered", "registry_file"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Registration:
    """place: a path, or shards. url, sha256: where it was downloaded from; "" for what was here already."""

    place: str
    url: str = ""
    sha256: str = ""


def registry_file() -> Path:
    """Where the names are kept: in the folder $CVP_CONFIG, else in the user's configuration."""
    if folder := os.environ.get("CVP_CONFIG"):
        return Path(folder).expanduser() / "datasets.json"
    import platformdirs

    return platformdirs.user_config_path("cvp") / "datasets.json"


def registered() -> dict[str, Registration]:
    """All of them by name. Raises DataError for a file that is damaged."""
    file = registry_file()
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return {name: Registration(**fields) for name, fields in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{file} cannot be read ({error}); mend it or delete it and add the data sets again") from None


def register(name: str, address: str, sha256: str = "", *, replace: bool = False) -> Registration:
    """Gives `address`, a path or the URL of an archive or a table, a name; a URL is downloaded at once.

    It is kept only if it can be opened. Raises ConfigError for a name that is taken or none, and what `open_data` and
    `fetch` raise.
    """
    from .resolve import open_data

    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' is no name for a data set: lower-case letters, digits, '-' and '_', such as birds-2"
        )
    if name in registered() and not replace:
        raise ConfigError(f"'{name}' is {registered()[name].place} already; --force gives the name to another")
    if address.startswith(("http://", "https://")) and ".tar" not in address.rpartition("/")[2]:
        found = Registration(str(_downloaded(name, address, sha256)), address, sha256)
    else:
        is_remote = "://" in address
        found = Registration(address if is_remote else str(Path(address).expanduser().absolute()))
    open_data(found.place)
    with taking_turns(make_folder(registry_file().parent)):
        _write({**registered(), name: found})
    return found


def forget(name: str) -> Registration:
    """Takes a name away; the pictures stay. Raises UnknownNameError with near misses."""
    with taking_turns(make_folder(registry_file().parent)):
        known = registered()
        if name not in known:
            raise UnknownNameError(
                f"no data set '{name}' was added.{near_misses(name, known)} `cvp data list` shows all."
            )
        gone = known.pop(name)
        _write(known)
    return gone


def place_of(name: str) -> str | None:
    """What `name` was given to, downloaded again if it is gone; None for what was not added."""
    found = registered().get(name)
    if found is None:
        return None
    if found.url and not Path(found.place).exists():
        _downloaded(name, found.url, found.sha256)
    return found.place


def _downloaded(name: str, url: str, sha256: str) -> Path:
    file = url.rpartition("/")[2].partition("?")[0]
    if not file:
        raise ConfigError(f"{url} names no file; give the address of an archive, a list or a table")
    return fetch([url], sha256 or None, cache_folder(name) / file)


def _write(known: dict[str, Registration]) -> None:
    document = {name: asdict(found) for name, found in sorted(known.items())}
    write_atomically(registry_file(), (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
