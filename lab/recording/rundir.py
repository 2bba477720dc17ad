"""The run directory: written aside and moved into place whole, so that half a recording never looks like one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.contracts import Diagnosis, EngineFailure, Grade, GradingOptions, Truth
from lab.errors import Problem, UserError
from lab.recording.observed import Observed

RUN_FILE = "run.json"
COMPLETE = "complete"
"""The status of a run that may be graded."""


@dataclass(frozen=True)
class RunDirectory:
    """A complete recording on disk. `meta` is the content of `run.json`."""

    path: Path
    meta: Mapping[str, Any]

    @property
    def observed(self) -> Path:
        return self.path / "observed"

    @property
    def scenario(self) -> str:
        return str(self.meta["scenario"]["name"])

    @property
    def seed(self) -> int:
        return int(self.meta["seed"])

    @property
    def status(self) -> str:
        """`complete`, or why the run is not to be graded."""
        return str(self.meta["status"])

    @property
    def grading(self) -> GradingOptions:
        return GradingOptions(**self.meta["grading"])

    @property
    def neighbours(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(others) for name, others in self.meta["neighbours"].items()}

    def truth(self) -> Truth:
        return Truth.from_json(self._read("truth/faults.json"))

    def effects(self) -> dict[str, Any]:
        """Contents of `truth/effects.json`."""
        return dict(self._read("truth/effects.json"))

    def diagnosis(self, engine: str) -> Diagnosis | EngineFailure | None:
        """What an engine answered, None where it was not asked."""
        path = self.path / "diagnosis" / f"{engine_slug(engine)}.json"
        if not path.is_file():
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        return EngineFailure(data["failure"]) if "failure" in data else Diagnosis.from_json(data)

    def write_diagnosis(self, engine: str, answer: Diagnosis | EngineFailure) -> None:
        content = {"failure": answer.reason} if isinstance(answer, EngineFailure) else answer.to_json()
        write_json(self.path / "diagnosis" / f"{engine_slug(engine)}.json", {"engine": engine, **content})

    def write_grades(self, engine: str, grades: list[Grade]) -> None:
        from lab.grading import grades_to_json

        write_json(self.path / "grades" / f"{engine_slug(engine)}.json", {"engine": engine, **grades_to_json(grades)})

    def grades(self) -> dict[str, list[Grade]]:
        """Grades by engine, for every engine that was graded."""
        from lab.grading import grades_from_json

        found = {}
        for path in sorted((self.path / "grades").glob("*.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            found[str(data["engine"])] = grades_from_json(data)
        return found

    def _read(self, name: str) -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))


def engine_slug(engine: str) -> str:
    """An engine's name as a file name; specs that need escaping get a short hash so that two never collide."""
    clean = "".join(c if c.isalnum() or c in "-_." else "-" for c in engine).strip("-.")[:60]
    return clean if clean == engine else f"{clean}-{sha256(engine.encode()).hexdigest()[:8]}"


def write_json(path: Path, content: Any) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(staged, path)


def write_run(
    path: Path, observed: Observed, truth: Truth, effects: Mapping[str, Any], journal: list[dict[str, Any]],
    meta: Mapping[str, Any],
) -> RunDirectory:  # fmt: skip
    """Writes a run beside its place and moves it there, replacing an earlier run of the same scenario and seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        observed.write(staging / "observed")
        write_json(staging / "truth" / "faults.json", truth.to_json())
        write_json(staging / "truth" / "effects.json", effects)
        lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in journal]
        (staging / "events.jsonl").write_text("".join(lines), encoding="utf-8")
        complete = {**meta, "checksums": checksums(staging)}
        write_json(staging / RUN_FILE, complete)
        staging.chmod(0o755)
        _swap(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return RunDirectory(path, complete)


def _swap(staging: Path, path: Path) -> None:
    if path.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        os.replace(path, old / "run")
        os.replace(staging, path)
        shutil.rmtree(old)
    else:
        os.replace(staging, path)


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file under a directory, by relative path."""
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {p.relative_to(directory).as_posix(): sha256(p.read_bytes()).hexdigest() for p in files}


def open_run(path: Path, *, verify: bool = True) -> RunDirectory:
    """Opens a recording; UserError where it is incomplete, of another version, or changed since it was written."""
    run_file = path / RUN_FILE
    if not run_file.is_file():
        hint = "give the directory that holds run.json, e.g. runs/<scenario>/<seed>-<hash>"
        raise UserError(Problem("not a recording", str(path), expected=f"a directory with {RUN_FILE}", hint=hint))
    try:
        meta = json.loads(run_file.read_text(encoding="utf-8"))
        version, sums = meta["schema_version"], dict(meta["checksums"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            Problem("unreadable recording", str(run_file), seen=f"{type(error).__name__}: {error}")
        ) from error
    if version != 1:
        raise UserError(Problem("recording of another version", str(run_file), seen=str(version), expected="1"))
    if verify:
        for name, expected in sums.items():
            file = path / name
            seen = sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"
            if seen != expected:
                hint = "run the scenario again: the same seed gives the same bytes"
                raise UserError(
                    Problem("recording was changed", str(file), seen=seen[:16], expected=expected[:16], hint=hint)
                )
    return RunDirectory(path, meta)


def find_runs(root: Path) -> list[Path]:
    """Run directories under a root (or the root itself), sorted."""
    if (root / RUN_FILE).is_file():
        return [root]
    return sorted(p.parent for p in root.glob(f"*/*/{RUN_FILE}") if not p.parent.name.startswith("."))
