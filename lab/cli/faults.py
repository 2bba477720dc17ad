"""`lab faults`: the catalogue of faults and decoys."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lab.cli import completing
from lab.cli.console import json_option
from lab.files.units import time_text

if TYPE_CHECKING:
    from lab.injection.faults import FaultType

_EPILOG = """\b
Examples:
  lab faults
  lab faults network-partition
  lab faults --json
"""


@click.command(epilog=_EPILOG)
@click.argument("name", required=False, shell_complete=completing.faults)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List faults and decoys with their parameters.

    With NAME, everything about that one.
    """
    from lab.cli.console import write_json
    from lab.injection.faults import fault_type, fault_types

    chosen = [fault_type(name)] if name else list(fault_types().values())
    if as_json:
        write_json({"schema_version": 1, "faults": [_json(kind) for kind in chosen]})
    elif name:
        _print_one(chosen[0])
    else:
        _print_list(chosen)


def _json(kind: FaultType) -> dict[str, Any]:
    from lab.injection.faults import witnesses_anywhere

    return {
        "name": kind.name,
        "decoy": kind.is_decoy,
        "boundary": None if kind.boundary is None else str(kind.boundary),
        "targets": sorted(kind.target_kinds),
        "doc": kind.doc,
        "parameters": kind.parameters.model_json_schema(),
        "witnesses": [{**asdict(w), "worlds": list(worlds)} for w, worlds in witnesses_anywhere(kind).items()],
        "recovery_s": kind.recovery_s,
        "announced_differently": kind.announced_differently,
        "module": kind.module,
    }


def parameters_of(kind: FaultType) -> list[tuple[str, str]]:
    """Each parameter with what it may be and its default."""
    schema = kind.parameters.model_json_schema()
    required = schema.get("required", [])
    return [
        (name, _type_text(field) + (", required" if name in required else f", default {field.get('default')!r}"))
        for name, field in schema.get("properties", {}).items()
    ]


def _type_text(field: dict[str, Any]) -> str:
    """A field of a JSON Schema in a few words."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type_text(option) for option in field["anyOf"]))
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "examples" in field:
        return f"such as {field['examples'][0]}"
    low, high = field.get("minimum"), field.get("maximum")
    span = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    return str(field.get("type", "any")) + span


def _print_list(kinds: list[FaultType]) -> None:
    from lab.cli.console import print_table, stdout, table
    from lab.cli.texts import first_sentence

    console = stdout()
    for title, decoys in (("Faults", False), ("Decoys: benign, and wrong to blame", True)):
        shown = table("name", "boundary", "target", "parameters", "what it does")
        for kind in kinds:
            if kind.is_decoy == decoys:
                names = ", ".join(name for name, _ in parameters_of(kind)) or "–"
                targets = ", ".join(sorted(kind.target_kinds))
                shown.add_row(kind.name, str(kind.boundary or "–"), targets, names, first_sentence(kind.doc))
        print_table(console, title, shown)
    console.print("lab faults NAME describes one of them.")


def _print_one(kind: FaultType) -> None:
    from lab.cli.console import stdout
    from lab.cli.texts import columns, effect_text
    from lab.injection.faults import witnesses_anywhere

    console = stdout()
    console.print(f"{kind.name}  ({'decoy' if kind.is_decoy else kind.boundary})", style="bold")
    console.print(f"\n{kind.doc}\n", soft_wrap=True)
    rows = [("target", ", ".join(sorted(kind.target_kinds)))]
    for witness, worlds in witnesses_anywhere(kind).items():
        rows.append(("shows by", effect_text(witness) + (f" (world {', '.join(worlds)})" if worlds else "")))
    if not kind.is_decoy:
        rows.append(("announced", kind.announcement))
    rows += [("recovery", f"within {time_text(kind.recovery_s)} after the revert"), ("from", kind.module)]
    console.print(columns(rows, indent=2), soft_wrap=True)
    parameters = parameters_of(kind)
    if parameters:
        console.print("\nParameters (under `with:`)", style="bold")
        console.print(columns(parameters, indent=2), soft_wrap=True)
