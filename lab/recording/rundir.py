"""The run directory: written aside and moved into place whole, so that an incomplete recording is never used."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from lab.contracts import Diagnosis, EngineFailure, Grade, GradingOptions, Isolation, Truth
from lab.errors import Problem, UserError
from lab.files.fileio import read_file, reason, sha256_of, write_file
from lab.recording.entries import Course
from lab.recording.grades import grades_from_json, grades_to_json
from lab.recording.observed import Observed
from lab.systems.calendar import Calendar

Kept = TypeVar("Kept")
RUN_FILE = "run.json"
SIGNALS_FILE = "signals.npz"
"""Signals of a recording, kept beside `observed/` (`lab.signals.kept`); the recording is whole without it."""
SIGNALS_VARIABLE = "LAB_SIGNALS_SHA256"
"""Tells an engine's process the SHA-256 of the SIGNALS_FILE beside its copy of `observed/`."""
SIGNALS_SEAL = "signals"
"""The entry of `run.json` with the checksum of that file."""
COMPLETE = "complete"
"""The status of a run that may be graded."""
_SEEN = "observed/"
INCONCLUSIVE = "inconclusive: "
"""The beginning of the status of a run that the machine disturbed; the reason follows."""


@dataclass(frozen=True)
class RunDirectory:
    """A complete recording on disk. `meta` is the content of `run.json`.

    `elsewhere`: why it does not lie where it was to be written; empty where it does.
    """

    path: Path
    meta: Mapping[str, Any]
    elsewhere: str = ""

    @property
    def observed(self) -> Path:
        return self.path / "observed"

    @property
    def scenario(self) -> str:
        return str(self.meta["scenario"]["name"])

    @property
    def system(self) -> str:
        return str(self.meta.get("system", ""))

    @property
    def seed(self) -> int:
        return int(self.meta["seed"])

    @property
    def status(self) -> str:
        """`complete`, or why the run is not to be graded."""
        return str(self.meta["status"])

    @property
    def inconclusive_because(self) -> str:
        """Why the run is inconclusive; empty if it is not."""
        return self.status.removeprefix(INCONCLUSIVE) if self.status.startswith(INCONCLUSIVE) else ""

    @property
    def actions(self) -> tuple[Mapping[str, Any], ...]:
        """What people did in this run, in time order: `at_s`, `remedy`, `place`, and a `value` where one was set."""
        return tuple(self.meta.get("actions", ()))

    @property
    def grading(self) -> GradingOptions:
        return GradingOptions(**self.meta["grading"])

    @property
    def neighbours(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(others) for name, others in self.meta["neighbours"].items()}

    @property
    def observability(self) -> str:
        """How much was seen of the system: `rich`, `usual` or `poor`."""
        return str(self._read("observed/system.json").get("observability", "usual"))

    @property
    def calendar(self) -> Calendar | None:
        """The system's calendar, where it has one."""
        return Calendar.recorded(self._read("observed/system.json"))

    @property
    def duration_s(self) -> float:
        """Length of the recording in scenario seconds."""
        return float(self._read("observed/system.json")["duration_s"])

    def truth(self) -> Truth:
        return Truth.from_json(self._read("truth/faults.json"))

    def effects(self) -> dict[str, Any]:
        """Contents of `truth/effects.json`."""
        return dict(self._read("truth/effects.json"))

    def courses(self) -> dict[str, list[Course]]:
        """Contents of `truth/courses.json`: of each fault, what indicators would have been without it.

        Nothing where the system has no calendar.
        """
        return dict(self._read("truth/courses.json")) if (self.path / "truth" / "courses.json").is_file() else {}

    def diagnosis(self, engine: str) -> Diagnosis | EngineFailure | None:
        """What an engine answered, None where it was not asked."""
        path = self.path / "diagnosis" / f"{engine_slug(engine)}.json"
        return read_kept(path, _answer) if path.is_file() else None

    def isolation(self, engine: str) -> Isolation:
        """What kept an engine from the truth when it answered; unknown where that was not kept."""
        path = self.path / "diagnosis" / f"{engine_slug(engine)}.json"
        return read_kept(path, _isolation) if path.is_file() else Isolation()

    def engines(self) -> tuple[str, ...]:
        """The engines whose answers are kept, by file name."""
        files = sorted((self.path / "diagnosis").glob("*.json"))
        return tuple(read_kept(file, lambda data: str(data["engine"])) for file in files)

    def write_diagnosis(
        self, engine: str, answer: Diagnosis | EngineFailure, isolation: Isolation | None = None
    ) -> Problem | None:
        """Keeps an answer, with what kept the engine from the truth.

        A recording that cannot be written to, as in an archive, is a problem and no error.
        """
        content = {"failure": answer.reason} if isinstance(answer, EngineFailure) else answer.to_json()
        answered = {"engine": engine, **_isolation_json(isolation or Isolation()), **content}
        return self._keep(f"diagnosis/{engine_slug(engine)}.json", answered)

    def write_grades(self, engine: str, grades: list[Grade]) -> Problem | None:
        """Keeps grades, as `write_diagnosis` keeps an answer."""
        return self._keep(f"grades/{engine_slug(engine)}.json", {"engine": engine, **grades_to_json(grades)})

    def write_over_time(self, engine: str, content: Mapping[str, Any]) -> Problem | None:
        """Keeps what an engine answered over time, apart from its answer to the whole recording."""
        return self._keep(f"over-time/{engine_slug(engine)}.json", content)

    def over_time_files(self) -> list[Path]:
        """The files of `write_over_time`, by name."""
        return sorted((self.path / "over-time").glob("*.json"))

    def _keep(self, name: str, content: Any) -> Problem | None:
        try:
            write_json(self.path / name, content)
        except OSError as error:
            return Problem(f"not kept with the recording: {reason(error)}", str(self.path / name))
        return None

    def grades(self) -> dict[str, list[Grade]]:
        """Grades by engine, for every engine that was graded."""
        files = sorted((self.path / "grades").glob("*.json"))
        return dict(read_kept(file, lambda data: (str(data["engine"]), grades_from_json(data))) for file in files)

    def check_kept(self) -> None:
        """UserError where a kept answer or grade is broken."""
        self.grades()
        for engine in self.engines():
            self.diagnosis(engine)

    def _read(self, name: str) -> Any:
        return json.loads(read_file(self.path / name))


def read_kept(path: Path, read: Callable[[Any], Kept]) -> Kept:
    """What a kept file holds; UserError naming the file where it is broken."""
    try:
        return read(json.loads(read_file(path)))
    except OSError as error:
        raise UserError(Problem("cannot be read", str(path), seen=reason(error))) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        seen = str(error) if isinstance(error, ValueError | UserError) else f"{type(error).__name__}: {error}"
        hint = "delete it; `lab diagnose` asks again, `lab grade` grades again"
        raise UserError(Problem("broken file in a recording", str(path), seen=seen, hint=hint)) from error


def _isolation_json(isolation: Isolation) -> dict[str, Any]:
    return {"isolation": isolation.by, "engine_read": list(isolation.reads)}


def _isolation(data: Any) -> Isolation:
    return Isolation(str(data.get("isolation", Isolation().by)), tuple(map(str, data.get("engine_read", ()))))


def _answer(data: Any) -> Diagnosis | EngineFailure:
    return EngineFailure(str(data["failure"])) if "failure" in data else Diagnosis.from_json(data)


def engine_slug(engine: str) -> str:
    """An engine's name as a file name; specs that need escaping get a short hash so that two never collide."""
    clean = "".join(c if c.isalnum() or c in "-_." else "-" for c in engine).strip("-.")[:60]
    return clean if clean == engine else f"{clean}-{sha256(engine.encode()).hexdigest()[:8]}"


def json_text(content: Any) -> str:
    """Content as the files of a recording hold it."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Writes a file of a recording, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json_text(content), streams=False)


def write_run(
    path: Path, observed: Observed, truth: Truth, effects: Mapping[str, Any], journal: Sequence[Mapping[str, Any]],
    meta: Mapping[str, Any], signals: Callable[[Mapping[str, str]], bytes] | None = None,
    courses: Mapping[str, Any] | None = None,
) -> RunDirectory:  # fmt: skip
    """Writes a run beside its place and moves it there, replacing an earlier run of the same scenario and seed.

    `signals` makes the content of SIGNALS_FILE from the checksums of what lies in `observed/`, by path in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        observed.write(staging / "observed")
        write_json(staging / "truth" / "faults.json", truth.to_json())
        write_json(staging / "truth" / "effects.json", effects)
        if courses:
            write_json(staging / "truth" / "courses.json", courses)
        lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in journal]
        write_file(staging / "events.jsonl", "".join(lines))
        sums, kept = checksums(staging), dict[str, str]()
        if signals is not None:
            content = signals({name.removeprefix(_SEEN): of for name, of in sums.items() if name.startswith(_SEEN)})
            write_file(staging / SIGNALS_FILE, content)
            kept[SIGNALS_SEAL] = sha256(content).hexdigest()
        complete = sealed({**meta, **kept, "checksums": sums})
        write_json(staging / RUN_FILE, complete)
        staging.chmod(0o755)
        put_in_place(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return RunDirectory(path, complete)


def put_in_place(staging: Path, path: Path) -> None:
    """Moves a complete run directory to its place, on the same file system; a run that is there is replaced."""
    if path.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        os.replace(path, old / "run")
        os.replace(staging, path)
        shutil.rmtree(old)
    else:
        os.replace(staging, path)


def sealed(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `run.json` with the checksum of itself, taken over everything but that checksum."""
    sums = {name: digest for name, digest in meta["checksums"].items() if name != RUN_FILE}
    digest = sha256(json_text({**meta, "checksums": sums}).encode()).hexdigest()
    return {**meta, "checksums": {**sums, RUN_FILE: digest}}


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file under a directory, by relative path."""
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {p.relative_to(directory).as_posix(): sha256_of(p) for p in files}
