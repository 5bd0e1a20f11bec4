"""`cvp data show`: a contact sheet of a data set."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("show")
@click.argument("data")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="PNG to write; NAME.png if not given.")
@click.option("--columns", type=click.IntRange(1, 40), default=8, show_default=True, help="Pictures a class.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which pictures are drawn.")
def command(data: str, output: str | None, columns: int, seed: int) -> None:
    """Draw a contact sheet of DATA, a folder or a name: some pictures of each class, as a PNG."""
    import io

    from cvp_core.data import open_data
    from cvp_core.data.contact_sheet import contact_sheet
    from cvp_core.weights.atomic import write_atomically

    splits = open_data(data)
    sheet = contact_sheet(splits, columns=columns, seed=seed)
    path = Path(output or f"{splits.name}.png").expanduser()
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    click.echo(f"{path} ({sheet.width}x{sheet.height} pixels)")
