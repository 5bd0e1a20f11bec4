"""What answers: a weights file or an artifact, opened for commands that run either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .output import say

if TYPE_CHECKING:
    from cvp_core import Classifier

__all__ = ["open_classifier"]


def open_classifier(path: str, **settings: Any) -> Classifier:
    """As `cvp_core.load`, which takes the settings; says so where an artifact's plain model answers instead of it."""
    from cvp_core import load

    classifier = load(path, **settings)
    if classifier.refused:
        say(f"warning: its plain model answers: {classifier.refused}")
    return classifier
