"""The debrief: the truth beside an answer, when it could be seen, what was done, and what came of it. As JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from lab.contracts import Diagnosis, EngineFailure, Outcome, TrueFault, Truth, Verdict
from lab.injection.faults import fault_type
from lab.investigation import aftermath
from lab.investigation.aftermath import number
from lab.investigation.chronicle import changes_told, chronicle
from lab.investigation.control import Control, control_of
from lab.investigation.detection import detection
from lab.investigation.evidence import cited_by, evidence, first_effects, monitoring, pieces_of
from lab.investigation.exercises import Exercise
from lab.investigation.judging import judged, person
from lab.investigation.outcomes import Course, all_over_s, courses_of, judged_actions, mended_s, outcomes
from lab.investigation.recordings import ENGINES, REFERENCE
from lab.investigation.scoring import FORMULA, score
from lab.investigation.suspicions import suspicions
from lab.investigation.told import Json, Record, Told, fault_name
from lab.investigation.twins import twins_of
from lab.judging.assess import Assessment, assess
from lab.recording.costs import amounts
from lab.recording.rundir import RunDirectory, engine_slug, read_kept, write_json
from lab.signals.catalogue import spec_of
from lab.signals.windows import levels
from lab.systems.topology import System

MOST_MOVED = 12
YOU = "you"
ROLES = {YOU: "you", REFERENCE: "reference"}
"""Of who answers; all others are floors."""
SESSIONS = "sessions"
"""The folder of a recording in which sessions are kept."""


def debrief(run: RunDirectory, acted: RunDirectory | None, exercise: Exercise, record: Record | None = None) -> Json:
    """All that a participant is told after the answer.

    `run` is the exercise's recording, `acted` the one with the participant's actions, if there were any: the answer is
    judged on that, and kept with it. `record` is what was done in the session; None for a recording nobody worked on.
    All that it tells is of the run that was lived through, with the actions; what the run without them had is told
    under names that say so. `is_compared` says whether there is a run without the faults to compare with.
    Raises what `lab.investigation.judging.judged` raises.
    """
    as_it_was = Told.of(run)
    told = Told.of(acted) if acted is not None else as_it_was
    control = control_of(run, exercise.scenario)
    before = twins_of(run, exercise.scenario, control)
    twins = before if acted is None else twins_of(acted, exercise.scenario, control)
    if twins is not None and told.run.actions:
        told = told.as_lived(twins.without)
    truth, end_s = told.truth, told.observed.end_s
    onset_s = told.onset_s
    answers = [*_own(told.run, exercise, record), *_engines(as_it_was.run, is_other=acted is not None)]
    done = _done(told.run, exercise.scenario.system, record)
    is_alone = acted is None and bool(done)  # nothing tells how it would have gone on without them
    courses = courses_of(as_it_was, told, control, before, twins) if control is not None else None
    actions = _actions(done, courses, end_s, is_alone=is_alone)
    became = outcomes(courses or [], actions, end_s, is_alone=is_alone)
    pieces = pieces_of(told, cited_by(as_it_was.run, REFERENCE))
    seen = evidence(told, pieces, record)
    shown_s = first_effects(truth.faults, seen)
    own = answers[0] if record and record.get("answer") else None
    return {
        "exercise": {"id": exercise.id, "title": exercise.title, "level": exercise.level,
                     "topics": list(exercise.topics), "system": exercise.system,
                     "what": exercise.scenario.scenario.title},
        "participant": record["participant"] if record else None,
        "truth": {**_truth(truth, exercise, shown_s), "changes": changes_told(told, exercise)},
        "timeline": chronicle(told, exercise, record, done, shown_s, became),
        "answers": answers,
        "effects": [_effects(told, fault, as_it_was if acted is not None else None) for fault in truth.faults],
        "series": aftermath.courses(
            _shown(as_it_was), told.signals if acted is not None else None, as_it_was.signals, control
        ),
        "evidence": seen,
        "actions": actions,
        "outcomes": became,
        "helps": _helps(exercise, exercise.scenario.system),
        "times": _times(onset_s, told, became, seen, record),
        "costs": _costs(as_it_was, told, control, record, is_alone=is_alone),
        "is_compared": control is not None,
        "monitoring": monitoring(
            told, control, pieces, as_it_was if acted is not None else None, all_over_s(became)
        ),
        "detection": detection(told, control, seen, record),
        "suspicions": suspicions(told, exercise, answers, record),
        "score": {**own["score"], "formula": FORMULA} if own else None,
        "calibration": calibration_of(own) if own else None,
        "end_s": end_s,
    }  # fmt: skip


# The truth, and the answers beside it.


def _truth(truth: Truth, exercise: Exercise, shown_s: Mapping[str, float | None]) -> Json:
    """What was true; of each fault's parameters those that its scenario gives, as it gives them."""
    found = truth.to_json()
    given = {use.id: dict(use.given) for use in exercise.scenario.scenario.faults}
    for fault in found["faults"]:
        fault["doc"] = fault_type(fault["kind"]).doc.partition("\n")[0]
        fault["parameters"] = given.get(fault["id"], fault["parameters"])
        fault["first_effect_s"] = shown_s[fault["id"]]
    return {key: found[key] for key in ("faults", "decoys", "degraded")}


def _own(run: RunDirectory, exercise: Exercise, record: Record | None) -> Iterator[Json]:
    """The participant's answer, judged and kept with the recording."""
    if record is None:  # of whoever answered on the command line
        yield from (_answer(who, assess(run, who), 0) for who in run.engines() if who.startswith(person("")))
    elif record.get("answer"):
        case = judged(run, Diagnosis.from_json(record["answer"]), name_of(record))
        _keep(run, record)
        spent = sum(exercise.hints[hint["number"]].cost for hint in record["hints"])
        yield {**_answer(YOU, case, spent), "kept_as": person(name_of(record))}


def _keep(run: RunDirectory, record: Record) -> None:
    """Keeps a session with the recording that its answer was judged on, for `lab postmortem`."""
    with suppress(OSError):  # an archive that is only read
        write_json(run.path / SESSIONS / f"{engine_slug(name_of(record))}.json", record)


def records(run: RunDirectory) -> list[Record]:
    """The sessions that are kept with a recording, in the order in which they were answered."""
    files = (run.path / SESSIONS).glob("*.json")
    read = [(file.stat().st_mtime_ns, read_kept(file, dict[str, Any])) for file in files]
    return [record for _, record in sorted(read, key=lambda one: one[0])]


def name_of(record: Record) -> str:
    """The name under which a session's answer is kept with its recording: no two sessions share one."""
    return f"{record['participant'] or YOU} {str(record['id'])[:6]}"


def _engines(run: RunDirectory, *, is_other: bool) -> Iterator[Json]:
    """What engines answered: on the run without actions, for they do nothing (`is_other`: the participant did)."""
    for engine in ENGINES:
        if run.diagnosis(engine) is not None:
            yield {**_answer(engine, assess(run, engine), 0), "without_actions": is_other}


def _answer(who: str, case: Assessment, hints: int) -> Json:
    answer = case.answer
    if isinstance(answer, EngineFailure):
        said: Json = {"verdict": "no answer", "findings": [], "failure": answer.reason}
    else:
        said = {key: answer.to_json()[key] for key in ("verdict", "findings")}
    grades = [
        {"axis": one.grader, "outcome": str(one.outcome), "value": number(one.value), "answer": one.answer,
         "expected": one.expected, "why": one.explanation}
        for one in case.grades
    ]  # fmt: skip
    return {"who": who, "role": ROLES.get(who, "floor"), "without_actions": False, **said,
            "grades": grades, "outcome": str(case.outcome),
            "score": score(case.grades, hints).to_json()}  # fmt: skip


def calibration_of(answer: Mapping[str, Any]) -> Json | None:
    """How sure an answer was, and whether it was right; None where it named no cause."""
    if answer["verdict"] != Verdict.FAULT or answer["outcome"] == Outcome.INCONCLUSIVE:
        return None
    confidence = max(finding["confidence"] for finding in answer["findings"])
    is_right = answer["outcome"] == Outcome.PASS
    return {"confidence": confidence, "is_right": is_right, "brier": number((confidence - is_right) ** 2)}


# What the faults did, and when that could be seen.


def _effects(told: Told, fault: TrueFault, as_it_was: Told | None) -> Json:
    """What a fault moved in the run that was lived; `as_it_was`: the one without the actions, None if none were."""
    moved = []
    untouched = as_it_was.run.effects().get(fault.id, []) if as_it_was is not None else []
    reached = {(one["signal"], one["subject"]): one["with"] for one in untouched}
    for effect in told.run.effects().get(fault.id, [])[:MOST_MOVED]:
        key = effect["signal"], effect["subject"]
        series = told.signals.get(*key)
        known = series and levels(series.times_s, series.values, (fault.injected_s, fault.reverted_s))
        spec = spec_of(effect["signal"])
        told_of = {"unit": spec.unit, "doc": spec.doc, "before": number(known.before) if known else None}
        moved.append({**effect, **told_of, "without_actions": reached.get(key)})
    return {"fault": fault_name(fault), "id": fault.id, "moved": moved}


def _shown(told: Told) -> list[tuple[str, str]]:
    """The signals whose course is shown: those of objectives, then what shows each fault first."""
    slis = [str(slo["sli"]) for slo in told.observed.system["slos"]]
    names = [(sli, subject) for sli in dict.fromkeys(slis) for subject in told.signals.subjects(sli)]
    for fault in told.truth.faults:
        names += [(one["signal"], one["subject"]) for one in told.run.effects().get(fault.id, [])[:2]]
    return list(dict.fromkeys(names))


# What was done about it.


def _done(run: RunDirectory, system: System, record: Record | None) -> list[Json]:
    """What was done: as the session has it, else as the recording has it, of which no session may be kept."""
    from lab.investigation.remedies import remedies

    if record and record["actions"]:
        return list(record["actions"])
    titles = {remedy.name: remedy.title for remedy in remedies(system)} if run.actions else {}
    return [
        {"value": None, **one, "id": str(i), "done_s": one["at_s"], "title": titles.get(one["remedy"], one["remedy"])}
        for i, one in enumerate(run.actions)
    ]


def _actions(actions: list[Json], courses: Sequence[Course] | None, end_s: float, *, is_alone: bool) -> list[Json]:
    """What was done, with what it did to each fault."""
    if not actions or (courses is not None and not is_alone):
        return judged_actions(actions, courses or [], end_s)
    why = "There is no recording without the actions to compare with."
    if courses is None:
        why = "This lab cannot make the same run again to compare with."
    return [{**one, "helped": None, "why": why, "before": None, "after": None, "faults": []} for one in actions]


def _costs(
    as_it_was: Told, told: Told, control: Control | None, record: Record | None, *, is_alone: bool
) -> list[Json]:
    """What it cost, and what the actions saved: None where the recording without them is not there (`is_alone`)."""
    if control is None:
        return []
    answered_s = (record or {}).get("answered_at_s")
    found = aftermath.costs(amounts(as_it_was.observed), amounts(told.observed), control, answered_s)
    return [{**one, "saved": None} for one in found] if is_alone else found


def _helps(exercise: Exercise, system: System) -> list[Json]:
    from lab.investigation.remedies import remedies

    known = {remedy.name: remedy for remedy in remedies(system)}
    return [
        {"remedy": help.remedy, "place": help.place, "value": help.value,
         "title": known[help.remedy].title if help.remedy in known else help.remedy}
        for help in exercise.scenario.scenario.training.remedies
    ]  # fmt: skip


def _times(
    onset_s: float | None, told: Told, became: Sequence[Json], seen: Sequence[Json], record: Record | None
) -> Json:
    """When the fault began, and the participant was called (scenario seconds); how long it took from the later of them.

    Until it was noticed (an alert, a look at what tells of it, something done about it), answered, and every fault was
    over, one at least by what was done; None for never.
    """
    record = record or {}
    called_s = float(record.get("start_s") or 0.0)
    answered_s = record.get("answered_at_s")
    if onset_s is None:
        return {"onset_s": None, "called_s": called_s, "answered_at_s": number(answered_s),
                "detect_s": None, "diagnose_s": None, "mitigate_s": None}  # fmt: skip
    from_s = max(onset_s, called_s)
    noticed = [one["looked_s"] for one in seen if one["looked_s"] is not None]
    noticed += [max(one["at_s"], onset_s) for one in record.get("actions", ()) if one["done_s"] > onset_s]
    alert_s = told.first_alert_s(onset_s)
    noticed += [alert_s] if alert_s is not None and (answered_s is None or alert_s <= answered_s) else []
    noticed += [answered_s] if answered_s is not None else []
    after = {"detect_s": min(noticed, default=None), "diagnose_s": answered_s, "mitigate_s": mended_s(became)}
    names = {"detect_s": "noticed_at_s", "diagnose_s": "answered_at_s", "mitigate_s": "mended_at_s"}
    return {
        **{names[key]: number(at_s) for key, at_s in after.items()},
        "onset_s": number(onset_s),
        "called_s": number(called_s),
        **{name: None if at_s is None else number(max(0.0, at_s - from_s)) for name, at_s in after.items()},
    }
