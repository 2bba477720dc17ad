"""What became of each fault: whether an action helped against it, when it was over, and whether by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.contracts import TrueFault
from lab.investigation.aftermath import MENDED, Left, left, number
from lab.investigation.control import Control
from lab.investigation.told import Json, Told, fault_name
from lab.investigation.twins import Twins

HELPED = 0.3
"""Share of a fault's effect by which less must be left after an action than would be without it."""
LEAST_EFFECT = 0.1
"""Share of a fault's effect from which on it can be told how much of it earlier actions left."""
SAME_INTERVALS = 2
"""Intervals by which a fault must be over earlier than without any action where actions are said to have ended it."""
SAME_MOMENT_S = 1e-3
"""Apart at most: a fault that is put back then is put back by what was done then."""
TOO_LITTLE = "There was too little time before or after it to tell."
ALL, NONE = 0.995, 0.005
"""Shares of an effect from which on, and up to which, it is told as all or none of it."""


@dataclass(frozen=True)
class Course:
    """One fault in the run that a participant lived through, and in the same run without the actions (`untouched`).

    Both are the same where nothing was done. `lived` counts harm that actions do as left of the fault, `own` does not:
    it is what the fault does beside what was done. `ends_s`: when it would have been put back without any action.
    """

    fault: TrueFault
    ends_s: float
    lived: Left
    untouched: Left
    own: Left

    def is_put_back_by(self, action: Mapping[str, Any]) -> bool:
        """Whether an action put the fault itself back, before it would have been; its effects may last longer."""
        is_then = abs(self.fault.reverted_s - float(action["done_s"])) < SAME_MOMENT_S
        return is_then and self.fault.reverted_s < self.ends_s - SAME_MOMENT_S


def courses_of(
    as_it_was: Told, told: Told, control: Control, before: Twins | None, twins: Twins | None
) -> list[Course] | None:
    """The course of each fault; None where this lab cannot tell them apart.

    `before` are the twins of the run without actions (`as_it_was`), `twins` those of the run that was lived (`told`).
    """
    if before is None or twins is None:
        return None
    ends = {fault.id: fault.reverted_s for fault in as_it_was.truth.faults}
    moved = as_it_was.run.effects()
    found = []
    for fault in told.truth.faults:
        mine, plain = (
            left(one.signals, control, moved.get(fault.id, ()), made.without[fault.id], made.healthy)
            for one, made in ((told, twins), (as_it_was, before))
        )
        beside = twins.without[fault.id]
        own = left(told.signals, Control(beside, ()), moved.get(fault.id, ()), beside, beside)
        found.append(Course(fault, ends.get(fault.id, fault.reverted_s), mine, plain, own))
    return found


def judged_actions(actions: Sequence[Mapping[str, Any]], courses: Sequence[Course], end_s: float) -> list[Json]:
    """Each action with what it did: `helped` where it brought back the effects of some fault, and `why`.

    `faults` tells it of each fault that went on then: `helped` and `worse` (None: no telling) and the share of its
    effect `before` and after it, and `anyway`, without any action; `before` and `after` of the action itself are of the
    fault that it changed most.
    """
    found: list[Json] = []
    mended: set[str] = set()
    for i, action in enumerate(actions):
        going_on = [course for course in courses if course.fault.injected_s < action["done_s"]]
        told = [_did(course, i, actions, course.fault.id in mended, end_s) for course in going_on]
        mended |= {one["id"] for one in told if one["helped"]}
        found.append({**action, **_as_a_whole(told, has_faults=bool(courses)), "faults": told})
    return found


def _did(course: Course, i: int, actions: Sequence[Mapping[str, Any]], is_mended: bool, end_s: float) -> Json:
    """What one action did to one fault; `is_mended`: an earlier one helped against it.

    What would be left without it is what is left without any action, times the share that earlier actions had left of
    it by then. It is asked in the later half of the time to the next action, or until the fault is put back by itself,
    so that what rolls or refills has come to rest.
    """
    fault, begins = course.fault, [float(action["done_s"]) for action in actions]
    is_put_back = course.is_put_back_by(actions[i])
    done_s, is_over = begins[i], course.ends_s <= begins[i]
    since_s = max(fault.injected_s, begins[i - 1] if i else 0.0)
    until_s = min([end_s if is_over else course.ends_s, *begins[i + 1 : i + 2]])
    window = (done_s + until_s) / 2, until_s
    # Of the run without actions where nothing was done before: what ripens later is not told by what was done.
    before = (course.lived if i else course.untouched).between(since_s, done_s)
    after, anyway = course.lived.between(*window), course.untouched.between(*window)
    told: Json = {
        "id": fault.id, "fault": fault_name(fault),
        "before": number(before), "after": number(after), "anyway": number(anyway),
    }  # fmt: skip
    earlier = _left_by_earlier(course, since_s, done_s, is_mended) if i else 1.0
    if after is None or anyway is None or earlier is None:
        if is_put_back:  # there is no need to measure what ended it
            told_after = "" if after is None else f" Afterwards there was {_share(after)} of its effect."
            return {**told, "helped": True, "worse": False, "why": f"It put the fault itself back.{told_after}"}
        return {**told, "helped": None, "worse": None, "why": TOO_LITTLE}
    gain = anyway * earlier - after
    ended = "It put the fault itself back. " if is_put_back else ""
    if is_put_back and after > MENDED:
        ended += "What the fault had done by then lasted longer. "
    why = f"{ended}Afterwards there was {_share(after)} of the fault's effect, {_beside(after, anyway)}."
    if is_over:
        why = f"{why} It was over by then without any action."
    elif is_mended and earlier < MENDED and abs(gain) < HELPED:
        why = "It was mended by then."
    elif -gain >= HELPED:
        why = f"{why} It made it worse."
    return {**told, "helped": gain >= HELPED, "worse": -gain >= HELPED, "why": why}


def _share(share: float) -> str:
    """A share of an effect in words: what varies by itself may be beyond the whole, which is told as all of it."""
    return "all" if share >= ALL else "nothing" if share <= NONE else f"{share:.0%}"


def _beside(after: float, anyway: float) -> str:
    """What there would have been without any action; how many times less is left where both are all of it."""
    if after >= ALL and anyway > after:
        return f"{after / anyway:.0%} of what there would have been without any action"
    return f"and without any action there would have been {_share(anyway)}"


def _left_by_earlier(course: Course, begins_s: float, done_s: float, is_mended: bool) -> float | None:
    """The share of what would be there without any action that there was when something was done; None: no telling."""
    for since_s in ((begins_s + done_s) / 2, begins_s):
        mine, plain = (one.between(since_s, done_s) for one in (course.lived, course.untouched))
        if mine is not None and plain is not None:
            if plain < LEAST_EFFECT:  # nothing of it had shown by then
                return 0.0 if is_mended else 1.0
            return min(max(mine / plain, 0.0), 1.0)
    return None


def _as_a_whole(told: Sequence[Json], *, has_faults: bool) -> Json:
    if not has_faults:
        return {"helped": False, "why": "There was nothing to mend.", "before": None, "after": None}
    if not told:
        return {"helped": False, "why": "Nothing was wrong yet when it was done.", "before": None, "after": None}
    most = max(told, key=lambda one: (bool(one["helped"]), (one["anyway"] or 0.0) - (one["after"] or 0.0)))
    helped = True if most["helped"] else None if any(one["helped"] is None for one in told) else False
    each = [f"Against {one['fault']} {_verdict(one)} {one['why']}" for one in told]
    why = most["why"] if len(told) == 1 else " ".join(each)
    return {"helped": helped, "why": why, "before": most["before"], "after": most["after"]}


def _verdict(one: Json) -> str:
    return {True: "it helped.", False: "it did not help.", None: "there is no telling."}[one["helped"]]


def outcomes(
    courses: Sequence[Course], actions: Sequence[Mapping[str, Any]], end_s: float, *, is_alone: bool
) -> list[Json]:
    """When each fault was put back and when its effects were over, and whether `by` actions or by itself.

    A fault whose effects were too small to be measured is over when it is put back. `is_alone`: the run without the
    actions is not there, so that nothing tells which.
    """
    found = []
    for course in courses:
        fault = course.fault
        helped = [float(one["done_s"]) for one in actions if any(at["helped"] for at in _of(one, fault.id))]
        # Where nothing helped, whatever was broken besides must not pass for a cure.
        left_of_it = course.own if helped else course.lived
        over_s = _over_s(left_of_it, fault.injected_s, fault.reverted_s, end_s)
        untouched_s = _over_s(course.untouched, fault.injected_s, course.ends_s, end_s)
        by = None if over_s is None or is_alone else "itself"
        done = helped or [float(one["done_s"]) for one in actions]
        if over_s is not None and done and _is_earlier(course, over_s, untouched_s):
            by, over_s = "actions", max(over_s, min(done))  # gone before it could grow
        found.append({
            "id": fault.id, "fault": fault_name(fault), "injected_s": number(fault.injected_s),
            "ended_s": number(fault.reverted_s) if fault.reverted_s < end_s else None, "over_s": number(over_s),
            "by": by, "put_back_by": "actions" if any(map(course.is_put_back_by, actions)) else None,
            "without_actions_over_s": number(untouched_s),
        })  # fmt: skip
    return found


def _of(action: Mapping[str, Any], fault: str) -> list[Json]:
    return [one for one in action.get("faults", ()) if one["id"] == fault]


def _over_s(share: Left, injected_s: float, ends_s: float, end_s: float) -> float | None:
    if np.isnan(share.share).all():
        return ends_s if ends_s < end_s else None
    return share.mended_s(injected_s)


def _is_earlier(course: Course, over_s: float, untouched_s: float | None) -> bool:
    times_s = course.lived.times_s
    interval_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.0
    return untouched_s is None or over_s < untouched_s - SAME_INTERVALS * interval_s


def all_over_s(found: Sequence[Mapping[str, Any]]) -> float:
    """When every fault was over; infinite where one was not: what comes later is no trace of the incident."""
    over_s = [one["over_s"] for one in found]
    return math.inf if not over_s or None in over_s else max(map(float, over_s))


def mended_s(found: Sequence[Mapping[str, Any]]) -> float | None:
    """When every fault was over, one at least by what people did; None for never."""
    over_s = all_over_s(found)
    return over_s if over_s < math.inf and any(one["by"] == "actions" for one in found) else None
