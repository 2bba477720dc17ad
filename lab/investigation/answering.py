"""From what somebody submits to a diagnosis: what they left out is filled in from what they could see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lab.contracts import Diagnosis, DiagnosisError
from lab.errors import UserError
from lab.investigation.judging import boundary_of, cited, unknown_names, untimely
from lab.investigation.queries.asking import QueryError
from lab.investigation.view import View
from lab.systems.calendar import Calendar
from lab.systems.moments import moment_s


def diagnosis(view: View, at_s: float, given: Mapping[str, Any], until_s: float | None = None) -> Diagnosis:
    """A diagnosis from its JSON, in which `boundary`, and the levels of evidence, may be left out.

    `onset`, in place of `onset_s`, is a time as people write it (`lab.systems.moments`). A boundary is then that of the
    kind; levels are those of the signal before the onset and from there to `until_s` (of the evidence, else this one,
    else `at_s`), as it was seen at `at_s`. QueryError for what is no diagnosis of this system.
    """
    end_s = at_s if until_s is None else min(until_s, at_s)
    findings = [_finding(view, at_s, end_s, dict(finding)) for finding in given.get("findings", ())]
    try:
        found = Diagnosis.from_json({**given, "findings": findings})
    except DiagnosisError as error:
        raise QueryError(
            "not a diagnosis", seen=str(error), expected="as docs/schema/diagnosis.v1.json has it"
        ) from error
    described = view.system(at_s)
    for problem in unknown_names(found.findings, {*described["components"], *described["links"]}):
        raise QueryError.of(problem)
    return found


def _finding(view: View, at_s: float, end_s: float, finding: dict[str, Any]) -> dict[str, Any]:
    calendar, written = Calendar.recorded(view.whole.system), finding.pop("onset", None)
    if written is not None:
        if finding.get("onset_s") is not None:
            raise QueryError("an onset twice", seen="onset and onset_s", expected="one of them")
        try:
            finding["onset_s"] = moment_s(str(written), calendar, view.end_s)
        except UserError as error:
            raise QueryError.of(error.problems[0]) from error
    for problem in untimely(finding.get("onset_s"), view.end_s, calendar):
        raise QueryError.of(problem)
    try:
        if finding.get("boundary") is None:
            finding["boundary"] = boundary_of(str(finding.get("kind")))
        finding["evidence"] = [_evidence(view, at_s, end_s, finding, dict(one)) for one in finding.get("evidence", ())]
    except UserError as error:
        raise QueryError.of(error.problems[0]) from error
    return finding


def _evidence(view: View, at_s: float, end_s: float, finding: Mapping[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    until_s = one.pop("until_s", None)
    if one.get("baseline") is not None and one.get("observed") is not None:
        return one
    onset_s = finding.get("onset_s")
    if onset_s is None:
        expected = "an onset, or both levels"
        raise QueryError("evidence without levels, of a finding without an onset", expected=expected)
    found = cited(
        view.signals(at_s),
        str(one.get("signal")),
        str(one.get("subject")),
        float(onset_s),
        _until(until_s, end_s, onset_s),
    )
    return {"signal": found.signal, "subject": found.subject, "baseline": found.baseline, "observed": found.observed}


def _until(given_s: float | None, end_s: float, onset_s: float) -> float:
    """Where the time after an onset ends: what was given, else the usual end, if that is not before the onset."""
    return float(given_s) if given_s is not None else end_s if end_s > onset_s else math.inf
