"""Fetches the telemetry of a run from the collector, even a dead one, and makes a recording of it."""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.agreed import ports
from lab.agreed.run import Run
from lab.agreed.telemetry import DATA_DIRECTORY, KINDS, LATE_SEND
from lab.recording.keeping import kept_where_there_is_room, temporary_directory
from lab.recording.observed import Observed
from lab.signals import compute_signals
from lab.testbeds.stack.assemble import assemble
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.http import call, download
from lab.testbeds.stack.samples import Sample
from lab.testbeds.stack.session import Session

SETTLE_S = 3.0
ANSWER_WITHIN_S = 20.0
BUSY_RATIO = 0.3
"""Share of the time in which something on the host waits for a CPU, from which on the machine may be to blame."""


@dataclass(frozen=True)
class Collected:
    """What was observed of a run, and how many requests were sent later than they were due.

    `unwritten`: what is missing of it, because the collector could not write or did not answer; empty where nothing is.
    """

    observed: Observed
    late_sends_count: int
    unwritten: str = ""


def end_load(session: Session) -> None:
    """Waits until what is under way is in, and ends the load."""
    time.sleep(SETTLE_S)
    with suppress(StackError):  # a load that is gone sends nothing more either
        call(
            "DELETE",
            f"{session.compose.url('load', ports.LOAD)}/runs",
            token=session.token("load"),
            timeout_s=ANSWER_WITHIN_S,
            retries=1,
        )


def fetch(session: Session, run: Run, samples: Iterable[Sample]) -> Collected:
    """What the collector has of a run so far, assembled to a recording; of a dead collector, what it had written."""
    token = session.token("collector")

    def fetched(place: Path) -> Collected:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="lab-stack-", dir=place) as name:
            directory, unwritten = Path(name), ""
            try:
                collector = session.compose.url("collector", ports.COLLECTOR)
                flushed = call("POST", f"{collector}/flush", token=token, timeout_s=ANSWER_WITHIN_S, retries=1)
                unwritten = flushed.get("unwritten", "")
                for kind in KINDS:
                    download(f"{collector}/files/{kind}.jsonl", directory / f"{kind}.jsonl", token)
            except StackError as error:
                _dig_out(session.compose, KINDS, directory)
                unwritten = f"the collector did not answer at the end, and what it had not written is lost: {error}"
            observed = assemble(
                directory, run, session.system, session.part, versions=session.versions,
                changes=session.testbed.changes_log, samples=samples,
            )  # fmt: skip
            return Collected(observed, _count_late(directory / "logs.jsonl"), unwritten)

    places = [place for place in (temporary_directory(), session.state) if place is not None]
    collected, _ = kept_where_there_is_room(places, fetched, "what the run left in the collector is lost")
    return collected


def _dig_out(compose: Compose, kinds: Iterable[str], directory: Path) -> None:
    """Takes the raw files out of a collector that does not answer; what it had not written yet is lost."""
    for kind in kinds:
        content = b""
        with suppress(Exception):  # of a broken collector there is just less to record
            chunks, _ = compose.container("collector").get_archive(f"{DATA_DIRECTORY}/{kind}.jsonl")
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.extractfile(archive.getmembers()[0])
                content = member.read() if member else b""
        (directory / f"{kind}.jsonl").write_bytes(content)


def busy_machine(observed: Observed) -> str:
    """States that the machine was too busy, which explains missing data; empty if it had free CPU."""
    pressure = compute_signals(observed).get("pressure_stall_ratio", "host.cpu")
    waited = 0.0 if pressure is None else float(np.nanmean(pressure.values))
    if waited < BUSY_RATIO:
        return ""
    return f"The machine was busy: something waited for a CPU for {waited:.0%} of the time"


def _count_late(logs: Path) -> int:
    """Requests that the load sent later than they were due."""
    with logs.open(encoding="utf-8") as lines:
        return sum(f'"event":"{LATE_SEND}"' in line for line in lines)
