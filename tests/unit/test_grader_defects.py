"""Defects found in published graders of root-cause analysis, by number; each test shows that ours does not have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graders.boundary import boundary
from graders.culprit import culprit
from graders.culprit_top_k import culprit_top_k
from graders.false_alarm import false_alarm
from graders.kind import kind
from graders.onset import onset
from lab.contracts import Boundary, Diagnosis, EngineFailure, Outcome, Verdict
from lab.engines import chance, constant
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.injection.faults import fault_types
from lab.judging.grading import grade
from lab.judging.statistics import Score, compare, summarise
from lab.recording.grades import verdict
from tests.engine_plugins import SYSTEM, install, write_observed
from tests.grading_cases import CRASH, ELEMENTS, HEALTHY, LINK, case, fault, finding, graded, says, use_signals

ROOT = Path(__file__).parents[2]
HASHED_TIE = """
from graders.culprit import culprit
from tests.grading_cases import ELEMENTS, case, fault, finding, says
named = set(ELEMENTS)
print(list(named))
print(culprit(case(says(*(finding(element, 0.5) for element in named)), fault())))
"""


@pytest.fixture
def observed(tmp_path):
    return write_observed(tmp_path / "runs" / "stale-cache" / "7-0a1b2c")


def test_1_ties_are_not_decided_by_hash_order():
    orders, grades = set(), set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        printed = subprocess.run(
            [sys.executable, "-c", HASHED_TIE], env=environment, capture_output=True, text=True, check=True
        )
        order, grade_text = printed.stdout.splitlines()
        orders.add(order)
        grades.add(grade_text)
    assert len(orders) > 1, "the hash seeds did not change the order, so this shows nothing"
    assert len(grades) == 1
    assert f"value={1 / len(ELEMENTS)}" in grades.pop()


def test_2_a_crashed_engine_fails_with_its_reason_and_stays_in_the_denominator():
    grades = grade(case(CRASH, fault()))
    assert verdict(grades) is Outcome.FAIL
    assert all(g.value == 0.0 and "out of tokens" in g.explanation for g in grades)
    values = {g.grader: g.value for g in grades}
    summary = summarise([Score("a", 1, 1.0), Score("b", 1, values["culprit"])])
    assert (summary.value, summary.n) == (0.5, 2)


def test_3_the_truth_does_not_leak_through_paths_or_neighbouring_files(observed, tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    install(site, monkeypatch)
    with EngineHost(EngineOptions(timeout_s=20)) as host:
        answers = [host.diagnose(name, observed) for name in ("tells", "lists")]
    told = " ".join("".join(a.findings[0].why) if isinstance(a, Diagnosis) else a.reason for a in answers)
    assert "observed/system.json" in told
    assert "stale-cache" not in told
    assert "faults.json" not in told


def test_4_a_fault_that_never_showed_is_no_case_for_or_against_anyone(monkeypatch):
    use_signals(monkeypatch, {})
    for answer in (HEALTHY, says(finding()), says(finding("model"))):
        grades = grade(case(answer, fault(witnessed_s=None)))
        assert {g.outcome for g in grades} == {Outcome.INCONCLUSIVE}
        summary = summarise([Score("a", 1, g.value) for g in grades if g.grader == "culprit"])
        assert (summary.value, summary.n, summary.inconclusive) == (None, 0, 1)


def test_5_the_onset_is_not_given_and_not_naming_it_fails(observed):
    seen = " ".join(path.read_text(encoding="utf-8") for path in observed.rglob("*") if path.is_file())
    assert "onset" not in seen
    assert graded(onset(case(says(finding(onset_s=None)), fault()))).value == 0.0


def test_6_chance_scores_exactly_one_over_the_number_of_choices(observed):
    answer = chance.diagnose(observed)
    kinds = [name for name, of in fault_types().items() if not of.is_decoy]
    elements = [*SYSTEM["components"], *SYSTEM["links"]]
    for element in elements:
        for name in kinds:
            for where in Boundary:
                truth = fault(culprit=element, kind=name, boundary=str(where))
                assert graded(culprit(case(answer, truth))).value == pytest.approx(1 / len(elements))
                assert graded(culprit_top_k(case(answer, truth))).value == pytest.approx(3 / len(elements))
                assert graded(boundary(case(answer, truth))).value == pytest.approx(1 / len(Boundary))
                assert graded(kind(case(answer, truth))).value == pytest.approx(1 / len(kinds))
    assert graded(false_alarm(case(answer))).outcome is Outcome.FAIL


def test_6_a_constant_answer_is_right_only_where_the_suite_gives_it_away(observed):
    answer = constant.diagnose(observed)
    assert [f.culprit for f in answer.findings] == ["ranker"]
    regressed = fault(culprit="ranker", kind="model-regression", boundary="model")
    assert graded(culprit(case(answer, regressed))).outcome is Outcome.PASS
    assert graded(culprit(case(answer, fault()))).outcome is Outcome.FAIL
    assert graded(false_alarm(case(answer))).outcome is Outcome.FAIL


def test_6_without_a_model_the_constant_answer_blames_the_first_service(tmp_path):
    components = {"web": {"kind": "service"}, "api": {"kind": "service"}, "a-store": {"kind": "database"}}
    (tmp_path / "system.json").write_text(
        json.dumps({"components": components, "links": {}, "duration_s": 100.0}), encoding="utf-8"
    )
    assert constant.diagnose(tmp_path).findings[0].culprit == "api"


def test_7_one_hit_in_ten_is_a_tenth_because_misses_count():
    right, wrong = says(finding()), says(finding("model"))
    values = [graded(culprit(case(answer, fault()))).value for answer in [right] + [wrong] * 9]
    assert summarise(Score(f"s{i}", 1, value) for i, value in enumerate(values)).value == 0.1


def test_7_repeats_of_a_case_are_no_further_cases():
    once = [Score(f"s{i}", 1, float(i % 2)) for i in range(6)]
    assert summarise(once * 10) == summarise(once)
    assert "6 cases of 6 scenarios" in str(summarise(once * 10))


def test_7_seeds_of_one_scenario_do_not_make_a_difference_significant():
    ours = {("only", seed): True for seed in range(20)}
    assert compare(ours, dict.fromkeys(ours, False)).clustered_p_value == 1.0


@pytest.mark.parametrize(("value", "printed"), [(1.0, "1.000 [0.954, 1.000]"), (0.0, "0.000 [0.000, 0.046]")])
def test_7_a_perfect_or_hopeless_score_is_never_printed_as_certain(value, printed):
    summary = summarise([Score(f"s{i}", seed, value) for i in range(8) for seed in range(10)])
    assert str(summary).startswith(printed)
    many = summarise([Score("s", seed, 1.0) for seed in range(20_000)])
    assert str(many).startswith("1.000 [0.999, 1.000]")


def test_8_vocabularies_are_closed_so_that_a_right_answer_has_one_spelling():
    answer = says(finding()).to_json()
    answer["findings"][0]["boundary"] = "networking"
    with pytest.raises(ValueError, match="expected one of data, model, service, network"):
        Diagnosis.from_json(answer)
    assert graded(boundary(case(says(finding(boundary="network")), fault()))).outcome is Outcome.PASS
    assert graded(kind(case(says(finding(kind="network partition")), fault()))).outcome is Outcome.FAIL
    assert set(graded(kind(case(says(finding()), fault()))).expected.split()) <= set(fault_types())


def test_8_an_end_of_the_guilty_link_is_told_apart_from_a_wild_guess():
    near = graded(culprit(case(says(finding("features")), fault())))
    wild = graded(culprit(case(says(finding("cache")), fault())))
    assert near.value == wild.value == 0.0
    assert "near: features touches the guilty features->db" in near.explanation
    assert "near" not in wild.explanation


def test_9_no_answer_scores_over_one_however_often_it_names_the_culprit():
    flood = says(*(finding(LINK, 0.9, onset_s=onset_s) for onset_s in range(230, 260)))
    both = (fault(), fault(id="f2", culprit="cache"))
    assert graded(culprit(case(flood, fault()))).value == 1.0
    assert graded(culprit(case(flood, *both))).value == 0.5


@pytest.mark.parametrize(
    "answer", [says(verdict=Verdict.UNSURE), says(finding(), verdict=Verdict.UNSURE), EngineFailure("timed out")]
)
def test_9_unknown_is_never_success(answer):
    assert verdict(grade(case(answer, fault()))) is Outcome.FAIL
    assert verdict(grade(case(answer))) is Outcome.FAIL
    assert verdict([]) is Outcome.INCONCLUSIVE
