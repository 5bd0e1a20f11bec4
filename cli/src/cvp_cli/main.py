"""`cvp`: the table of commands, and how a fault becomes one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from types import FrameType

import click

from cvp_core.catalogue import near_misses
from cvp_core.errors import CvpError
from cvp_core.plugins import has_discovered

from .extensions import Extensions, check_plugins, extensions, report_broken
from .output import clean, say

__all__ = ["COMMANDS", "cli", "main"]

# Imported when it is run, or for its line in `cvp --help`.
COMMANDS = {
    "list-models": "cvp_cli.commands.list_models:command",
    "info": "cvp_cli.commands.info:command",
    "train": "cvp_cli.commands.train:command",
    "evaluate": "cvp_cli.commands.evaluate:command",
    "predict": "cvp_cli.commands.predict:command",
    "explain": "cvp_cli.commands.explain:command",
    "embed": "cvp_cli.commands.embed:command",
    "similar": "cvp_cli.commands.similar:command",
    "runs": "cvp_cli.commands.runs:command",
    "recipes": "cvp_cli.commands.recipes:command",
    "bench": "cvp_cli.commands.bench:command",
    "compile": "cvp_cli.commands.compile:command",
    "data": "cvp_cli.commands.data:command",
    "weights": "cvp_cli.commands.weights:command",
    "plugins": "cvp_cli.commands.plugins:command",
    "doctor": "cvp_cli.commands.doctor:command",
}

# These two explain what is broken; the line that points to them would only repeat it.
_EXPLAINING = ("plugins", "doctor")
# What this one runs may need no plugin, and then it should not wait for all of them to be imported.
_SPARING = ("predict",)
# These need no network, and start without the modules for one.
_LOCAL = ("list-models", "info", "runs", "recipes", "plugins", "doctor")


def plugin_commands() -> Extensions:
    return extensions(frozenset(COMMANDS))


class CommandTable(click.Group):
    """Our commands, imported when they are asked for, then those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *plugin_commands().by_shortest_name()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return plugin_commands().commands.get(cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing:  # completion must not print
            check_plugins(frozenset(COMMANDS))
            if name not in (*_EXPLAINING, *_SPARING):
                report_broken()
            if self.get_command(ctx, name) is None:
                raise click.UsageError(self._unknown(ctx, name), ctx)
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> str:
        ways = [way for way in plugin_commands().commands if way.endswith(f"/{name}")]
        if ways:
            return f"command '{name}' is claimed by several plugins; write {' or '.join(map(repr, ways))}."
        return f"no command '{name}'.{near_misses(name, self.list_commands(ctx))}"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        check_plugins(frozenset(COMMANDS))
        report_broken()
        extra = plugin_commands().by_shortest_name()
        room = formatter.width - 6 - max(map(len, [*COMMANDS, *extra]))
        ours = {name: self._summary(ctx, name, room) for name in COMMANDS}
        theirs = {name: command.get_short_help_str(room) for name, command in extra.items() if not command.hidden}
        for heading, commands in (("Commands", ours), ("Commands of plugins", theirs)):
            if commands:
                with formatter.section(heading):
                    formatter.write_dl(list(commands.items()))

    def _summary(self, ctx: click.Context, name: str, room: int) -> str:
        """One broken import, of an optional library say, leaves the other commands their help."""
        try:
            command = self.get_command(ctx, name)
        except Exception as error:  # noqa: BLE001
            return f"cannot be loaded: {_reason(error)}"
        return command.get_short_help_str(room) if command else ""


def _print_version(ctx: click.Context, param: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        from importlib.metadata import version
        from platform import python_version

        click.echo(f"cvp {version('cvp-cli')} (cvp-core {version('cvp-core')}, Python {python_version()})")
        ctx.exit()


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error; for every command.")
def cli() -> None:
    """Train, evaluate and run image classifiers whose architectures arrive as pip packages.

    \b
    cvp train densenet --data birds
    cvp predict densenet121-birds photo.jpg
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `cvp` and returns its exit code. A fault is one line, after its traceback with `--debug`."""
    args, has_debug = _without_debug(sys.argv[1:] if argv is None else argv)
    try:
        with _terminable(), _watching(args):
            code = cli.main(args or ["--help"], prog_name="cvp", standalone_mode=False)
        if args and args[0] in _SPARING and has_discovered():
            report_broken()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # `cvp list-models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted")
        return 130
    except _Terminated:
        say("Terminated")
        return 143
    except Exception as error:  # noqa: BLE001 - every fault ends in one line
        if has_debug:
            import traceback

            traceback.print_exc()
        say(_line(error))
        return error.exit_code if isinstance(error, CvpError | click.ClickException) else 1


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM unwinds what is under way, as Ctrl-C does, so that no work folder and no helper process stays behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watching(args: Sequence[str]) -> AbstractContextManager[None]:
    """Downloads are shown, except in commands that make none."""
    if not args or args[0].startswith("-") or args[0] in _LOCAL:
        return nullcontext()
    from .downloads import downloads_shown

    return downloads_shown()


def _without_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` may stand anywhere before a `--`."""
    end = args.index("--") if "--" in args else len(args)
    kept = [arg for arg in args[:end] if arg != "--debug"]
    return [*kept, *args[end:]], len(kept) < end


def _line(error: Exception) -> str:
    if isinstance(error, CvpError):
        return f"Error: {error}"
    if not isinstance(error, click.ClickException):
        return f"Error: {_reason(error)} (unexpected; --debug shows the traceback)"
    message = error.format_message()
    if message.startswith("Usage:"):  # a group without a command
        return message
    message = " ".join(message.split()).rstrip(".")
    message = message[:1].upper() + message[1:] + ("" if message.endswith(("?", ")")) else ".")
    context = getattr(error, "ctx", None)
    return f"Error: {message} See `{context.command_path} --help`." if context else f"Error: {message}"


def _reason(error: Exception) -> str:
    """The kind of the error and its first line."""
    text = str(error).strip()
    return f"{type(error).__name__}: {clean(text.splitlines()[0])}" if text else type(error).__name__
