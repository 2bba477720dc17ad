"""Results as JUnit XML, which CI systems show: a suite for each graded case, a test for each axis and threshold."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from lab.cli.console import escaped
from lab.cli.texts import case_texts
from lab.contracts import EngineFailure, Grade, Outcome
from lab.files.fileio import write_file
from lab.judging.assess import Assessment
from lab.recording.grades import DECIDING
from lab.runs.campaign import Campaign, JobResult, ThresholdResult

_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def write_junit(campaign: Campaign, path: Path, name: str) -> None:
    """Writes a campaign's results; `name` is the suite's, or the command's where there is none."""
    document = JUnitXml(_xml(name))
    for result in campaign.results:
        for case in result.assessments:
            document.append(_case_suite(case))
        if result.problem:
            document.append(_problem_suite(result))
    if campaign.thresholds:
        document.append(_suite(f"{name} thresholds", [_threshold(limit) for limit in campaign.thresholds]))
    document.update_statistics()
    # The library writes to a path of its own; the lab's writer knows devices, links and full disks.
    with tempfile.TemporaryDirectory(prefix="lab-junit-") as folder:
        made = Path(folder) / "results.xml"
        document.write(str(made), pretty=True)
        write_file(path, made.read_bytes())


def _suite(name: str, cases: list[TestCase]) -> TestSuite:
    suite = TestSuite(_xml(name))
    for case in cases:
        suite.add_testcase(case)
    suite.update_statistics()
    return suite


def _case_suite(case: Assessment) -> TestSuite:
    suite = _suite(case.scenario, list(_axes(case)))
    properties = {
        "seed": str(case.seed), "engine": case.engine, "isolation": case.isolation.by,
        "observability": case.observability, "run": case.path,
    }  # fmt: skip
    for key, value in properties.items():
        suite.add_property(key, _xml(value))
    for read in case.isolation.reads:
        suite.add_property("engine_read", _xml(read))
    return suite


def _axes(case: Assessment) -> Iterator[TestCase]:
    """A test case for each axis that applied. Without times: they would tell of the machine."""
    answered, true = case_texts(case)
    answer = f"answer: {answered}\ntruth: {true}\n"
    for grade in case.grades:
        test = TestCase(_xml(grade.grader), _xml(f"{case.scenario}.seed {case.seed}.{case.engine}"))
        result = _judged(case, grade)
        if result is not None:
            kind, message = result
            test.result = [_result(kind, message, answer + message)]
        yield test


def _judged(case: Assessment, grade: Grade) -> tuple[type[Any], str] | None:
    """How an axis that did not pass is shown. One that does not decide the case fails no build."""
    if grade.outcome is Outcome.PASS:
        return None
    decides = grade.grader in DECIDING
    if isinstance(case.answer, EngineFailure):
        return (Error if decides else Skipped), f"no answer: {case.answer.reason}"
    why = f"answered {grade.answer}, expected {grade.expected}; {grade.explanation}"
    if grade.outcome is Outcome.INCONCLUSIVE:
        return Skipped, f"inconclusive: {why}"
    return (Failure, why) if decides else (Skipped, f"wrong, on an axis that does not decide a case: {why}")


def _problem_suite(result: JobResult) -> TestSuite:
    test = TestCase("run", _xml(f"{result.scenario}.seed {result.seed}"))
    kind = Skipped if result.is_inconclusive else Error
    test.result = [_result(kind, "not graded", result.problem)]
    suite = _suite(result.scenario, [test])
    suite.add_property("seed", str(result.seed))
    return suite


def _threshold(limit: ThresholdResult) -> TestCase:
    test = TestCase(_xml(f"{limit.engine}: {limit.threshold}"), "thresholds")
    measured = "engine was not asked" if limit.measured is None else f"measured {limit.measured}"
    if limit.holds is not True:
        test.result = [_result(Skipped if limit.holds is None else Failure, measured, measured)]
    return test


def _result(kind: type[Any], message: str, text: str) -> Any:
    result = kind(_xml(message))
    result.text = _xml(text)
    return result


def _xml(text: str) -> str:
    """Text without the characters that XML cannot hold, even escaped."""
    return _NO_XML.sub("\ufffd", escaped(text))
