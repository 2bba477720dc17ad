"""The results of campaigns as one Parquet dataset: `<runs>/results/campaign=<id>/*.parquet`, a row for each case.

While a campaign runs there is one file for each finished job, written whole or not at all; at its end they become one,
`part-0.parquet`, with the rows in the order of the jobs. Files whose names begin with `_` or `.` are not part of the
dataset, neither for pandas nor for DuckDB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.contracts import Diagnosis, Outcome
from lab.errors import ExitCode, LabError, NothingSelectedError, Problem, UserError
from lab.files.fileio import read_file, write_file
from lab.judging.assess import Assessment
from lab.runs.campaign import JobResult
from lab.runs.cases import case_from_json, case_json

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER, PARTITION = "results", "campaign="
"""Where the dataset lies under a runs directory, and how the directory of a campaign is called."""
WHOLE = "part-0.parquet"
"""The one file of a campaign whose jobs are all finished."""
COMPACTING = "_compacting"
"""That file while the jobs' own are being removed: no reader takes it for a part of the dataset."""
ABOUT = "_campaign.json"
GRADES = (
    "boundary", "culprit", "culprit-top-k", "decoy-blamed", "evidence", "false-alarm", "kind", "onset",
)  # fmt: skip
"""The lab's own graders, each with two columns. The grades of others are in the column `case`."""
ERROR = "error"
"""The outcome of a job that came to no verdict."""


@dataclass(frozen=True)
class About:
    """What is known of a campaign beside its results: how many jobs it has, who started it, when (ISO 8601)."""

    id: str
    command: str
    jobs: int
    engines: tuple[str, ...]
    began: str
    lab_version: str


@dataclass(frozen=True)
class Part:
    """What came of one job, and the key of its recording."""

    key: str
    result: JobResult


def place(root: Path, campaign: str) -> Path:
    """The directory of a campaign's results under a runs directory."""
    return root / FOLDER / f"{PARTITION}{campaign}"


def campaigns(root: Path) -> list[str]:
    """The ids of the campaigns kept under a runs directory, the latest begun first."""
    found = [path for path in (root / FOLDER).glob(f"{PARTITION}*") if (path / ABOUT).is_file()]
    found.sort(key=lambda path: ((path / ABOUT).stat().st_mtime_ns, path.name), reverse=True)
    return [path.name.removeprefix(PARTITION) for path in found]


def chosen(root: Path, text: str) -> str:
    """The one campaign that a text means: its id, or how that or its digits begin. UserError where it means none."""
    known = campaigns(root)
    found = [one for one in known if one == text] or [
        one for one in known if one.startswith(text) or one.rpartition("-")[2].startswith(text)
    ]
    if not known:
        raise nothing(root)
    if len(found) != 1:
        what = f"no campaign {text!r}" if not found else f"{text!r} may mean {len(found)} campaigns"
        seen = ", ".join((found or known)[:8])
        raise UserError(Problem(what, str(root / FOLDER), seen=seen, hint="`lab results` lists them"))
    return found[0]


def nothing(root: Path) -> NothingSelectedError:
    """That no campaign is kept here."""
    hint = "`lab run` and `lab evaluate` keep their results; --runs-dir says where"
    return NothingSelectedError(Problem("no campaigns here", str(root / FOLDER), hint=hint))


def write_about(directory: Path, about: About) -> None:
    """Writes what is known of a campaign."""
    content = {"schema_version": 1, **{name: getattr(about, name) for name in About.__annotations__}}
    write_file(directory / ABOUT, json.dumps(content, indent=1) + "\n")


def read_about(directory: Path) -> About:
    """What is known of a campaign; UserError where that is broken."""
    try:
        data = json.loads(read_file(directory / ABOUT))
        return About(
            str(data["id"]), str(data["command"]), int(data["jobs"]), tuple(map(str, data["engines"])),
            str(data["began"]), str(data["lab_version"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "remove this file: the same campaign with --resume writes it anew"
        raise UserError(
            Problem("broken file of a campaign", str(directory / ABOUT), seen=str(error), hint=hint)
        ) from error


def write_part(path: Path, parts: Sequence[Part], root: Path) -> None:
    """Writes the rows of some jobs, whole or not at all. Paths in them are relative to the runs directory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lab.recording.arrow import values_array

    rows = [{name: _clean(value) for name, value in row.items()} for part in parts for row in _rows(part, root)]
    columns = [values_array([row.get(column.name) for row in rows], column.type) for column in schema()]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema()), sink, compression="zstd")
    write_file(path, sink.getvalue().to_pybytes())


Unread = Callable[[str], object]
"""Called with the name of a broken file, and what is wrong with it."""


def read_parts(directory: Path, root: Path, unread: Unread = lambda _: None) -> dict[str, Part]:
    """What came of each job of a campaign, by the keys of recordings. What is in broken files was not finished."""
    found: dict[str, Part] = {}
    for path in _files(directory):
        for key, rows in _rows_of(path, unread).items():
            with suppress(ValueError, KeyError, TypeError, AttributeError, LabError):
                found[key] = Part(key, _result(rows, root))
    return found


def read_outcomes(directory: Path, unread: Unread = lambda _: None) -> dict[str, list[str]]:
    """The outcomes of each job of a campaign, by the keys of recordings; quicker than everything of it."""
    found: dict[str, list[str]] = {}
    for path in _files(directory):
        found |= {
            key: [str(row["outcome"]) for row in rows]
            for key, rows in _rows_of(path, unread, ["key", "outcome"]).items()
        }
    return found


def _files(directory: Path) -> list[Path]:
    """The files of a campaign, its whole first: a job's own is newer."""
    return sorted(directory.glob("*.parquet"), key=lambda path: (path.name != WHOLE, path.name))


def compact(directory: Path, parts: Sequence[Part], root: Path) -> None:
    """Writes all jobs' rows into one file, in this order, and removes the jobs' own."""
    write_part(directory / COMPACTING, parts, root)
    for path in directory.glob("*.parquet"):
        path.unlink()
    settle(directory)


def settle(directory: Path) -> None:
    """Finishes a compaction that was cut off after its file was written, and removes what was cut off before."""
    for path in directory.glob(".lab-*.tmp"):
        path.unlink()
    if (directory / COMPACTING).is_file():
        (directory / COMPACTING).replace(directory / WHOLE)


def schema() -> pa.Schema:
    """The columns of the dataset, beside `campaign`, which is in the directories' names."""
    import pyarrow as pa

    text, names = pa.string(), [name.replace("-", "_") for name in GRADES]
    return pa.schema([
        ("scenario", text), ("seed", pa.int64()), ("engine", text), ("outcome", text), ("unanswered", pa.bool_()),
        ("observability", text), ("isolation", text), ("verdict", text), ("culprit", text), ("kind", text),
        ("onset_s", pa.float64()), ("true_culprit", text), ("true_kind", text),
        *((f"grade_{name}", text) for name in names), *((f"value_{name}", pa.float64()) for name in names),
        ("path", text), ("key", text), ("reason", text), ("exit_code", pa.int64()), ("case", text),
    ])  # fmt: skip


def _rows(part: Part, root: Path) -> Iterator[dict[str, Any]]:
    result = part.result
    base = {"scenario": result.scenario, "seed": result.seed, "path": _relative(result.path, root), "key": part.key}
    for case in result.assessments:
        yield base | _case_row(case) | {"case": _json(case_json(case) | {"path": base["path"]}), "exit_code": 0}
    if result.problem:
        outcome = str(Outcome.INCONCLUSIVE) if result.is_inconclusive else ERROR
        yield base | {"outcome": outcome, "reason": result.problem, "exit_code": int(result.code)}


def _case_row(case: Assessment) -> dict[str, Any]:
    """The columns of a case that a query asks for most; of several findings or faults the first, or all by name."""
    answer, faults = case.answer, case.truth.faults
    first = answer.findings[0] if isinstance(answer, Diagnosis) and answer.findings else None
    row: dict[str, Any] = {
        "engine": case.engine,
        "outcome": str(case.outcome),
        "unanswered": case.unanswered,
        "observability": case.observability,
        "isolation": case.isolation.by,
        "verdict": str(answer.verdict) if isinstance(answer, Diagnosis) else None,
        "true_culprit": ", ".join(fault.culprit for fault in faults),
        "true_kind": ", ".join(fault.kind for fault in faults),
    }
    if first is not None:
        row |= {"culprit": first.culprit, "kind": first.kind, "onset_s": first.onset_s}
    for grade in case.grades:
        if grade.grader in GRADES:
            name = grade.grader.replace("-", "_")
            row |= {f"grade_{name}": str(grade.outcome), f"value_{name}": grade.value}
    return row


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))


def _clean(value: Any) -> Any:
    """A value without halves of surrogate pairs, which names of files may have and no Parquet file can hold."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _relative(path: str, root: Path) -> str:
    """A path under the runs directory as seen from there, so that the directory may be named otherwise later."""
    return str(Path(path).relative_to(root)) if path and Path(path).is_relative_to(root) else path


def _rows_of(path: Path, unread: Unread, columns: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The rows of one file by the keys of their jobs; none where it is broken or of another schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for row in pq.ParquetFile(path).read(columns).to_pylist():
            found.setdefault(str(row["key"]), []).append(row)
    except FileNotFoundError:  # a campaign that is ending has put it into its one file
        return {}
    except (OSError, pa.ArrowException, KeyError) as error:
        unread(f"{path}: {' '.join(str(error).split())}")
        return {}
    return found


def _result(rows: Sequence[Mapping[str, Any]], root: Path) -> JobResult:
    """What came of a job, from its rows."""
    first = rows[0]
    path = str(root / first["path"]) if first["path"] else ""
    cases = [case_from_json(json.loads(row["case"]) | {"path": path}) for row in rows if row["case"] is not None]
    problem = next((row for row in rows if row["reason"]), None)
    code = ExitCode(problem["exit_code"]) if problem else ExitCode.OK
    reason = str(problem["reason"]) if problem else ""
    return JobResult(str(first["scenario"]), int(first["seed"]), path, tuple(cases), reason, code)
