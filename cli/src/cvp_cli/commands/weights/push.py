"""`cvp weights push`: weights for others, in a folder or on the Hugging Face hub."""

from __future__ import annotations

import click

from ...options import json_option, weights_dir_option

__all__ = ["command"]


@click.command("push")
@click.argument("name")
@click.option("--to", "target", required=True, metavar="DIR|hf://OWNER/REPO", help="A folder, or a hub repository.")
@click.option("--private", "is_private", is_flag=True, help="On the hub: only for those whom the owner lets in.")
@click.option("--dry-run", is_flag=True, help="Show the files and the card, write nothing.")
@click.option("--runs-dir", type=click.Path(file_okay=False), default="runs", show_default=True, help="For the card.")
@weights_dir_option
@json_option
def command(
    name: str,
    target: str,
    is_private: bool,
    dry_run: bool,
    runs_dir: str,
    weights_dir: str | None,
    as_json: bool,
) -> None:
    """Push NAME, stored weights, a file or a run folder, to where others find it.

    Its model card, which the run wrote as MODEL_CARD.md and which you may have edited, becomes the README.md. Who you
    are on the hub is what `hf auth login` says (pip install 'cvp-core[hub]').

    \b
    cvp weights push densenet121-birds --to ~/shared/birds
    cvp weights push densenet121-birds --to hf://OWNER/birds --private --dry-run
    """
    from pathlib import Path

    from cvp_core.weights.hub import HUB, push_to_hub, repository_of
    from cvp_core.weights.push import CARD, WEIGHTS, check_folder, pack, push_to_folder

    from ...output import clean, format_size, print_facts, print_json, say

    is_hub = target.startswith(HUB)
    if is_private and not is_hub:
        raise click.UsageError("--private is for the hub; who may read a folder is the file system's business")
    folder = Path(target).expanduser()
    repository, file = repository_of(target) if is_hub else ("", "")
    if is_hub and file != WEIGHTS:
        raise click.UsageError(f"--to {target} names a file; expected hf://OWNER/REPO, in which it is {WEIGHTS}")
    address = f"{HUB}{repository}" if is_hub else WEIGHTS
    package = pack(name, address, weights_dir=weights_dir, runs_dir=runs_dir)
    where = str(folder)
    if not is_hub:
        check_folder(folder)
    if is_hub and not dry_run:
        say(f"pushing {format_size(package.size_bytes)} to {target}")
        where = push_to_hub(package, repository, is_private=is_private)
    elif is_hub:
        where = target
    elif not dry_run:
        push_to_folder(package, folder)
    sizes = {file: len(content) for file, content in package.files.items()}
    if as_json:
        files = [{"name": file, "bytes": size} for file, size in sizes.items()]
        facts = {"name": package.title, "to": target, "url": where, "files": files, "sha256": package.sha256}
        print_json({**facts, "private": is_private, "dry_run": dry_run, "notes": list(package.notes)})
        return
    if dry_run:
        click.echo(clean(package.files[CARD].decode()))
    print_facts(
        {
            "would push" if dry_run else "pushed": package.title,
            "to": where,
            "files": "\n".join(f"{file} ({format_size(size)})" for file, size in sizes.items()),
            "sha256": package.sha256,
            "note": "\n".join(package.notes),
            "next": f"cvp predict {target if is_hub else folder / WEIGHTS} photo.jpg" if not dry_run else "",
        }
    )
