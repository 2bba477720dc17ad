"""JSON Schema of a diagnosis: what `lab.contracts.Diagnosis.from_json` accepts, for authors of engines."""

from __future__ import annotations

from typing import Any

from lab.contracts import (
    LARGEST_NUMBER,
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_EVIDENCE,
    MOST_FINDINGS,
    MOST_LINES,
    SCHEMA_VERSION,
    Boundary,
    Verdict,
)

_NUMBER = {"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
_TEXT = {"type": "string", "maxLength": LONGEST_NAME}


def diagnosis_schema() -> dict[str, Any]:
    """The schema, without its dialect. Keys that it does not know are allowed and ignored."""
    return {
        "title": "Chaos lab diagnosis, version 1",
        "type": "object",
        "required": ["schema_version", "verdict"],
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "verdict": {
                "enum": [str(verdict) for verdict in Verdict],
                "description": "fault: something is wrong, see findings; healthy: nothing is; unsure: not known",
            },
            "findings": {
                "type": "array",
                "maxItems": MOST_FINDINGS,
                "items": {"$ref": "#/$defs/Finding"},
                "description": "suspected causes in any order; equal confidence is a tie",
            },
            "not_judged": {
                "type": "array",
                "maxItems": MOST_FINDINGS,
                "items": {"$ref": "#/$defs/NotJudged"},
                "description": "causes that could not be judged because signals were not recorded; not graded",
            },
        },
        "allOf": [
            {
                "if": _verdict_is(Verdict.FAULT),
                "then": {"required": ["findings"], "properties": {"findings": {"minItems": 1}}},
            },
            {"if": _verdict_is(Verdict.HEALTHY), "then": {"properties": {"findings": {"maxItems": 0}}}},
        ],
        "$defs": {"Finding": _finding(), "Evidence": _evidence(), "NotJudged": _not_judged()},
    }


def _verdict_is(verdict: Verdict) -> dict[str, Any]:
    return {"properties": {"verdict": {"const": str(verdict)}}}


def _finding() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["culprit", "boundary", "kind", "confidence"],
        "properties": {
            "culprit": {**_TEXT, "description": "a component or link (`caller->called`) of system.json"},
            "boundary": {"type": "string", "enum": [str(boundary) for boundary in Boundary]},
            "kind": {**_TEXT, "description": "the fault's name, one of `lab faults`"},
            "onset_s": {"anyOf": [_NUMBER, {"type": "null"}], "description": "when it began, in scenario seconds"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "evidence": {"type": "array", "maxItems": MOST_EVIDENCE, "items": {"$ref": "#/$defs/Evidence"}},
            "why": {
                "type": "array",
                "maxItems": MOST_LINES,
                "items": {"type": "string", "maxLength": LONGEST_LINE},
                "description": "the reasoning, symptom first, for people",
            },
        },
    }


def _evidence() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["signal", "subject", "baseline", "observed"],
        "properties": {
            "signal": {**_TEXT, "description": "a signal of the catalogue (docs/signals.md)"},
            "subject": {**_TEXT, "description": "component, link or component.column"},
            "baseline": {**_NUMBER, "description": "level before"},
            "observed": {**_NUMBER, "description": "level during"},
        },
    }


def _not_judged() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["kind", "culprit", "missing_signals"],
        "properties": {
            "kind": _TEXT,
            "culprit": _TEXT,
            "missing_signals": {
                "type": "array",
                "maxItems": MOST_EVIDENCE,
                "items": _TEXT,
                "description": "signals of the catalogue",
            },
        },
    }
