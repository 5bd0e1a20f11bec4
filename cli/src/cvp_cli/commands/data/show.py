"""`cvp data show`: a contact sheet of a data set."""

from __future__ import annotations

from pathlib import Path

import click

from cvp_core.data.presets import AUGMENTATIONS

from ...options import data_argument

__all__ = ["command"]

_RECIPE = "as trained"  # --augment without a value


class _Preset(click.ParamType):
    name = "preset"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in (*AUGMENTATIONS, _RECIPE):
            self.fail(f"'{value}' is not one of {', '.join(AUGMENTATIONS)}; DATA stands before --augment", param, ctx)
        return value


@click.command("show")
@data_argument()
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="PNG to write; NAME.png if not given.")
@click.option("--columns", type=click.IntRange(1, 40), default=8, show_default=True, help="Pictures a row.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which pictures are drawn.")
@click.option(
    "--augment",
    type=_Preset(),
    metavar="[PRESET]",
    is_flag=False,
    flag_value=_RECIPE,
    help=f"Beside each picture what training sees of it: {', '.join(AUGMENTATIONS)}; DATA's own without a name.",
)
def command(data: str, output: str | None, columns: int, seed: int, augment: str | None) -> None:
    """Draw a contact sheet of DATA, a folder or a name: some pictures of each class, as a PNG.

    \b
    cvp data show birds
    cvp data show ~/pictures --augment strong
    """
    import io

    from cvp_core.data import open_data
    from cvp_core.weights.atomic import write_atomically

    splits = open_data(data)
    if augment is None:
        from cvp_core.data.contact_sheet import contact_sheet

        sheet = contact_sheet(splits, columns=columns, seed=seed)
    else:
        from cvp_core.train.rehearsal import draw_variations

        given = {} if augment == _RECIPE else {"augment": augment}
        sheet = draw_variations(splits, given, columns=columns, seed=seed)
    path = Path(output or f"{splits.name}.png").expanduser()
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    click.echo(f"{path} ({sheet.width}x{sheet.height} pixels)")
