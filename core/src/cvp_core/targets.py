"""What a plugin names as text, "package.module:name": imported when it is needed, its faults held to the plugin."""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from typing import Any, TypeVar

from .errors import CvpError, PluginError

__all__ = ["load_target", "make", "one_line", "shorten"]

_T = TypeVar("_T")


def load_target(target: str, owner: str) -> Any:
    """The object that "package.module:name" stands for. Raises PluginError that names `owner`."""
    module, _, name = target.partition(":")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return getattr(import_module(module), name)
    except CvpError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner}: cannot load {target}: {one_line(error)}") from error


def make(target: str, owner: str, expected: type[_T], doing: str, /, **given: Any) -> _T:
    """What the function `target` returns. Raises PluginError that names `owner`, where it fails in `doing` that or
    returns anything but an object of `expected`; a CvpError of its own goes through.
    """
    function = load_target(target, owner)
    try:
        made = function(**given)
    except CvpError:
        raise
    except Exception as error:
        raise PluginError(f"{owner}: {doing} failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, expected):
        raise PluginError(f"{owner}: {target} returned {type(made).__name__}, expected {expected.__name__}")
    return made


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, CvpError) and text:
        return text
    return shorten(f"{type(error).__name__}: {text}" if text else type(error).__name__, 300)


def shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
