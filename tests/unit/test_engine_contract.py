"""The engine contract is true: its examples run, its tables name what is there, its schema is what is read."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.contracts import Diagnosis, DiagnosisError, EngineFailure, Verdict
from lab.docs.schemas import schemas
from lab.engines.capture import LARGEST_ANSWER_BYTES
from lab.engines.host import EngineHost
from lab.engines.options import MEMORY_BYTES, TIMEOUT_S
from tests.distributions import write_distribution
from tests.simulated import observe, scenario
from tests.waiting import PATIENCE_S

DOCUMENT = Path(__file__).parents[2] / "docs" / "engine-contract.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = {
    name: body
    for body in re.findall(r"```\w+\n(.*?)```", TEXT, flags=re.DOTALL)
    for name in re.findall(r"\A# (\S+)\n", body)
}
PROGRAMS = {"naive.py": sys.executable, "naive.sh": "sh", "naive.pl": "perl"}
FINDING = {
    "culprit": "a->b", "boundary": "network", "kind": "network-partition", "onset_s": 1.5, "confidence": 0.5,
    "evidence": [{"signal": "s", "subject": "a", "baseline": 0, "observed": 1.0}], "why": ["so"],
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "schema_version": 1, "verdict": "fault", "findings": [FINDING],
    "not_judged": [{"kind": "k", "culprit": "c", "missing_signals": ["s"]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What can be observed of a cut link, and of nothing."""
    folder = tmp_path_factory.mktemp("recordings")
    cut = {"type": "network-partition", "target": "desk->db", "at": "60s", "for": "60s"}
    made = {}
    for name, faults in (("cut", [cut]), ("quiet", [])):
        observe(scenario(folder, name=name, duration_s=150, rate_per_s=20, faults=faults)).write(folder / name)
        made[name] = folder / name
    return made


def asked(spec: str, observed: Path) -> Diagnosis:
    with EngineHost() as host:
        answer = host.diagnose(spec, observed)
    assert not isinstance(answer, EngineFailure), answer
    return answer


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_of_the_document_run(recordings, tmp_path, monkeypatch, name):
    if shutil.which(PROGRAMS[name]) is None:
        pytest.skip(f"no {PROGRAMS[name]} here")
    (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert asked(f"cmd:{PROGRAMS[name]} {name}", recordings["quiet"]).verdict is Verdict.HEALTHY
    assert asked(f"cmd:{PROGRAMS[name]} {name}", recordings["cut"]).verdict in (Verdict.FAULT, Verdict.UNSURE)


def test_the_python_engine_of_the_document_names_the_link_that_was_cut(recordings, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(BLOCKS["mine.py"], encoding="utf-8")
    write_distribution(tmp_path, "mine", {"lab.engines": {"mine": "mine:diagnose"}})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert asked("mine", recordings["quiet"]).verdict is Verdict.HEALTHY
    assert asked("mine", recordings["cut"]).findings[0].culprit == "desk->db"


@pytest.mark.parametrize(
    ("program", "file", "source"),
    [
        ("node", "engine.js", "console.log(JSON.stringify({schema_version: 1, verdict: 'healthy'}))"),
        (
            "java",
            "Engine.java",
            (
                "class Engine { public static void main(String[] a) throws Exception { java.nio.file.Files.readString("
                'java.nio.file.Path.of(a[0], "system.json"));\n'
                'System.out.println("{\\"schema_version\\": 1, \\"verdict\\": \\"healthy\\"}"); } }'
            ),
        ),
    ],
)
def test_other_runtimes_live_with_the_confinement(recordings, tmp_path, program, file, source):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    (tmp_path / file).write_text(source, encoding="utf-8")
    assert asked(f"cmd:{program} {tmp_path / file}", recordings["quiet"]).verdict is Verdict.HEALTHY


def test_the_document_names_every_file_an_engine_may_see(recordings):
    table = TEXT.split("## What an engine gets")[1].split("##")[0]
    named = set(re.findall(r"^\| `([\w./]+)` \|", table, flags=re.MULTILINE))
    there = {str(path.relative_to(recordings["cut"])) for path in recordings["cut"].rglob("*") if path.is_file()}
    assert there <= named


def test_the_limits_of_the_document_are_those_of_the_code():
    limits = TEXT.split("## Limits")[1].split("##")[0]
    assert f"| {TIMEOUT_S:g} s | `--engine-timeout`" in limits
    assert f"| {MEMORY_BYTES / 2**30:g} GiB | `--engine-memory`" in limits
    assert f"| answer | {LARGEST_ANSWER_BYTES / 2**20:g} MiB |" in limits


def test_the_sample_of_the_document_is_a_diagnosis():
    sample = json.loads(re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)[0])
    assert Diagnosis.from_json(sample).findings[0].culprit == "features->db"
    jsonschema.validate(sample, schemas()["diagnosis"])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, the whole apart."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [] if not path else [path]
    for key, item in inner:
        found += places(item, (*path, key))
    return found


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["fault", "healthy", "unsure", "network", "nonsense", "", 10**400, -(10**305), 1.0, 2]),
    st.just([]), st.just({}), st.just([FINDING]), st.lists(st.text(max_size=2), max_size=2),
)  # fmt: skip


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(st.sampled_from(places(WHOLE)), st.one_of(st.just("drop"), st.just("add"), ANYTHING)), max_size=3
    )
)
def test_the_schema_and_the_reader_accept_the_same(changes):
    answer: Any = copy.deepcopy(WHOLE)
    for path, change in changes:
        holder = answer
        try:
            for key in path[:-1]:
                holder = holder[key]
            if change == "drop":
                del holder[path[-1]]
            elif change == "add":
                holder["a key of tomorrow"] = change
            else:
                holder[path[-1]] = copy.deepcopy(change)  # a later change may be within it
        except (KeyError, IndexError, TypeError):
            continue
    try:
        Diagnosis.from_json(answer)
        accepted = True
    except DiagnosisError:
        accepted = False
    assert jsonschema.Draft202012Validator(schemas_once()).is_valid(answer) is accepted, answer


def schemas_once(cache: dict[str, Any] = {}) -> Any:  # noqa: B006  # made once, hundreds of examples use it
    if not cache:
        cache.update(schemas()["diagnosis"])
    return cache


def test_a_healthy_answer_with_findings_is_refused_by_reader_and_schema_alike():
    contradiction = {**WHOLE, "verdict": "healthy"}
    with pytest.raises(DiagnosisError, match="verdict is 'healthy' but findings is not empty"):
        Diagnosis.from_json(contradiction)
    assert list(jsonschema.Draft202012Validator(schemas()["diagnosis"]).iter_errors(contradiction))
    assert Diagnosis.from_json({**contradiction, "findings": []}).verdict is Verdict.HEALTHY


def test_the_python_program_of_the_document_fits_where_something_changed_and_no_alert_fired(tmp_path):
    (tmp_path / "naive.py").write_text(BLOCKS["naive.py"], encoding="utf-8")
    (tmp_path / "alerts.jsonl").write_text("", encoding="utf-8")
    change = {"time_s": 5.0, "kind": "deploy", "service.name": "model", "summary": "version 2"}
    (tmp_path / "changes.jsonl").write_text(json.dumps(change) + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "naive.py", tmp_path], capture_output=True, check=True, timeout=PATIENCE_S
    ).stdout
    assert Diagnosis.from_json(json.loads(done)) == Diagnosis(Verdict.HEALTHY)


TOO_MUCH: dict[str, tuple[tuple[Any, ...], Any]] = {
    "findings has 10001 entries, expected at most 10000": (("findings",), [FINDING] * 10_001),
    "findings[0].culprit has 301 characters, expected at most 300": (("findings", 0, "culprit"), "x" * 301),
    "findings[0].kind has 301 characters, expected at most 300": (("findings", 0, "kind"), "x" * 301),
    "findings[0].evidence has 101 entries": (("findings", 0, "evidence"), FINDING["evidence"] * 101),
    "findings[0].evidence[0].signal has 301": (("findings", 0, "evidence", 0, "signal"), "x" * 301),
    "findings[0].evidence[0].subject has 301": (("findings", 0, "evidence", 0, "subject"), "x" * 301),
    "findings[0].why has 101 entries, expected at most 100": (("findings", 0, "why"), ["so"] * 101),
    "findings[0].why[0] has 2001 characters, expected at most 2000": (("findings", 0, "why", 0), "x" * 2_001),
    "not_judged has 10001 entries": (("not_judged",), WHOLE["not_judged"] * 10_001),
    "not_judged[0].missing_signals[0] has 301": (("not_judged", 0, "missing_signals", 0), "x" * 301),
}


@pytest.mark.parametrize("problem", TOO_MUCH)
def test_more_than_anybody_reads_is_refused_by_reader_and_schema_alike_and_a_little_less_is_not(problem):
    path, much = TOO_MUCH[problem]
    checks = jsonschema.Draft202012Validator(schemas_once())
    for value, fits in ((much, False), (much[:-1], True)):
        answer: Any = copy.deepcopy(WHOLE)
        holder = answer
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        assert checks.is_valid(answer) is fits
        if fits:
            Diagnosis.from_json(answer)
            continue
        with pytest.raises(DiagnosisError) as refused:
            Diagnosis.from_json(answer)
        assert str(refused.value).startswith(problem)


def test_the_document_shows_the_bounds_of_an_answer():
    for limit in ("10,000 findings", "300 characters", "100 lines of 2,000 characters", "100 pieces of evidence"):
        assert limit in TEXT
