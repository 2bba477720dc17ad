"""`lab doctor`: what the lab needs, and whether it is here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from lab.cli.console import json_option, runs_option
from lab.errors import ExitCode

MIN_PYTHON = (3, 11)
WITHOUT = {"numba": "kernels run interpreted"}
"""Packages that the lab requires and can do without, and what follows then."""
_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "dim")}

_EPILOG = """\b
Examples:
  lab doctor
  lab doctor --json
"""


@dataclass(frozen=True)
class Check:
    """One thing looked at. `ok` is None where it is worth knowing and nothing depends on it."""

    name: str
    ok: bool | None
    detail: str


@click.command(epilog=_EPILOG)
@runs_option
@json_option
def command(runs_dir: Path, as_json: bool) -> int:
    """Check that the lab can run on this machine.

    Ends with 0 if scenarios can run on the embedded testbed, else with 3. No other testbed is needed for that.
    """
    from lab.cli.console import stdout, write_json

    checks = list(examine(runs_dir))
    able = all(check.ok is not False for check in checks)
    if as_json:
        write_json({"schema_version": 1, "ok": able, "checks": [asdict(check) for check in checks]})
    else:
        from rich.text import Text

        console = stdout()
        for check in checks:
            mark = Text.assemble(_MARKS[check.ok], f" {check.name:<16} {check.detail}")
            console.print(mark, soft_wrap=True)
        console.print("\nThe embedded testbed can run." if able else "\nThe embedded testbed cannot run: see ✗ above.")
    return ExitCode.OK if able else ExitCode.INTERNAL


def examine(runs_dir: Path) -> Iterator[Check]:
    """Every check, in the order shown."""
    from lab.kept_kernels import cache_directory
    from lab.runs.pool import default_workers, leftovers

    version = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in MIN_PYTHON)
    yield Check("python", sys.version_info[:2] >= MIN_PYTHON, f"{version} (needs {wanted} or later)")
    yield from _packages()
    yield _plug_ins()
    yield from _faults()
    yield from _testbeds()
    yield from _worlds()
    yield _writable("model cache", cache_directory())
    yield _kernels()
    yield _writable("runs directory", runs_dir)
    left = leftovers(runs_dir)
    detail = ", ".join(str(path) for path in left[:3]) or "none"
    yield Check("half recordings", None, f"{detail}{' (old ones are removed by the next run)' if left else ''}")
    yield Check("cpus", None, f"{default_workers()} usable: as many runs at a time")


def _packages() -> Iterator[Check]:
    """The packages that the distribution requires, by its own metadata."""
    import re
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        required = [line for line in requires("chaos-lab") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        yield Check("packages", False, "chaos-lab is not installed; `pip install .` installs it with what it needs")
        return
    found, missing, without = [], [], []
    for line in required:
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if name in WITHOUT:
                without.append(name)
            else:
                missing.append(line)
    yield Check("packages", not missing, f"missing: {', '.join(missing)}" if missing else ", ".join(found))
    for name in without:
        yield Check("packages", None, f"missing: {name}, without which {WITHOUT[name]}")


def _plug_ins() -> Check:
    from importlib.metadata import entry_points

    groups = ("testbeds", "injectors", "worlds", "engines", "graders")
    counts = {group: len(entry_points(group=f"lab.{group}")) for group in groups}
    able = all(count for group, count in counts.items() if group != "worlds")
    return Check("plug-ins", able, ", ".join(f"{count} {group}" for group, count in counts.items()))


def _faults() -> Iterator[Check]:
    """Why faults cannot be loaded, which keeps every scenario from running; nothing where they can."""
    from lab.errors import UserError
    from lab.injection.faults import fault_types

    try:
        fault_types()
    except UserError as error:
        yield Check("faults", False, " ".join(str(error).split()))


def _testbeds() -> Iterator[Check]:
    """The installed testbeds, each with what it is, or why it cannot be loaded."""
    from lab.errors import Problem, UserError
    from lab.testbeds.driver import DEFAULT
    from lab.testbeds.installed import drivers

    try:
        found = drivers()
    except UserError as error:
        yield Check("testbeds", False, " ".join(str(error).split()))
        return
    for name, driver in found.items():
        if isinstance(driver, Problem):
            # Only the one that runs when none is named decides whether the lab can work.
            yield Check(f"testbed {name}", False if name == DEFAULT else None, driver.what)
        else:
            try:
                needs = driver.needs()
            except Exception as error:  # whatever a stranger's driver does
                needs = f"what it needs could not be found out: {type(error).__name__}: {error}"
            detail = "; ".join(filter(None, (driver.summary, " ".join(needs.split()))))
            yield Check(f"testbed {name}", True if name == DEFAULT else None, detail)


def _worlds() -> Iterator[Check]:
    """The installed worlds: each with what it is, or all that is wrong with it, which keeps no other from working."""
    from lab.cli.examining import problems
    from lab.errors import UserError
    from lab.registration.world import World, registered

    try:
        found = registered()
    except UserError as error:
        yield Check("worlds", False, " ".join(str(error).split()))
        return
    for name, world in found.items():
        wrong = problems(world) if isinstance(world, World) else world.problems
        said = "; ".join(" ".join(str(one).split()) for one in wrong)
        detail = world.title if isinstance(world, World) and not said else f"cannot be used: {said}"
        yield Check(f"world {name}", None if said else True, detail)


def _kernels() -> Check:
    import os

    from lab.compiled import MODES, unknown_mode
    from lab.kept_kernels import kept_count, kernels_directory
    from lab.kernels import obstacle

    mode = os.environ.get("LAB_KERNEL", "auto")
    if mode not in MODES:
        return Check("kernels", False, unknown_mode(mode))
    if (why := obstacle()) and mode == "compiled":
        return Check("kernels", False, f"LAB_KERNEL=compiled, but {why}")
    if why:
        return Check(
            "kernels", None, f"interpreted, with the same results; runs take about eight times as long ({why})"
        )
    kept = kept_count()
    when = f"compiled, {kept} kept" if kept else "compiled by the first run, about 20 s each, and kept"
    return Check("kernels", True, f"{when} in {kernels_directory()}")


def _writable(name: str, directory: Path) -> Check:
    from lab.files.fileio import unwritable

    why = unwritable(directory)
    if why:
        return Check(name, False, f"{directory}: not writable ({why})")
    return Check(name, True, f"{directory}{'' if directory.exists() else ' (will be made)'}")
