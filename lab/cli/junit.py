"""Results as JUnit XML, which CI systems show: a test case for each graded case, and for each threshold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as Xml

from lab.assess import Assessment
from lab.campaign import Campaign, JobResult, ThresholdResult
from lab.cli.console import escaped
from lab.cli.texts import answer_text, truth_text
from lab.contracts import Outcome
from lab.fileio import write_file
from lab.grading import DECIDING

_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_ELEMENTS = {Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "skipped"}


def write_junit(campaign: Campaign, path: Path, name: str) -> None:
    """Writes a campaign's results; `name` is the suite's, or the command's where there is none."""
    root = Xml.Element("testsuites", name=name)
    cases = Xml.SubElement(root, "testsuite", name=name)
    for result in campaign.results:
        for case in result.assessments:
            _add_case(cases, case)
        if result.problem:
            _add_problem(cases, result)
    _count(cases)
    if campaign.thresholds:
        limits = Xml.SubElement(root, "testsuite", name=f"{name} thresholds")
        for limit in campaign.thresholds:
            _add_threshold(limits, limit)
        _count(limits)
    Xml.indent(root)
    write_file(path, Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _add_case(suite: Xml.Element, case: Assessment) -> None:
    test = _test(suite, case.scenario, f"seed {case.seed} {case.engine}")
    if case.outcome in _ELEMENTS:
        deciding = [g for g in case.grades if g.grader in DECIDING and g.outcome is case.outcome]
        why = [f"{g.grader}: said {g.answer}, expected {g.expected}; {g.explanation}" for g in deciding]
        said = [f"said: {answer_text(case.answer)}", f"truth: {truth_text(case.truth)}"]
        _tell(test, _ELEMENTS[case.outcome], why[:1], [*said, *why])


def _add_problem(suite: Xml.Element, result: JobResult) -> None:
    element, said = ("skipped", "inconclusive") if result.is_inconclusive else ("error", "not graded")
    _tell(_test(suite, result.scenario, f"seed {result.seed}"), element, [said], [result.problem])


def _add_threshold(suite: Xml.Element, limit: ThresholdResult) -> None:
    test = _test(suite, "thresholds", f"{limit.engine}: {limit.threshold}")
    measured = "engine was not asked" if limit.measured is None else f"measured {limit.measured}"
    if limit.holds is not True:
        _tell(test, "skipped" if limit.holds is None else "failure", [measured], [measured])


def _test(suite: Xml.Element, group: str, name: str) -> Xml.Element:
    return Xml.SubElement(suite, "testcase", classname=_xml(group), name=_xml(name))


def _tell(test: Xml.Element, element: str, message: Iterable[str], lines: Iterable[str]) -> None:
    told = Xml.SubElement(test, element, message=_xml("".join(message)))
    told.text = _xml("\n".join(lines))


def _count(suite: Xml.Element) -> None:
    suite.set("tests", str(len(suite)))
    for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{element}"))))


def _xml(text: str) -> str:
    """Text without the characters that XML cannot hold, even escaped."""
    return _NO_XML.sub("\ufffd", escaped(text))
