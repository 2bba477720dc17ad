"""The reference pages that are generated from what they describe: `python -m lab.docs docs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.docs.investigation import investigation_page
from lab.docs.levers import levers_page
from lab.docs.markdown import NOTE, default, shown_by, signals, slis, table, values
from lab.docs.recording import recording_page
from lab.docs.remedies import remedies_page
from lab.docs.schemas import schemas
from lab.docs.worlds import world_page
from lab.files.fileio import write_file
from lab.injection.faults import FaultType, fault_types
from lab.registration.slis import CORE_SLIS
from lab.registration.world import registrations
from lab.signals.catalogue import CORE


def write_docs(directory: Path) -> tuple[Path, ...]:
    """Writes the generated pages into a directory and returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, lines in pages().items():
        paths.append(directory / name)
        paths[-1].parent.mkdir(exist_ok=True)
        write_file(paths[-1], "\n".join(lines) + "\n")
    return tuple(paths)


def pages() -> dict[str, list[str]]:
    """Each generated page by file name, as lines."""
    return {
        "recording.md": list(recording_page()),
        "signals.md": list(_signals()),
        "faults.md": list(_faults()),
        "levers.md": list(levers_page()),
        "remedies.md": list(remedies_page()),
        "investigation-api.md": list(investigation_page()),
        **{f"worlds/{world.name}.md": list(world_page(world)) for world in registrations()},
    }


def _signals() -> Iterator[str]:
    yield from (NOTE, "# Signals", "")
    yield "Time series computed from `observed/` alone, one value per scrape interval. Engines cite them by name and"
    yield "subject; graders compute them again. A signal exists `from` the level of observability that has what it is"
    yield "computed from (see [recording](recording.md)); below that it is absent."
    yield ""
    yield "`lab.signals.load_signals(directory)` gives those of an `observed/` directory. A recording keeps its own in"
    yield "`signals.npz` beside `observed/`, and an engine finds a copy beside its copy of `observed/`. They are used"
    yield "only where checksums show that they were computed from these very files by this very code; the tables count."
    yield "Where a recording is sampled, each row counts by its `sample_weight`."
    yield ""
    yield "Those of a world are on [its page](worlds/)."
    yield ""
    yield from signals(CORE)
    yield from ("## Service level indicators", "")
    yield "An SLO of a system, and a steady state or stop condition of a scenario, set a limit to one of these, written"
    yield "in its unit (`30%`, `250ms`). The 99th percentile is recorded only where the system has an SLO on it."
    yield ""
    yield from slis(CORE_SLIS)


def _faults() -> Iterator[str]:
    yield from (NOTE, "# Faults and decoys", "")
    kinds = fault_types()
    parameters = _parameters_by_kind()
    yield from ("## Faults", "")
    for kind in kinds.values():
        if not kind.is_decoy:
            yield from _fault(kind, parameters[kind.name])
    yield from ("## Decoys", "", "Benign events. Blaming one is an error.", "")
    for kind in kinds.values():
        if kind.is_decoy:
            yield from _fault(kind, parameters[kind.name])


def _fault(kind: FaultType, parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {kind.name}", "", *kind.doc.splitlines(), "")
    yield f"* Target: {', '.join(sorted(kind.target_kinds))}"
    if not kind.is_decoy:
        yield f"* Boundary: {kind.boundary}; the culprit is the target"
        for witness in kind.witnesses:
            yield f"* Shows by {shown_by(witness)}"
        worlds = [
            f"[{world.name}](worlds/{world.name}.md)" for world in registrations() if kind.name in world.witnesses
        ]
        if worlds:
            yield f"* Shows by signals of their own in systems of the worlds: {', '.join(worlds)}"
        yield f"* What is announced and published (registry, change log): {kind.announcement}"
        yield f"* Recovers within {kind.recovery_s:g} s of the revert"
    yield ""
    required = parameters.get("required", [])
    rows = [
        (f"`{name}`", values(field), "required" if name in required else default(field.get("default")))
        for name, field in parameters.get("properties", {}).items()
    ]
    if rows:
        yield from table(("parameter", "values", "default"), rows)


def _parameters_by_kind() -> dict[str, Mapping[str, Any]]:
    """JSON Schema of `with:` by fault and decoy name, with defaults as people write them."""
    definitions = schemas()["scenario"]["$defs"]
    return {
        rule["if"]["properties"]["type"]["const"]: rule["then"]["properties"]["with"]
        for use in ("FaultUse", "DecoyUse")
        for rule in definitions[use]["allOf"]
    }
