"""The JSON of commands that ask or grade engines: one form, so that a program that reads one of them reads them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli_cases import run_json

HEAD = {"schema_version", "lab_version", "exit_code"}
ANSWERED = {"scenario", "seed", "engine", "path", "answer", "engine_failed", "isolation", "engine_read",
            "observability"}  # fmt: skip


def asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What each command says of one cut link."""
    Path("small.suite.yaml").write_text("schema_version: 1\nname: small\nscenarios: [cut.scenario.yaml]\n")
    once = ("--engine", "constant")
    commands: dict[str, tuple[str, ...]] = {
        "run": ("cut.scenario.yaml", "--jobs", "1", "--no-report", *once),
        "diagnose": ("runs", *once),
        "grade": ("runs", *once),
        "evaluate": ("small.suite.yaml", "--seeds", "3-3", "--jobs", "1", *once),
    }
    return {name: run_json(capsys, name, *words)[1] for name, words in commands.items()}


def test_commands_show_the_same_of_a_case(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = asked(folder, capsys)
    for name, document in documents.items():
        assert set(document) >= HEAD, name
    [diagnosis] = documents["diagnose"]["diagnoses"]
    assert set(diagnosis) == ANSWERED
    cases = {name: documents[name]["cases"][0] for name in ("run", "grade", "evaluate")}
    assert {frozenset(case) for case in cases.values()} == {
        frozenset({*ANSWERED, "outcome", "unanswered", "truth", "grades"})
    }
    for name, case in cases.items():
        for key in ANSWERED - {"path", "isolation"}:
            assert case[key] == diagnosis[key], (name, key)
        assert case["observability"] == "usual"
        assert documents[name]["observability"] == ["usual"]
