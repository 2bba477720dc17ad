"""The activity of a live lab in words and numbers, as other processes read it from the stack's lock."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import UserError
from lab.testbeds.stack.holder import ActiveFault, Clock, Holder
from lab.testbeds.stack.journal import open_undos

if TYPE_CHECKING:
    from lab.scenario import DecoyUse, FaultUse
    from lab.testbeds.stack.session import Session


def clock(session: Session, duration_s: float) -> Clock:
    """The clock of a run, by which other processes know its scenario time."""
    return {
        "start_unix_s": session.start_unix_s, "time_scale": session.time_scale, "duration_s": float(duration_s),
    }  # fmt: skip


def fault(use: FaultUse | DecoyUse, since_s: float) -> ActiveFault:
    """A fault or decoy that is in, since this scenario second."""
    return {"id": use.id, "type": use.type, "target": use.target, "since_s": since_s}


def described(holder: Holder, now_unix_s: float | None = None) -> dict[str, Any]:
    """The lab that holds the stack, as `lab stack status --json` shows it. Times are ISO 8601, UTC.

    `levers`: None where its journal is for another user's eyes only.
    """
    now_s = time.time() if now_unix_s is None else now_unix_s
    activity, at = holder.activity, {}
    if clock := activity.get("clock"):
        second = round((now_s - clock["start_unix_s"]) * clock["time_scale"], 1)
        at = {"second": second, "duration_s": clock["duration_s"], "time_scale": clock["time_scale"]}
    return {
        "pid": holder.pid, "user": holder.user, "host": holder.host, "command": holder.command,
        "state_directory": holder.state_directory, "since": _iso(holder.since_unix_s),
        "scenario": activity.get("scenario"), "seed": activity.get("seed"), **at, "phase": phase(holder, now_s),
        "phase_for_s": round(now_s - activity.get("phase_since_unix_s", holder.since_unix_s), 1),
        "faults": activity.get("faults", []), "aborting": "abort_heard_unix_s" in activity,
        "levers": _levers(holder),
    }  # fmt: skip


def phase(holder: Holder, now_unix_s: float) -> str:
    """What the lab does, in a few words: the phase that it named; during a run, what follows from clock and faults."""
    activity = holder.activity
    current = str(activity.get("phase", "starting"))
    if "abort_heard_unix_s" in activity and current == "running":
        return "putting back, as lab stack abort asked"
    clock = activity.get("clock")
    if current != "running" or clock is None:
        return current
    if now_unix_s < clock["start_unix_s"]:
        return "warming up"
    if activity.get("faults"):
        return "fault in"
    return "after the faults" if "faults" in activity else "steady"


def lines(holder: Holder) -> list[str]:
    """The same for people."""
    about = described(holder)
    run = f"{about['scenario']} seed {about['seed']}, " if about["scenario"] else ""
    at = f", second {max(0.0, about['second']):.0f} of {about['duration_s']:.0f}" if "second" in about else ""
    where = "" if holder.is_here else f" on {holder.host}"
    head = f"live: {about['command']} (pid {about['pid']} of {about['user']}{where}): {run}{about['phase']}{at}"
    faults = [
        f"  in since second {one['since_s']:.0f}: {one['id']} ({one['type']} on {one['target']})"
        for one in about["faults"]
    ]
    if about["levers"] is None:
        return [head, *faults, f"  what it has pulled, only {holder.user} may read: {holder.state_directory}"]
    levers = [f"  pulled by it: {one['lever']} of {one['element']}" for one in about["levers"]]
    return [head, *faults, *levers]


def _levers(holder: Holder) -> list[dict[str, Any]] | None:
    try:
        return [asdict(undo) for undo in open_undos(Path(holder.state_directory))]
    except UserError:
        return None


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
