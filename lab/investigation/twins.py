"""A recording's signals without each of its faults, and without all: whatever people did in it is done there too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.files.fileio import read_file, write_file
from lab.investigation.control import Control, remade
from lab.recording.rundir import RunDirectory
from lab.scenario import LoadedScenario
from lab.signals import SignalTable, compute_signals
from lab.signals.packed import as_arrays, as_table, packed, unpacked
from lab.testbeds.driver import Progress, silent

FILE = "twins.npz"
"""Where they are kept, beside `observed/` of the recording with the faults."""


@dataclass(frozen=True)
class Twins:
    """Signals `without` each fault, by its id, and without all of them (`healthy`); what people did is in all."""

    without: Mapping[str, SignalTable]
    healthy: SignalTable


def twins_of(
    run: RunDirectory, loaded: LoadedScenario, control: Control | None, progress: Progress = silent
) -> Twins | None:
    """The twins of a recording, kept with it; None where this lab cannot make the same run again.

    `control` is what `lab.investigation.control.control_of` gives: with one fault and no actions it is all there is.
    """
    if control is None:
        return None
    faults = [use.id for use in loaded.scenario.faults]
    if not run.actions and len(faults) < 2:
        return Twins(dict.fromkeys(faults, control.signals), control.signals)
    kept = _read(run.path / FILE)
    if kept is not None and kept.without.keys() == set(faults):
        return kept
    made = _made(run, loaded, control, progress)
    if made is not None:
        keep(run, made)
    return made


def keep(run: RunDirectory, made: Twins) -> None:
    """Keeps twins with their recording, as far as it can be written to."""
    with suppress(OSError):  # an archive that is only read
        write_file(run.path / FILE, _content(made), streams=False)


def _made(run: RunDirectory, loaded: LoadedScenario, control: Control, progress: Progress) -> Twins | None:
    faults = {use.id for use in loaded.scenario.faults}
    wanted: list[Collection[str]] = [{one} for one in sorted(faults)]
    if len(faults) != 1:
        wanted.append(faults)
    tables = []
    for without in wanted:
        if without == faults and not run.actions:
            tables.append(control.signals)
            continue
        observed = remade(loaded, run, without, progress, with_actions=True)
        if observed is None:
            return None
        tables.append(compute_signals(observed))
    return Twins(dict(zip(sorted(faults), tables, strict=False)), tables[-1])


def _content(made: Twins) -> bytes:
    tables = {**{f"without {name}": table for name, table in made.without.items()}, "healthy": made.healthy}
    head, arrays = {}, {}
    for i, (name, table) in enumerate(tables.items()):
        head[name], arrays[f"times_{i}"], arrays[f"values_{i}"] = as_arrays(table)
    return packed(head, arrays)


def _read(path: Path) -> Twins | None:
    """What is kept; None where it is not there, or cannot be read."""
    try:
        head, arrays = unpacked(read_file(path))
        tables = {
            name: as_table(names, arrays[f"times_{i}"], arrays[f"values_{i}"])
            for i, (name, names) in enumerate(head.items())
        }
        healthy = tables.pop("healthy")
        return Twins({name.removeprefix("without "): table for name, table in tables.items()}, healthy)
    except (OSError, ValueError, KeyError):
        return None
