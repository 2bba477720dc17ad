"""The content of a stack's lock file: which lab holds it. JSON, padded with blanks."""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from lab.testbeds.stack.processes import born

SIZE_BYTES = 8192
"""The file is this long from the start, so that a disk which fills up later takes nothing away."""
_MAX_BYTES = 1 << 20
_READ_ATTEMPTS, _READ_PAUSE_S = 5, 0.01


class Clock(TypedDict):
    """The clock of a run: Unix time of its second 0, scenario seconds per real second, and its length."""

    start_unix_s: float
    time_scale: float
    duration_s: float


class ActiveFault(TypedDict):
    """A fault or decoy that is in, since a scenario second."""

    id: str
    type: str
    target: str
    since_s: float


class Activity(TypedDict, total=False):
    """What the lab that holds a stack does. All but `phase` is there only where it applies.

    `before`: what was on the engine before this lab came, as `belongings` has it.
    """

    phase: str
    phase_since_unix_s: float
    scenario: str
    seed: int
    clock: Clock | None
    faults: list[ActiveFault] | None
    before: Mapping[str, Any]
    abort_heard_unix_s: float


@dataclass(frozen=True)
class Holder:
    """The lab that holds a stack, or held it last. `born`: its process's start time, as `processes.born` has it.

    `activity`: what it does; `lab.testbeds.stack.live` puts it into words.
    """

    pid: int
    born: str
    user: str
    host: str
    command: str
    state_directory: str
    since_unix_s: float
    activity: Activity = field(default_factory=Activity)

    @staticmethod
    def this_process(state: Path) -> Holder:
        """This process, from now on, with this state directory."""
        return Holder(
            os.getpid(), born(os.getpid()), _user(), socket.gethostname(), _command(), str(state), time.time(),
        )  # fmt: skip

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    def is_same(self, other: Holder | None) -> bool:
        """Whether it is the same process; its activity may differ."""
        return other is not None and (self.pid, self.born, self.host) == (other.pid, other.born, other.host)

    def __str__(self) -> str:
        what = [self.activity.get("scenario"), self.activity.get("phase")]
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since_unix_s))
        doing = f": {', '.join(str(part) for part in what if part)}" if any(what) else ""
        place = "" if self.is_here else f" on {self.host}"
        return (
            f"`{self.command}` (pid {self.pid} of {self.user}{place}, since {since}){doing}; "
            f"state directory {self.state_directory}"
        )


@dataclass(frozen=True)
class Content:
    """What the file says. `journals`: state directories in which something may be open."""

    holder: Holder | None = None
    journals: tuple[Path, ...] = ()


def read(handle: int) -> Content:
    """The content of an open file; empty where there is none yet, or none that is whole."""
    for _ in range(_READ_ATTEMPTS):
        try:
            found = json.loads(os.pread(handle, _MAX_BYTES, 0))
        except ValueError:  # in the middle of being written, or never written
            time.sleep(_READ_PAUSE_S)
            continue
        if not isinstance(found, dict):
            break
        journals = found.get("journals")
        named = journals if isinstance(journals, list) else []
        return Content(_holder(found.get("holder")), tuple(Path(one) for one in named if isinstance(one, str)))
    return Content()


def write(handle: int, content: Content) -> None:
    """Replaces the content of an open file. OSError where that is impossible."""
    holder = asdict(content.holder) if content.holder else None
    found = {"holder": holder, "journals": [str(one) for one in content.journals]}
    data = json.dumps(found).encode().ljust(SIZE_BYTES)
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))


def _holder(content: Any) -> Holder | None:
    try:
        return Holder(**content)
    except TypeError:
        return None


def _user() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def _command() -> str:
    """The command without its arguments: they may hold secrets."""
    import click

    context = click.get_current_context(silent=True)
    return context.command_path if context else Path(sys.argv[0]).name
