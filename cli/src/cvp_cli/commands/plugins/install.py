"""`cvp plugins install`: plugins by pip, while torch and cvp stay as they are."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("install")
@click.argument("names", nargs=-1, metavar="NAME... [-- PIP_OPTION...]")
@click.option("-e", "--editable", multiple=True, metavar="FOLDER", help="Install this folder in development mode.")
@click.option("-U", "--upgrade", is_flag=True, help="Take the newest release of what is installed already.")
@click.option("--dry-run", is_flag=True, help="Say what would be installed, and change nothing.")
@json_option
def command(names: tuple[str, ...], editable: tuple[str, ...], upgrade: bool, dry_run: bool, as_json: bool) -> None:
    """Install plugins into this environment by its pip; the installed torch and cvp never change.

    NAME is a family that cvp knows, or what pip takes: cvp-foo, cvp-foo==1.2, ./folder, a wheel, a git or https URL.
    What follows -- goes to pip.

    \b
    cvp plugins install regnet
    cvp plugins install cvp-foo -- --no-index --find-links wheels/
    """
    from cvp_core.errors import UserError

    from ...arrivals import print_arrivals, print_planned
    from ...installer import install, telling_what_changed

    split = next((index for index, name in enumerate(names) if name.startswith("-")), len(names))
    if not names[:split] and not editable:
        raise UserError("name a plugin to install, such as: cvp plugins install cvp-foo")
    options = [*(("--upgrade",) if upgrade else ()), *names[split:]]
    for folder in editable:
        options += ["--editable", folder]
    with telling_what_changed():
        arrived = install(names[:split], options=options, is_dry_run=dry_run)
    if dry_run:
        print_planned(arrived, as_json)
    else:
        print_arrivals(arrived, names[:split], as_json)
