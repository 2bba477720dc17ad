"""The command line. Commands live in modules of their own, imported when used: `lab --help` loads nothing heavy."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import NoReturn

import click

from lab import __version__
from lab.cli.pipes import failures, outlast_readers
from lab.errors import ExitCode, LabError, Problem, UserError, nearest, worst
from lab.files.fileio import reason

COMMANDS = {
    "run": "Run scenarios or a suite, ask engines, grade them.",
    "evaluate": "Measure engines over many seeds, with controls and floors.",
    "list": "List scenarios, suites and courses.",
    "init": "Write a first scenario, engine or rules file, or a world.",
    "validate": "Check scenario, suite, course, system and rules files.",
    "plan": "Show what scenarios would do, without doing it.",
    "diagnose": "Ask engines what is wrong in recordings.",
    "rules": "Explain the answers of the rules engine, or check rules files.",
    "answer": "Answer what is wrong in a recording yourself, and be graded.",
    "grade": "Grade the answers kept with recordings.",
    "postmortem": "Write a blameless post-mortem of a recording.",
    "report": "Write the HTML pages of recordings.",
    "results": "List the campaigns that were run, and show their figures.",
    "compare": "Compare results with earlier ones, case by case.",
    "train": "Solve incidents in the browser, alone or in a group.",
    "parity": "Compare two recordings of one scenario, as from two testbeds.",
    "faults": "List faults and decoys with their parameters.",
    "engines": "List root-cause-analysis engines.",
    "schema": "Print or write the JSON Schemas of the lab's files.",
    "mcp": "Let an agent solve an exercise, by the Model Context Protocol.",
    "stack": "Start, inspect and stop the docker-compose stack of a system, or abort a run on it.",
    "recover": "Restore what a killed lab left changed.",
    "clean": "Remove recordings that newer ones have replaced.",
    "config": "Show the options that are set, their values, and where they are set.",
    "doctor": "Check that the lab can run on this machine.",
    "completion": "Print the completion script of a shell.",
}
"""Every command with its summary, in the order of use; the module of the same name holds it."""

MODULES = {"list": "listing", "results": "results_command"}
"""Commands whose module has another name: a submodule `list` would hide the built-in one here."""

_EPILOG = """\b
Examples:
  lab list                                 what comes with the lab, and what is here
  lab run SUITE                            a suite by its name or file
  lab run SYSTEM/SCENARIO                  one scenario that comes with the lab
  lab run SUITE -k network -x              a part of the suite, until the first failure
  lab run --last-failed                    the cases that failed last
  lab run mine.scenario.yaml --seeds 5     your own, with five seeds
  lab list --tag silent                    scenarios with this tag
  lab validate mine.scenario.yaml && lab plan mine.scenario.yaml

\b
Exit codes: 0 pass, 1 a case or threshold failed, 2 invalid input or usage, 3 internal error or aborted run,
  4 only inconclusive left, 5 nothing selected, 6 something could not be reverted, 130 interrupted.
An option can also be set by the environment variable that its help names, or by its long name in chaos-lab.toml (see
  `lab config --help`).
NO_COLOR is respected.
"""


_REFUSALS = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSPC,
    errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""Errors of the operating system that the user can correct: a wrong file name or place."""


ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end the lab in order: Ctrl-C, `kill`, and a terminal that was closed."""


class LazyGroup(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"lab.cli.{MODULES.get(name, name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"unknown command {args[0]!r}; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, show_envvar=True, help="Show tracebacks of internal errors.")
@click.version_option(__version__, prog_name="lab")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Breaks hybrid systems on purpose and grades whether a root-cause-analysis engine blames the right part."""
    # Kept in the environment because the handler of last resort runs outside every context.
    os.environ["LAB_DEBUG"] = "1" if debug else "0"
    from lab.cli.config_file import load_config

    ctx.obj = load_config(cli, ctx)
    ctx.default_map = ctx.obj.defaults


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script: runs one command and returns the exit code of the process."""
    outlast_readers()
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                signal.signal(number, _interrupt)
    try:
        try:
            with _none_lost():
                code = _run(arguments)
        finally:
            if arguments is None:
                _ignore_signals()
    except KeyboardInterrupt:  # a second one, while the first was being reported
        code = ExitCode.INTERRUPTED
        if arguments is None:
            _ignore_signals()
    sys.stdout.flush()
    if failures:
        why = (failures.pop().strerror or "it failed").lower()
        _show(UserError(f"the output could not be printed in full: {why}"))
        return worst([ExitCode(code), ExitCode.INVALID])
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(arguments, "lab", standalone_mode=False, auto_envvar_prefix="LAB")
    except (KeyboardInterrupt, click.Abort) as error:
        why = str(error.__cause__ or error)  # of an abort of the stack; an interrupt has nothing to say of its own
        click.echo(f"{why or 'interrupted'}; what was complete is kept", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return ExitCode.INVALID
    except LabError as error:
        _show(error)
        return error.exit_code
    except SystemExit as error:  # click's end of a completion request
        return ExitCode.INTERNAL if error.code else ExitCode.OK
    except OSError as error:
        if error.errno in _REFUSALS and error.filename is not None:
            _show(UserError(Problem(reason(error), os.fsdecode(error.filename))))
            return ExitCode.INVALID
        _show_internal(error)
        return ExitCode.INTERNAL
    except Exception as error:
        _show_internal(error)
        return ExitCode.INTERNAL
    return result if isinstance(result, int) else ExitCode.OK


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _none_lost() -> Iterator[None]:
    """Meanwhile a signal ends the lab also where it comes while Python clears an object up."""
    if threading.current_thread() is not threading.main_thread():  # none comes there
        yield
        return
    before = sys.unraisablehook
    sys.unraisablehook = partial(_not_lost, before)
    try:
        yield
    finally:
        sys.unraisablehook = before


def _not_lost(others: Callable[[sys.UnraisableHookArgs], object], unraisable: sys.UnraisableHookArgs) -> None:
    """A signal that came while Python cleared an object up, where what it raises ends nothing: it comes once more.

    All else is for `others`, which were asked before: a test runner has its own.
    """
    heard = [number for number in ENDING if callable(signal.getsignal(number))]
    if not issubclass(unraisable.exc_type, KeyboardInterrupt) or not heard:
        others(unraisable)
        return
    again = threading.Timer(0.05, os.kill, (os.getpid(), heard[0]))  # by then this has returned
    again.daemon = True
    again.start()


def _ignore_signals() -> None:
    """All is done but leaving: a further signal must not turn the exit code into a death by it."""
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


def _show(error: LabError) -> None:
    from lab.cli.console import escaped, show_problems

    if isinstance(error, UserError):
        show_problems(error.problems)
    else:
        click.echo(escaped(f"error: {error}"), err=True)
    _show_trace_if_asked()


def _show_internal(error: Exception) -> None:
    from lab.cli.console import escaped
    from lab.registration.failures import failed_world

    message = " ".join(str(error).split())
    who = failed_world(error)
    what = f"error: {who} failed" if who else "internal error"
    click.echo(escaped(f"{what}: {type(error).__name__}: {message}"), err=True)
    if not _show_trace_if_asked():
        click.echo("  hint:    `lab --debug …` or LAB_DEBUG=1 shows where", err=True)


def _show_trace_if_asked() -> bool:
    import traceback

    from lab.cli.console import debugging

    asked = debugging()
    if asked:
        click.echo(traceback.format_exc(), err=True)
    return asked
