"""JSON Schema of the lab's files, generated from the models that read them, for editors and other tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lab.docs.diagnosis_schema import diagnosis_schema
from lab.engines.rules.tree import Tree
from lab.files.fileio import write_file
from lab.files.units import MAX_DURATION_S, Duration, Ratio, format_duration
from lab.injection.faults import FaultType, fault_types
from lab.investigation.exercises import CourseFile
from lab.registration.known import known_slis
from lab.runs.suite import Suite
from lab.scenario import Scenario
from lab.systems.topology import System

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RATIO = TypeAdapter(Ratio).json_schema()
_SECONDS = {"anyOf": [TypeAdapter(Duration).json_schema(), {"type": "number", "minimum": 0, "maximum": MAX_DURATION_S}]}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file by name: scenario (with all registered faults), suite, course, system,
    rules, diagnosis."""
    scenario = _schema(Scenario, "scenario")
    faults = {name: kind for name, kind in fault_types().items() if not kind.is_decoy}
    decoys = {name: kind for name, kind in fault_types().items() if kind.is_decoy}
    _describe_types(scenario, "FaultUse", faults)
    _describe_types(scenario, "DecoyUse", decoys)
    return {
        "scenario": scenario,
        "suite": _schema(Suite, "suite"),
        "course": _schema(CourseFile, "course"),
        "system": _schema(System, "system"),
        "rules": _schema(Tree, "rules"),
        "diagnosis": {"$schema": _DIALECT, **diagnosis_schema()},
    }


def write_schemas(directory: Path) -> tuple[Path, ...]:
    """Writes `<name>.v1.json` for each schema into a directory and returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        paths.append(directory / f"{name}.v1.json")
        write_file(paths[-1], json_text(schema))
    return tuple(paths)


def json_text(schema: dict[str, Any]) -> str:
    """A schema as it is written to its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    _write_as_people_do(schema)
    return {"$schema": _DIALECT, **schema, "title": f"Chaos lab {name} file, version 1"}


def _write_as_people_do(part: Any) -> None:
    """Durations and rates are kept as numbers and written with units: their defaults and limits follow."""
    if isinstance(part, list):
        for item in part:
            _write_as_people_do(item)
    if not isinstance(part, dict):
        return
    if part.get("type") == "string" and isinstance(part.get("default"), float):
        is_rate = "/" in part.get("pattern", "")
        part["default"] = f"{part['default']:g}/s" if is_rate else format_duration(part["default"])
    if part.get("type") == "object" and "sli" in part.get("properties", {}):
        _describe_limits(part)
    if "patternProperties" in part:
        part["additionalProperties"] = False
    for value in part.values():
        _write_as_people_do(value)


def _describe_limits(bound: dict[str, Any]) -> None:
    """An SLI takes one limit, in its own unit."""
    for side in ("above", "below"):
        bound["properties"][side] = {}
    bound["oneOf"] = [{"required": ["above"]}, {"required": ["below"]}]
    by_unit: dict[str, list[str]] = {}
    for sli in known_slis().values():
        by_unit.setdefault(sli.unit, []).append(sli.name)
    bound["properties"]["sli"] = {"title": "Sli", "type": "string", "enum": list(known_slis())}
    bound["allOf"] = [
        {"if": {"properties": {"sli": {"enum": names}}}, "then": {"properties": {"above": limit, "below": limit}}}
        for unit, names in by_unit.items()
        for limit in [_limit(unit)]
    ]


def _limit(unit: str) -> dict[str, Any]:
    """How a limit of this unit is written."""
    if unit == "ratio":
        return _RATIO
    if unit == "s":
        return _SECONDS
    number = {"type": "number"}
    text = {"type": "string", "pattern": rf"^-?[0-9]+(\.[0-9]+)?\s*{re.escape(unit)}$"}
    return number if unit == "1" else {"anyOf": [number, text]}


def _describe_types(schema: dict[str, Any], use: str, kinds: dict[str, FaultType]) -> None:
    """Lists the types of a fault or decoy, and for each type the parameters that `with` takes."""
    definition = schema["$defs"][use]
    definition["properties"]["type"] = {"title": "Type", "type": "string", "enum": list(kinds)}
    definition["allOf"] = []
    for name, kind in kinds.items():
        prefix = kind.parameters.__name__
        parameters = kind.parameters.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
        _write_as_people_do(parameters)
        for inner, body in parameters.pop("$defs", {}).items():
            schema["$defs"][f"{prefix}.{inner}"] = body
        then: dict[str, Any] = {"description": kind.doc, "properties": {"with": parameters}}
        if parameters.get("required"):
            then["required"] = ["with"]
        definition["allOf"].append({"if": {"properties": {"type": {"const": name}}}, "then": then})
