"""What the commands on weights share."""

from __future__ import annotations

from collections.abc import Sequence

import click

__all__ = ["confirm"]


def confirm(question: str, is_sure: bool, what: Sequence[str]) -> None:
    """Asks unless `is_sure`. Raises UserError where there is no terminal to ask at."""
    import sys

    from cvp_core.errors import UserError

    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{', '.join(what)} would be removed; there is no terminal to ask at, so give --yes")
    click.confirm(question, abort=True, err=True)
