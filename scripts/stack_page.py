"""The page docs/stack-scenarios.md: what shipped scenarios came to on the real stack, a section for each system."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from lab.cli.selection import select
from lab.content.stack import parts
from lab.errors import ExitCode, worst
from lab.runs.runner import scenario_reference
from scripts.figures import ROOT, write

FIGURES = ROOT / "docs" / "figures" / "stack-scenarios.json"
PAGE = ROOT / "docs" / "stack-scenarios.md"
KNOWN = ROOT / "docs" / "known-differences.yaml"
NOT_RUN, NOT_SHOWN, VERDICT, PARITY = "not run", "not shown", "verdict", "parity"
HEAD = ("scenario", "seed", "time scale", "right answer", "sim", "stack", "faults shown", "parity", "real s")


@dataclass(frozen=True)
class Row:
    """What one scenario came to; `differing`: what disagrees, as `signal of subject: sim / stack`."""

    scenario: str
    """`SYSTEM/SCENARIO`."""
    seed: int
    code: str
    """Digest of the stack's code."""
    expected: str
    time_scale: float | None = None
    real_s: float = 0.0
    sim: str = ""
    stack: str = ""
    shown: str = ""
    agreeing: int = 0
    signals: int = 0
    """Signals of the signature that were compared, and how many of them agree."""
    not_compared: tuple[str, ...] = ()
    """Signals of the signature that were not, each as `signal of subject (why)`."""
    differing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Of `not run`, `not shown`, `verdict` and `parity`, what is not as it should be."""
    reason: str = ""
    disturbed: bool = False
    """Whether the machine is why there is nothing to judge."""

    @property
    def system(self) -> str:
        return self.scenario.partition("/")[0]

    @property
    def name(self) -> str:
        """The scenario's name within its system."""
        return self.scenario.partition("/")[2]


@dataclass(frozen=True)
class Known:
    """A difference that is known, and why it is there: which problems it excuses, and what may disagree."""

    problems: frozenset[str]
    why: str
    differing: frozenset[str] = field(default_factory=frozenset)

    def excuses(self, row: Row) -> bool:
        named = {text.split(":")[0] for text in row.differing}
        return set(row.problems) <= self.problems and named <= self.differing and not row.disturbed


def read_known(path: Path = KNOWN) -> dict[str, Known]:
    """Known differences by `SYSTEM/SCENARIO`; ValueError where an entry has no reason or excuses nothing."""
    known = {}
    for name, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        problems, why = frozenset(entry["problems"]), " ".join(str(entry["why"]).split())
        if not why or not problems or not problems <= {NOT_RUN, NOT_SHOWN, VERDICT, PARITY}:
            raise ValueError(f"{path}: {name}: expected a reason, and known problems")
        known[name] = Known(problems, why, frozenset(entry.get("differing", ())))
    return known


def kept_rows() -> dict[str, Row]:
    """The rows that are published, by scenario."""
    if not FIGURES.is_file():
        return {}
    tuples = ("differing", "not_compared", "problems")
    found = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"]
    return {one["scenario"]: Row(**one | {name: tuple(one[name]) for name in tuples}) for one in found}


def publish(rows: Mapping[str, Row]) -> None:
    """Writes the figures and the page; rows in the order of the suites, even if only a part was run."""
    order = [scenario_reference(loaded) for system in sorted(parts()) for loaded in select((system,)).scenarios]
    ordered = [rows[name] for name in order if name in rows]
    FIGURES.parent.mkdir(exist_ok=True)
    document = {"schema_version": 1, "rows": [asdict(row) for row in ordered]}
    FIGURES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write(PAGE, "scenarios", sections(ordered, read_known()))


def sections(rows: Sequence[Row], known: Mapping[str, Known]) -> str:
    """A heading and a table for each system that the stack serves."""
    texts = []
    for system in sorted(parts()):
        mine = [row for row in rows if row.system == system]
        texts.append(f"## `{system}`\n\n{table(mine, known, len(select((system,)).scenarios))}")
    return "\n\n".join(texts)


def table(rows: Sequence[Row], known: Mapping[str, Known], shipped: int) -> str:
    """The rows of a system in Markdown, then what differs and why. `shipped`: how many scenarios it has."""
    if not rows:
        return "Not run yet: `make test-stack-scenarios` writes it here."
    lines = [_cells(HEAD), _cells(["---"] * len(HEAD)), *(_cells(_columns(row)) for row in rows)]
    codes = ", ".join(f"`{code}` ({count})" for code, count in sorted(Counter(row.code for row in rows).items()))
    right = sum(not row.problems for row in rows)
    summary = f"{right} of {len(rows)} scenarios without a difference, "
    summary += f"{sum(row.real_s for row in rows) / 60:.0f} minutes of real time. "
    if len(rows) < shipped:
        summary += f"Not tried yet on the stack: {shipped - len(rows)} of the {shipped} that are shipped. "
    return "\n".join([*lines, "", f"{summary}Code of the stack, and rows of it: {codes}.", *_explained(rows, known)])


def _columns(row: Row) -> list[str]:
    scale = "–" if row.time_scale is None else f"{row.time_scale:g}"
    if NOT_RUN in row.problems:
        return [row.name, str(row.seed), scale, "–", "–", "**inconclusive**" if row.disturbed else "**not run**", "–",
                "–", f"{row.real_s:.0f}"]  # fmt: skip
    stack = f"**{row.stack}**" if {VERDICT, NOT_SHOWN} & set(row.problems) else row.stack
    parity = f"{row.agreeing} of {row.signals}" if row.signals else "nothing compared"
    parity = f"**{parity}**" if PARITY in row.problems else parity
    return [row.name, str(row.seed), scale, row.expected, row.sim, stack, row.shown, parity, f"{row.real_s:.0f}"]


def _explained(rows: Sequence[Row], known: Mapping[str, Known]) -> Iterator[str]:
    for row in rows:
        if not row.problems:
            continue
        entry = known.get(row.scenario)
        why = entry.why if entry and entry.excuses(row) else "**Not explained.**"
        seen = row.reason or "; ".join(row.differing)
        yield f"\n* `{row.name}`: {', '.join(row.problems)}.{f' Seen: {seen}.' if seen else ''} {why}"
    left_out: dict[str, list[str]] = {}
    for row in rows:
        for text in row.not_compared:
            left_out.setdefault(text, []).append(f"`{row.name}`")
    if left_out:
        yield "\nNot compared:"
    for text, names in sorted(left_out.items()):
        yield f"\n* {text}: {', '.join(names)}"


def _cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def exit_code(rows: Sequence[Row], known: Mapping[str, Known]) -> ExitCode:
    """OK, FAILED where a difference is not known, INCONCLUSIVE where only the machine was in the way."""
    codes = [ExitCode.OK]
    for row in rows:
        entry = known.get(row.scenario)
        if row.problems and not (entry and entry.excuses(row)):
            codes.append(ExitCode.INCONCLUSIVE if row.disturbed else ExitCode.FAILED)
    return worst(codes)
