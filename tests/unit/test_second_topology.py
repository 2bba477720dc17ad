"""Another system, written here, works without touching code: it runs, is recorded, and `rules` finds what is wrong.

And nothing outside of the recommender's own files knows how its components are called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Diagnosis, Verdict
from lab.engines.rules import diagnose
from lab.recording.observed import load_observed
from lab.runs.runner import run_scenario
from lab.systems.files import load_system
from lab.systems.topology import ComponentKind
from tests.sim_runs import scenario

ROOT = Path(__file__).parents[2]
SYSTEM = """\
schema_version: 1
name: parcels
title: Where is my parcel (a plain chain, no model, no cache, nothing scored)
warmup: 20s
components:
  recipients:
    kind: users
    steps: [{name: track, call: desk, timeout: 2s}]
  desk:
    kind: service
    workers: 8
    service_time: {mean: 3ms, cv: 0.4}
    background_error_ratio: 0.1%
    steps:
      - {name: find, call: depot, timeout: 300ms, retries: 1, backoff: 20ms, on_failure: continue, fallback: yesterday}
  depot:
    kind: service
    workers: 8
    service_time: {mean: 4ms, cv: 0.4}
    steps: [{name: read, call: ledger, timeout: 200ms}]
  ledger:
    kind: database
    workers: 8
    service_time: {mean: 3ms, cv: 0.5}
    telemetry: statement-log
    tables: [parcels]
links:
  recipients->desk: {latency: 2ms}
  desk->depot: {latency: 0.3ms}
  depot->ledger: {latency: 0.3ms}
slos:
  - {name: availability, sli: error_ratio, above: 2%, for: 30s}
"""
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "partition": {"type": "network-partition", "target": "desk->depot"},
    "partition of the database": {"type": "network-partition", "target": "depot->ledger", "with": {"fraction": "50%"}},
    "latency": {"type": "network-latency", "target": "depot->ledger"},
    "throttle": {"type": "cpu-throttle", "target": "depot"},
    "throttle of the database": {"type": "cpu-throttle", "target": "ledger"},
}


def answer(folder: Path, *faults: Mapping[str, Any], seed: int = 1, rate_per_s: float = 30) -> Diagnosis:
    """What `rules` says of a run."""
    (folder / "parcels.system.yaml").write_text(SYSTEM, encoding="utf-8")
    uses = [{**fault, "at": "80s", "for": "80s"} for fault in faults]
    loaded = scenario(folder, system="parcels.system.yaml", duration_s=200, rate_per_s=rate_per_s, faults=uses)
    run = run_scenario(loaded, seed, folder / "runs")
    assert all(fault.witnessed for fault in run.truth().faults)
    return diagnose(run.observed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_healthy_run_is_called_healthy(tmp_path: Path, seed: int) -> None:
    assert answer(tmp_path, seed=seed).verdict == Verdict.HEALTHY


@pytest.mark.parametrize("name", FAULTS)
def test_the_culprit_is_found(tmp_path: Path, name: str) -> None:
    diagnosis = answer(tmp_path, FAULTS[name])
    assert diagnosis.verdict == Verdict.FAULT
    first = diagnosis.findings[0]
    assert (first.culprit, first.kind) == (FAULTS[name]["target"], FAULTS[name]["type"])
    assert abs(float(first.onset_s or 0) - 80) <= 15


def test_the_recording_of_a_system_without_a_model_has_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "parcels.system.yaml").write_text(SYSTEM, encoding="utf-8")
    loaded = scenario(tmp_path, system="parcels.system.yaml", duration_s=60)
    observed = load_observed(run_scenario(loaded, 1, tmp_path / "runs").observed)
    assert set(observed.tables) == {"spans", "metrics", "logs"}
    assert set(observed.frame("metrics")["service.name"]) == {"recipients", "desk", "depot", "ledger"}
    statements = observed.frame("logs").query("`event.name` == 'statement'")
    assert set(statements["service.name"]) == {"ledger"}
    assert statements["body"].str.fullmatch(r"duration: \d+\.\d{3} ms  statement: read").all()
    assert observed.reference == {}


# The recommender's names. `rules` (also an engine), `cache` and `model` (also kinds of components) are told apart by
# what a text says: the links between components, and names that mean nothing else.

RECOMMENDER = load_system("recommender")
KINDS = set(ComponentKind.__args__)
ENGINES = {"rules"}
NAMES = set(RECOMMENDER.components) - KINDS - ENGINES
ENDS = "|".join(map(re.escape, RECOMMENDER.components))
LINK = re.compile(rf"\b({ENDS})\s*->\s*({ENDS})\b")
# Where one of the names means something else, and what.
ALLOWED: Mapping[str, Mapping[str, str]] = {
    "features": {
        "lab/worlds/kit/tables.py": "the table of served features",
        "lab/worlds/kit/features.py": "the same table",
        "lab/worlds/kit/entities.py": "a key of the feature contract",
        "lab/report/traces.py": "the same table",
        "lab/engines/rules/bindings.py": "a key of the feature contract",
    },
}
# The shop is the recommender's content, other worlds have columns and jobs of their own, and the stack testbed drives
# the recommender's own containers.
OWN = ("lab/worlds/shop/", "lab/worlds/decisions/", "lab/worlds/batch/", "lab/testbeds/stack/")


def strings(source: Path) -> list[tuple[int, str]]:
    """(line, text) of every string literal that is no docstring."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def known_names(source: Path, relative: str) -> list[str]:
    """Places of a source that name a component or a link of the recommender."""
    found = []
    for line, text in strings(source):
        excused = any(relative.startswith(where) for where in ALLOWED.get(text, {}))
        if LINK.search(text) or (text in NAMES and not excused):
            found.append(f"{relative}:{line}: {text!r}")
    return found


@pytest.mark.parametrize("room", ["lab", "injectors", "graders"])
def test_no_code_knows_the_recommenders_components(room: str) -> None:
    found = []
    for source in sorted((ROOT / room).rglob("*.py")):
        relative = source.relative_to(ROOT).as_posix()
        if not relative.startswith(OWN):
            found += known_names(source, relative)
    assert found == []


@pytest.mark.parametrize("path", sorted((ROOT / "lab").rglob("*.y*ml"), key=str), ids=lambda path: path.name)
def test_no_rule_file_knows_them_either(path: Path) -> None:
    if path.name.endswith(".system.yaml") or path.name == "scenario.yaml":
        pytest.skip("a shipped system's own file, or a first scenario of one")
    lines = path.read_text(encoding="utf-8").splitlines()
    words = re.compile(rf"(?<![\w{{])({'|'.join(NAMES - {'features', 'feed'})})(?![\w}}])")
    spoken = [line for line in lines if LINK.search(line) or words.search(line.split("#")[0])]
    quoted = re.compile(r"(culprit|of): \"?(features|feed)\b")
    assert [line for line in lines if line in spoken or quoted.search(line)] == []


def test_the_search_finds_what_it_should(tmp_path: Path) -> None:
    source = tmp_path / "sly.py"
    source.write_text(
        '"""features->db in a docstring is prose."""\n'
        'a = "shoppers"\nb = "blame features->db"\nc = "model"\nd = "features"\ne = f"feed->{a}"\nf = "db"\n',
        encoding="utf-8",
    )
    assert [place.rpartition(": ")[0] for place in known_names(source, "lab/x.py")] == [
        f"lab/x.py:{line}" for line in (2, 3, 5, 7)
    ]
    excused = "lab/worlds/kit/features.py"
    allowed = known_names(source, excused)
    assert [place.rpartition(": ")[0] for place in allowed] == [f"{excused}:{line}" for line in (2, 3, 7)]


def test_what_is_allowed_is_still_needed() -> None:
    for name, places in ALLOWED.items():
        for place in places:
            assert name in {text for _, text in strings(ROOT / place)}, f"{name} in {place}"
