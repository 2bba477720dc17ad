"""The JSON Schemas: current, and in agreement with the models about good and bad files."""

from __future__ import annotations

import importlib
from pathlib import Path

import jsonschema
import pytest

from lab.docs.schemas import json_text, schemas, write_schemas
from lab.files.yamlsource import parse_yaml
from lab.runs.suite import parse_threshold

for family in ("cpu", "deploy", "feed", "model", "network", "schema", "stale_cache", "traffic"):
    importlib.import_module(f"injectors.{family}")

ROOT = Path(__file__).parents[2]
CHAIN = ROOT / "tests" / "systems" / "chain.system.yaml"
SCENARIO = """\
schema_version: 1
name: partition
system: mine.system.yaml
seed: 7
duration: 600s
load:
  stages: [{for: 120s, rate: 50/s}, {for: 480s, rate: 80/s}]
faults:
  - {id: f1, type: network-partition, target: features->db, at: 240s, for: 180s, with: {fraction: 30%}}
  - {id: f2, type: schema-corruption, target: db, at: 240s, for: 3m, with: {column: age, change: rename}}
decoys:
  - {id: d1, type: deploy, target: model, at: 225s}
steady_state:
  - {sli: error_ratio, below: 1%}
  - {sli: latency_p95_s, below: 250ms}
grading: {top_k: 3, onset_within: 60s}
training: {brief: CTR is down., hints: [Compare spans.]}
safety: {max_duration: 15m, stop_when: [{sli: error_ratio, above: 0.5, for: 30s}]}
"""


def errors(kind: str, text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schemas()[kind])
    return [error.message for error in validator.iter_errors(parse_yaml(text, "f").data)]


@pytest.mark.parametrize("kind", ["scenario", "suite", "system"])
def test_the_schemas_are_valid_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[kind])


def test_good_files_satisfy_their_schema() -> None:
    assert errors("scenario", SCENARIO) == []
    assert errors("system", CHAIN.read_text(encoding="utf-8")) == []
    suite = "schema_version: 1\nname: s\nscenarios: [a/b]\nseeds: {from: 1, count: 3}\nthresholds: [kind >= 0.5]\n"
    assert errors("suite", suite) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("seed: 7", "sede: 7"),
        ("duration: 600s", "duration: 600"),
        ("rate: 50/s", "rate: 50"),
        ("type: network-partition", "type: network-partitoin"),
        ("type: network-partition", "type: deploy"),
        ("type: deploy", "type: network-partition"),
        ("fraction: 30%", "fracton: 30%"),
        ("fraction: 30%", "fraction: 30s"),
        (", with: {column: age, change: rename}", ""),
        ("change: rename", "change: renaem"),
        ("top_k: 3", "top_k: 11"),
        ("below: 1%", "below: [1%]"),
        ("below: 1%", "below: banana"),
        ("below: 1%", "below: 950%"),
        ("below: 1%", "below: 100ms"),
        ("below: 250ms", "below: 1%"),
        ("below: 1%", "below: 1%, above: 2%"),
        ("sli: error_ratio, below: 1%", "sli: error_ratio"),
        ("fraction: 30%", "fraction: 950%"),
        ("for: 120s", "for: 0s"),
        ("schema_version: 1", "schema_version: true"),
    ],
)
def test_bad_scenarios_violate_the_schema(good: str, bad: str) -> None:
    assert SCENARIO.count(good) == 1
    assert errors("scenario", SCENARIO.replace(good, bad))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("  db:\n", "  d b:\n"),
        ("orders->db:", "orders=>db:"),
        ("timeout: 2s", "timeout: 0s"),
        ("above: 2%", "above: 950%"),
        ("schema_version: 1\n", "schema_version: 1\nobservability: best\n"),
    ],
)
def test_bad_systems_violate_the_schema(good: str, bad: str) -> None:
    text = CHAIN.read_text(encoding="utf-8")
    assert text.count(good) == 1
    assert errors("system", text.replace(good, bad))


@pytest.mark.parametrize(
    "threshold",
    [
        "culprit_top1 >= 0.85",
        "rules.false_alarm_ratio <= 5%",
        "kind>.5",
        "onset < 1",
        "evidence >= 100 %",
        " kind > 0.",
    ],
)
def test_thresholds_satisfy_the_schema_as_they_do_the_suite(threshold: str) -> None:
    parse_threshold(threshold)
    assert errors("suite", f"schema_version: 1\nname: s\nscenarios: [a]\nthresholds: ['{threshold}']\n") == []


@pytest.mark.parametrize("threshold", ["", "good", "speed > 1", "kind = 1", "kind >= 2", "kind >= 950%", "kind >= %"])
def test_what_is_no_threshold_violates_the_schema_as_it_does_the_suite(threshold: str) -> None:
    with pytest.raises(ValueError, match=r"expected|unknown"):
        parse_threshold(threshold)
    assert errors("suite", f"schema_version: 1\nname: s\nscenarios: [a]\nthresholds: ['{threshold}']\n")


def test_the_schema_explains_each_fault_and_shows_defaults_as_they_are_written() -> None:
    definitions = schemas()["scenario"]["$defs"]
    cases = {case["if"]["properties"]["type"]["const"]: case["then"] for case in definitions["FaultUse"]["allOf"]}
    assert cases["network-latency"]["description"].startswith("Requests over one link take longer.")
    assert cases["network-latency"]["properties"]["with"]["properties"]["latency"]["default"] == "80ms"
    decoys = {case["if"]["properties"]["type"]["const"]: case["then"] for case in definitions["DecoyUse"]["allOf"]}
    assert decoys["traffic-surge"]["properties"]["with"]["properties"]["rate"]["default"] == "25/s"


def test_schemas_are_written_one_file_a_kind(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path / "schema")
    kinds = ["scenario", "suite", "course", "system", "rules", "diagnosis"]
    assert [path.name for path in paths] == [f"{kind}.v1.json" for kind in kinds]
    assert paths[0].read_text(encoding="utf-8") == json_text(schemas()["scenario"])
