"""How an incident was noticed, or what only looked like one, as the lines of a post-mortem."""

from __future__ import annotations

from collections.abc import Iterator

from lab.investigation.retold import At, escaped
from lab.investigation.suspicions import told_level
from lab.investigation.told import Json

NOTICED = {
    "alert": "An alert noticed it first",
    "check": "A check or failure of the system's own noticed it first",
    "people": "People noticed it first",
    "nobody": "Nobody noticed it",
}


def detected(debrief: Json, at: At) -> Iterator[str]:
    """When it began and was noticed, by whom, and why so late; of a control what looked suspicious."""
    times, found = debrief["times"], debrief["detection"]
    if found is None:
        yield from _suspicions(debrief, at)
        return
    alert_s = debrief["monitoring"]["first_alert_s"]
    fired = "No alert fired" if alert_s is None else f"The first alert fired at {at(alert_s, is_end=True)}"
    yield f"The incident began at {at(times['onset_s'])}. {fired}.{_would_fire(debrief['monitoring'], at)}"
    yield ""
    called_s, onset_s = times["called_s"], times["onset_s"]
    if called_s > onset_s:
        yield f"* People were called at {at(called_s)}, {at.long(called_s - onset_s)} after it began."
    for key, text, never in (
        ("noticed_at_s", "Time to detect", "nobody noticed it"),
        ("answered_at_s", "Time to diagnose", "nobody answered"),
        ("mended_at_s", "Time to mitigate", _never_mended(debrief)),
    ):
        at_s = times[key]
        is_open = f"{never} by the end of the recording, {at(debrief['end_s'])}"
        yield f"* {text}: " + (
            is_open if at_s is None else f"{at.long(at_s - onset_s)} after it began ({at(at_s, is_end=True)})"
        )
    first = found["first"]
    if first is not None:
        yield (
            f"* First trace: {escaped(first['signal'])} of {escaped(first['subject'])} stood out at "
            f"{at(first['first_visible_s'], is_end=True)}"
        )
    yield ""
    yield "### Who noticed first, and why so late?"
    yield ""
    yield f"{NOTICED[found['noticed_by']]}{_since(found['noticed_s'], onset_s, at)}."
    yield ""
    yield from (f"* {escaped(line)}" for line in found["why"])
    if (said := found["said"]) and (said.get("noticed_by") or said.get("why")):
        yield ""
        who = f"{NOTICED[said['noticed_by']]}. " if said.get("noticed_by") else ""
        yield f"In the answer: {who}{escaped(said.get('why') or '')}".rstrip()


def _never_mended(debrief: Json) -> str:
    """What is said where not all faults were over: whether all of them were put back, at least."""
    put_back = [one["put_back_by"] == "actions" for one in debrief["outcomes"]]
    if put_back and all(put_back):
        return "the fault was put back by what was done, but not all its effects were gone"
    return "it was not mended"


def _since(noticed_s: float | None, onset_s: float, at: At) -> str:
    return "" if noticed_s is None else f", {at.long(noticed_s - onset_s)} after it began ({at(noticed_s)})"


def _suspicions(debrief: Json, at: At) -> Iterator[str]:
    """Of a control: what looked like a cause, and why it was none."""
    found = debrief["suspicions"]
    yield "There was nothing to detect."
    if found is None:
        return
    if found["events"]:
        yield ""
        yield "Should any of it be undone? No: nothing was broken."
    if (said := found["said"]) and (said.get("noticed_by") or said.get("why")):
        yield ""
        who = f"{NOTICED[said['noticed_by']]}. " if said.get("noticed_by") else ""
        yield f"In the answer: {who}{escaped(said.get('why') or '')}".rstrip()
    if found["moved"]:
        yield ""
        yield "What did go far from what was usual, of all signals:"
        yield ""
        yield from (f"* {escaped(told_level(level))}" for level in found["moved"])
    for one in found["events"]:
        yield ""
        yield f"**{escaped(one['kind'])} of {escaped(one['element'])}** at {at(one['at_s'])}: {escaped(one['doc'])}"
        if one["own"]:
            calm = "Of its own calls, runs and data nothing went far" if one["is_calm"] else "What it did since"
            yield f"{calm}:"
            yield ""
            yield from (f"* {escaped(told_level(level))}" for level in one["own"])
    if found["still"]:
        yield ""
        yield "What did not go far, of what belongs to what moved and of the system's indicators:"
        yield ""
        yield from (f"* {escaped(told_level(level))}" for level in found["still"])
    done = found["accusation"]["remedies"]
    if done:
        yield ""
        listed = "; ".join(
            f"{escaped(one['title'])} ({escaped(one['place'])}), {at.long(one['cost_s'])}" for one in done
        )
        yield f"Whoever had believed in it would have done something that mends nothing: {listed}."


def _would_fire(monitoring: Json, at: At) -> str:
    """What alerts there would have been without the actions, where that is not what was."""
    alert_s, would_s = monitoring["first_alert_s"], monitoring["first_alert_without_actions_s"]
    if would_s is None or would_s == alert_s:
        return ""
    return f" Without the actions the first would have fired at {at(would_s, is_end=True)}."
