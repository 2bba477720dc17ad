"""What a scenario says for people, checked against what is true of it: times, remedies, texts that tell too much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lab.errors import ParameterError, Problem, UserError
from lab.files.units import format_duration
from lab.files.yamlsource import Document, KeyPath, parse_yaml
from lab.injection.dry_run import pulls
from lab.injection.faults import fault_type
from lab.investigation.remedies import Remedy, check, remedy
from lab.scenario import FaultUse, LoadedScenario

Pulled = set[tuple[str, str]]
"""Levers and the places where they are pulled."""


def help_problems(loaded: LoadedScenario) -> list[Problem]:
    """What of `training` cannot be, each with its place in the file.

    The rooms that load scenarios know no remedies: whoever offers a scenario to people asks here.
    """
    document = parse_yaml(loaded.text, str(loaded.path))
    return [*_call(loaded, document), *_remedies(loaded, document), *_spoilers(loaded, document)]


def _call(loaded: LoadedScenario, document: Document) -> Iterator[Problem]:
    at_s, end_s = loaded.scenario.training.called_at_s, loaded.scenario.duration_s
    if at_s is not None and at_s >= end_s:
        what, seen = "the participant is called when all is over", format_duration(at_s)
        expected = f"a time before the end at {format_duration(end_s)}"
        hint = "call at a time from which there is something left to watch and to act on"
        yield document.problem(("training", "called_at"), what, seen=seen, expected=expected, hint=hint)


def _remedies(loaded: LoadedScenario, document: Document) -> Iterator[Problem]:
    scenario, first = loaded.scenario, dict[str, int]()
    given = scenario.training.remedies
    if given and not scenario.faults and scenario.degraded is None:
        what, seen = "nothing is wrong in a control, so nothing helps", f"{len(given)} of them"
        expected, hint = "no remedies where there are no faults", "take the remedies out"
        yield document.problem(("training", "remedies"), what, seen=seen, expected=expected, hint=hint)
        return
    for i, one in enumerate(given):
        at: KeyPath = ("training", "remedies", i)
        try:
            check(loaded.system, one.remedy, one.place, one.value)
        except UserError as error:
            where = (*at, error.parameter) if isinstance(error, ParameterError) else at
            for bad in error.problems:
                yield document.problem(where, bad.what, seen=bad.seen, expected=bad.expected, hint=bad.hint)
            continue
        same = first.setdefault(json.dumps([one.remedy, one.place, one.value]), i)
        if same != i:
            what, hint = "the same remedy is given twice", f"take one out: it is entry {same + 1} as well"
            yield document.problem(at, what, seen=f"{one.remedy} at {one.place}", expected="each once", hint=hint)
        elif scenario.faults and not _may_help(loaded, remedy(loaded.system, one.remedy), one.place):
            what = f"{one.remedy!r} at {one.place!r} changes nothing in this incident"
            expected = "a remedy that puts back what a fault changes"
            levers = {f"{lever} of {place}" for use in scenario.faults for lever, place in _pulled(loaded, use)}
            hint = f"the faults set {', '.join(sorted(levers))}; docs/remedies.md says which remedy puts which back"
            yield document.problem(at, what, seen=one.remedy, expected=expected, hint=hint)


def _may_help(loaded: LoadedScenario, chosen: Remedy, place: str) -> bool:
    """False for a remedy that only puts levers back, none of which a fault sets. Of others only a run can tell."""
    if chosen.pulls or chosen.acts or chosen.keys:
        return True
    rests = {lever.name for lever in chosen.rests}
    return any(
        lever in rests and chosen.covers(lever, at, place)
        for use in loaded.scenario.faults
        for lever, at in _pulled(loaded, use)
    )


def _pulled(loaded: LoadedScenario, use: FaultUse) -> Pulled:
    return set(pulls(fault_type(use.type), use.target, use.parameters, loaded.system))


def _spoilers(loaded: LoadedScenario, document: Document) -> Iterator[Problem]:
    """Title and topics are read before anything is known: neither the kind of a fault nor its target stands there."""
    training = loaded.scenario.training
    read: list[tuple[KeyPath, str]] = [(("training", "title"), training.title)]
    read += [(("training", "topics", i), topic) for i, topic in enumerate(training.topics)]
    for at, text in read:
        for use in loaded.scenario.faults:
            for told, what in ((use.type, "kind of fault"), (use.target, "target")):
                if _tells(text, told):
                    early = f"this tells the {what} before the incident is solved"
                    hint = "say what somebody on call notices, not what it is"
                    yield document.problem(at, early, seen=text, expected=f"text without {told!r}", hint=hint)


def _tells(text: str, told: str) -> bool:
    """Whether a text has a name as words of their own; of a link both ends."""
    return all(_has(text, word) for word in told.split("->"))


def _has(text: str, name: str) -> bool:
    words = r"[\s_-]+".join(map(re.escape, re.split(r"[\s_-]+", name)))
    return re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE) is not None
