"""The report: complete, self-contained, escaped, and the same bytes every time."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.contracts import (
    Case,
    Diagnosis,
    EngineFailure,
    Evidence,
    Finding,
    Grade,
    Isolation,
    Outcome,
    TrueDegradation,
    Truth,
    Verdict,
)
from lab.judging.grading import grade
from lab.recording.grades import verdict
from lab.recording.rundir import RunDirectory
from lab.report import SummaryRow, render_report, write_report
from lab.report.attribution import marks
from lab.report.format import shortened
from lab.report.marks import SIGNS
from lab.report.matrix import ALL_DETAILED, MAX_DETAILED, MAX_TIP, Entry, detailed, engine_order, entries, worst_first
from lab.runs.runner import run_scenario
from lab.scenario import load_scenario
from tests.report_pages import Reader

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
MAX_BYTES_A_RUN = 200_000
HOSTILE = "<script>alert('title')</script> & co"

SCENARIO = """\
schema_version: 1
name: {name}
title: "{title}"
system: {system}
duration: 75s
load: {{stages: [{{for: 75s, rate: 8/s}}]}}
training: {{brief: a secret brief, hints: [a secret hint]}}
{faults}
"""
FAULTS = "faults: [{id: f1, type: network-partition, target: orders->db, at: 30s, for: 30s}]"


def a_run(root: Path, name: str, faults: str, title: str) -> RunDirectory:
    file = root / f"{name}.scenario.yaml"
    file.write_text(SCENARIO.format(name=name, system=CHAIN, faults=faults, title=title), encoding="utf-8")
    return run_scenario(load_scenario(file), 3, root / "runs")


def answered(run: RunDirectory, engine: str, answer: Diagnosis | EngineFailure) -> None:
    run.write_diagnosis(engine, answer)
    run.write_grades(engine, grade(Case(run.truth(), answer, run.grading, run.observed, run.neighbours)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunDirectory]:
    root = tmp_path_factory.mktemp("report")
    faulty, control = a_run(root, "cut-off", FAULTS, HOSTILE), a_run(root, "quiet", "", "Nothing happens")
    evidence = (
        Evidence("client_error_ratio", "orders->db", 0.0, 1.0),
        Evidence("client_duration_p50_s", "orders->db", 0.0034, 0.3),
        Evidence("no_such_signal", "<b>orders</b>", 1.0, 2.0),
    )
    right = Finding(
        "orders->db", "network", "network-partition", 31.0, 0.9, evidence, ("Orders fail.", "No packet passes.")
    )
    near = Finding("orders", "service", "cpu-throttle", 40.0, 0.9)
    answered(faulty, "careful", Diagnosis(Verdict.FAULT, (right,)))
    answered(faulty, "hasty", Diagnosis(Verdict.FAULT, (near,)))
    answered(faulty, "broken", EngineFailure("it said <i>boom</i>"))
    answered(control, "careful", Diagnosis(Verdict.HEALTHY))
    answered(control, "hasty", Diagnosis(Verdict.FAULT, (near,)))
    return [faulty, control]


@pytest.fixture(scope="module")
def page(runs: list[RunDirectory]) -> str:
    summary = [SummaryRow("careful", "culprit_top1", "1.000 [0.206, 1.000]", "culprit_top1 >= 0.85", True)]
    return render_report(runs, title="A <suite>", summary=summary, engines=["careful"])


def test_every_grade_has_a_cell(runs: list[RunDirectory], page: str) -> None:
    tips = Reader(page).values("title")
    for run in runs:
        for engine, grades in run.grades().items():
            assert f"{engine} on {run.scenario}, seed 3: {SIGNS[verdict(grades)].word}" in tips
            for one in grades:
                start = f"{one.grader}: {SIGNS[one.outcome].word}. Answer: {one.answer}. Expected: {one.expected}."
                assert any(tip.startswith(shortened(start, MAX_TIP).rstrip("…")) for tip in tips), start
    assert "broken was not graded here" in tips


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    reader = Reader(page)
    for reference in reader.values("src") + reader.values("href"):
        assert reference.startswith(("#", "data:")), reference
    assert "@import" not in page
    assert "url(" not in page
    assert "://" not in page


def test_links_and_labels_lead_somewhere(page: str) -> None:
    reader = Reader(page)
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    targets = {h[1:] for h in reader.values("href") if h.startswith("#")} | set(reader.values("aria-labelledby"))
    assert targets <= set(ids)


def test_headings_skip_no_level(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Reader(page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_data_is_escaped(page: str) -> None:
    reader = Reader(page)
    assert HOSTILE in reader.text
    assert "it said <i>boom</i>" in reader.text
    assert "<b>orders</b>" in reader.text
    assert "A <suite>" in reader.text
    assert page.count("<script") == 1
    assert "<i>boom" not in page
    assert "<suite>" not in page


def test_drawings_are_well_formed_and_described(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) >= 2 + 2 + 1  # two timelines, the panels of the fault, one of the control
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("role") == "img"
        assert [child.tag for child in root[:2]] == ["title", "desc"]
        assert all(child.text for child in root[:2])
        assert "nan" not in " ".join(e.get("d", "") for e in root.iter()).lower()


def test_the_same_runs_give_the_same_bytes(runs: list[RunDirectory], tmp_path: Path) -> None:
    first = write_report(runs, tmp_path / "a.html").read_bytes()
    second = write_report(runs[::-1], tmp_path / "deeper" / "b.html").read_bytes()
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "deeper"]
    assert len(first) < MAX_BYTES_A_RUN * len(runs)


def test_truth_answers_and_reasons_are_reported(page: str) -> None:
    text = Reader(page).text
    for expected in (
        "No packet passes.",
        "30\N{NO-BREAK SPACE}s to 60\N{NO-BREAK SPACE}s",
        "≈ near",
        "✓ hit",
        "not in the recording",
    ):
        assert expected in text, expected
    assert "Nothing was broken" in text
    assert "culprit_top1 >= 0.85" in text
    assert "--seed 3" in text
    assert "True blast radius of f1" in text
    assert "link.cut orders->db" in text


def test_training_material_is_not_given_away(page: str) -> None:
    assert "secret" not in page


def test_a_run_without_grades_says_so(runs: list[RunDirectory], tmp_path: Path) -> None:
    bare = RunDirectory(tmp_path / "run", runs[0].meta)
    bare.path.mkdir()
    for name in ("observed", "truth", "events.jsonl"):
        (bare.path / name).symlink_to(runs[0].path / name)
    text = Reader(render_report([bare])).text
    assert "No engine was graded" in text
    assert "not graded" in text


def entry(scenario: str, seed: int, outcome: Outcome) -> Entry:
    run = RunDirectory(Path(f"{scenario}-{seed}"), {"scenario": {"name": scenario}, "seed": seed, "status": "complete"})
    value = None if outcome is Outcome.INCONCLUSIVE else 1.0
    return Entry(run, {"e": [Grade("culprit", outcome, value, "a", "b", "c")]}, f"{scenario}-{seed}")


def test_of_many_runs_those_that_did_not_pass_and_the_first_ones_are_detailed() -> None:
    many = [entry(s, n, Outcome.PASS) for s in ("a", "b") for n in range(40)]
    many[5], many[45] = entry("a", 5, Outcome.FAIL), entry("b", 5, Outcome.INCONCLUSIVE)
    assert [e.anchor for e in detailed(many, "e")] == ["a-0", "a-5", "b-0", "b-5"]
    assert detailed(many[:ALL_DETAILED], "e") == many[:ALL_DETAILED]


def test_details_are_bounded_and_every_scenario_keeps_one() -> None:
    many = [entry(s, n, Outcome.FAIL) for s in ("a", "b", "c") for n in range(50)]
    kept = [e.anchor for e in detailed(many, "e")]
    assert len(kept) == MAX_DETAILED
    assert {"a-0", "b-0", "c-0"} <= set(kept)


def test_engines_named_first_come_first() -> None:
    run = entry("a", 1, Outcome.PASS).run
    listed = [Entry(run, {"b": [], "a": [], "c": []}, "x")]
    assert engine_order(listed, ["c", "absent", "c"]) == ["c", "a", "b"]


def copied(run: RunDirectory, path: Path, **meta: object) -> RunDirectory:
    shutil.copytree(run.path, path)
    return RunDirectory(path, {**run.meta, **meta})


def test_a_run_that_the_machine_disturbed_is_shown_as_inconclusive(runs: list[RunDirectory], tmp_path: Path) -> None:
    stalled = copied(runs[0], tmp_path / "run", status="inconclusive: the machine stalled for 9 s at 40 s")
    reader = Reader(render_report([stalled, runs[1]], engines=["careful"]))
    assert "no engine is graded by it: the machine stalled for 9 s at 40 s. Run it again." in reader.text
    shown = [attrs["data-outcomes"] for tag, attrs in reader.tags if tag == "details" and "data-outcomes" in attrs]
    assert sorted(json.loads(outcomes or "")["careful"] for outcomes in shown) == ["inconclusive", "pass"]


def test_a_degraded_control_says_what_passes_too(runs: list[RunDirectory], tmp_path: Path) -> None:
    run = copied(runs[1], tmp_path / "run")
    degraded = TrueDegradation("orders", "people", ("slow",))
    (run.path / "truth" / "faults.json").write_text(json.dumps(Truth(degraded=degraded).to_json()), encoding="utf-8")
    text = Reader(render_report([run])).text
    assert "Nothing is broken: the load saturates orders and breaks slow: unsure, " in text
    assert "or naming orders or people, passes too." in text
    assert "degraded control" in text


def test_what_kept_an_engine_from_the_truth_is_reported(runs: list[RunDirectory], tmp_path: Path) -> None:
    run = copied(runs[1], tmp_path / "run")
    run.write_diagnosis("careful", Diagnosis(Verdict.HEALTHY), Isolation("landlock-abi7", ("/opt/data",)))
    run.write_diagnosis("hasty", Diagnosis(Verdict.UNSURE), Isolation("none"))
    text = Reader(render_report([run])).text
    assert "What hid the truth from the engine: landlock-abi7; it was also permitted to read /opt/data." in text
    assert "What hid the truth from the engine: nothing, so it could have read the truth." in text
    assert "unsure, which counts as unanswered" in text
    assert "observability usual" in text


def test_an_answer_as_long_as_it_may_be_is_cut_and_says_so(runs: list[RunDirectory], tmp_path: Path) -> None:
    run = copied(runs[0], tmp_path / "run")
    cited = tuple(Evidence("s" * 150, f"t{n}", -1e300, 1e-300) for n in range(100))
    long = Finding("x" * 300, "service", "k" * 300, 30.0, 0.9, cited, ("w" * 2000,) * 100)
    findings = [long, *[replace(long, evidence=(), why=())] * 499]
    engine = "cmd:" + "long " * 200
    answered(run, engine, Diagnosis(Verdict.FAULT, tuple(findings)))
    page = render_report([run], engines=[engine])
    assert "and 92 more." in page
    assert "and 497 more findings" in page
    assert len(page) < MAX_BYTES_A_RUN


def test_every_onset_is_on_the_timeline_and_many_are_counted(runs: list[RunDirectory], tmp_path: Path) -> None:
    run = copied(runs[0], tmp_path / "run")
    findings = [Finding(f"c{n}", "service", "k", 30.0 + n, 0.9 - n / 100) for n in range(40)]
    answered(run, "talkative", Diagnosis(Verdict.FAULT, tuple(findings)))
    text = Reader(render_report([run], engines=["talkative"])).text
    assert "talkative: c0, 30\N{NO-BREAK SPACE}s, 0.90" in text
    assert "talkative: c7, 37\N{NO-BREAK SPACE}s, 0.83" in text
    assert "talkative: 32 more, none more confident" in text
    assert "careful: orders->db, 31\N{NO-BREAK SPACE}s" in text


def test_runs_are_folded(page: str) -> None:
    folds = [attrs for tag, attrs in Reader(page).tags if tag == "details" and attrs.get("class") == "run"]
    assert len(folds) == 2
    assert not any("open" in attrs for attrs in folds)


def test_what_did_not_pass_comes_first_in_the_eyes_of_the_leading_engine() -> None:
    outcomes = {"a": Outcome.PASS, "b": Outcome.INCONCLUSIVE, "c": Outcome.FAIL, "d": Outcome.PASS}
    listed = [entry(name, 1, outcome) for name, outcome in outcomes.items()]
    listed.append(Entry(listed[0].run, {}, "ungraded"))
    listed.append(Entry(listed[0].run, {"e": listed[0].grades["e"], "other": listed[2].grades["e"]}, "passed"))
    assert [e.anchor for e in worst_first(listed, ["e", "other"])] == ["c-1", "b-1", "ungraded", "a-1", "passed", "d-1"]
    assert worst_first(listed, ["other", "e"])[0].anchor in ("c-1", "passed")


def test_only_the_pages_own_script_may_run(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_a_page_of_a_campaign_shows_only_the_engines_that_it_asked(runs: list[RunDirectory], tmp_path: Path) -> None:
    write_report(runs, tmp_path / "page.html", engines=["hasty"], only=True)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "hasty" in page
    assert "careful" not in page


def test_an_engine_that_blames_everything_alike_marks_nothing(tmp_path: Path) -> None:
    run = a_run(tmp_path, "cut-off", FAULTS, "A cut")
    everything = sorted(run.neighbours)
    blame = tuple(Finding(name, "network", "network-partition", 31.0, 0.1) for name in everything)
    answered(run, "chance", Diagnosis(Verdict.FAULT, blame))
    answered(run, "hasty", Diagnosis(Verdict.FAULT, blame[:1]))
    [entry] = entries([run])
    assert len(everything) > 3
    assert marks(entry, ["hasty", "chance"], run.truth()).blamed == {everything[0]: ("hasty",)}


def test_a_page_says_what_was_sampled_and_on_what_alerts_fired(tmp_path: Path) -> None:
    observe = "observe: {sampling: {traces: 10%, slow: 100ms, records: 20%}}"
    text = render_report([a_run(tmp_path, "sampled", f"{FAULTS}\n{observe}", "Sampled")]).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert "10 % of traces, and all that failed or took 100 ms" in text
    assert "20 % of features and predictions" in text
    assert "Each point of a line" not in text
    assert "its alert fired" in text


def test_parameters_are_told_with_the_units_that_the_scenario_gives(tmp_path: Path) -> None:
    slow = "faults: [{id: f1, type: network-latency, target: orders->db, at: 30s, for: 30s, with: {latency: 250ms}}]"
    text = render_report([a_run(tmp_path, "late", slow, "Late")])
    assert "latency 250ms" in text
    assert "latency 0.25" not in text


def test_what_people_did_is_on_the_timeline(runs: list[RunDirectory], tmp_path: Path) -> None:
    done = [
        {"at_s": 35.0, "remedy": "restart", "place": "db", "value": None},
        {"at_s": 45.0, "remedy": "scale-out", "place": "orders/workers", "value": 8},
    ]
    text = render_report([copied(runs[0], tmp_path / "run", actions=done)], engines=["careful"])
    assert "action: restart: db at 35 s; action: scale-out: orders/workers = 8 at 45 s" in Reader(text).text.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert text.count('class="mark action"') == 2 + 1, "two marks, and one in the legend"
    assert "mark action" not in render_report([runs[0]], engines=["careful"])
