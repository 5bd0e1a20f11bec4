"""`cvp weights prune`: disk space back, of what can be had again or serves nobody."""

from __future__ import annotations

import click

from ...options import json_option, weights_dir_option
from .options import confirm

__all__ = ["command"]


@click.command("prune")
@click.option("--keep-pulled", is_flag=True, help="Remove what is partial alone, not the pulled weights.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@weights_dir_option
@json_option
def command(keep_pulled: bool, yes: bool, weights_dir: str | None, as_json: bool) -> None:
    """Free the disk of what can be had again.

    Partial downloads, temporary files of writes that were cut off, and pulled weights. What was trained, imported
    or compiled is never touched.
    """
    from cvp_core.weights.leftovers import leftovers

    from ...output import counted, format_size, print_json, print_table, say

    found = leftovers(weights_dir, keeps_pulled=keep_pulled)
    total = format_size(sum(file.size_bytes for file in found))
    if not found:
        say("nothing to remove")
    elif not as_json:
        print_table(
            ("FILE", "SIZE", "WHAT"), [(str(f.path), format_size(f.size_bytes), f.what) for f in found], ("SIZE",)
        )
    if found:
        files = counted(len(found), "file")
        confirm(f"Remove {files}, {total}?", yes, [f"{files} of {total}"])
        for file in found:
            file.path.unlink(missing_ok=True)
        if not as_json:
            click.echo(f"removed {files}, {total} freed")
    if as_json:
        print_json([{"path": file.path, "what": file.what, "size_bytes": file.size_bytes} for file in found])
