"""Runs shipped scenarios on the real stack and on `sim`, and writes docs/stack-scenarios.md: verdicts and parity.

python -m scripts.stack_scenarios [--fresh | --page] [SCENARIO_OR_SUITE...]     (`make test-stack-scenarios ARGS=...`)

Without arguments all scenarios of the suite `recommender`. Recordings are kept under runs/stack-scenarios: what the
same code has made is not made again, unless --fresh is given. Ends with 0 where every verdict on the stack is right and
both testbeds agree, or docs/known-differences.yaml says why not; with 1 otherwise, with 4 where the machine
disturbed a run twice and nothing else went wrong.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from lab.cli.selection import select
from lab.contracts import Diagnosis, Outcome, Truth
from lab.engines.host import EngineHost
from lab.errors import ExitCode, LabError, UserError, worst
from lab.judging.assess import Assessment, assess
from lab.recording.opening import open_run
from lab.runs.campaign import JobResult, check_gradable
from lab.runs.parity import Parity
from lab.runs.runner import run_path, scenario_reference
from lab.scenario import LoadedScenario
from lab.testbeds.installed import Chosen
from lab.testbeds.stack.feasible import greatest_time_scale
from lab.testbeds.stack.files import files_of
from lab.testbeds.stack.holding import held
from lab.testbeds.stack.options import SYSTEM, StackOptions
from lab.testbeds.stack.session import Session
from scripts.figures import ROOT, write
from scripts.pairs import ENGINE, SLOWER, TIME_SCALE, Pair, on_sim, record_pair

SUITE = "recommender"
RUNS = ROOT / "runs"
ON_STACK = RUNS / "stack-scenarios"
"""Recordings of the stack, by the digest of its code; those of `sim` lie where `make run` puts them."""
FIGURES = ROOT / "docs" / "figures" / "stack-scenarios.json"
PAGE = ROOT / "docs" / "stack-scenarios.md"
KNOWN = ROOT / "docs" / "known-differences.yaml"
SIGNS = {-1: "−", 0: "0", 1: "+"}
TOO_LITTLE = "too little compared"
NOT_RUN, NOT_SHOWN, VERDICT, PARITY = "not run", "not shown", "verdict", "parity"
HEAD = ("scenario", "seed", "time scale", "right answer", "sim", "stack", "faults shown", "parity", "real s")
STACK_CODE = ("lab/testbeds/stack", "services", *files_of(SYSTEM))
"""What recordings on the stack follow from, besides what every recording does."""


@dataclass(frozen=True)
class Row:
    """What one scenario came to; `differing`: what disagrees, as `signal of subject: sim / stack`."""

    scenario: str
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
    """Known differences by scenario; ValueError where an entry has no reason or excuses nothing."""
    known = {}
    for name, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        problems, why = frozenset(entry["problems"]), " ".join(str(entry["why"]).split())
        if not why or not problems or not problems <= {NOT_RUN, NOT_SHOWN, VERDICT, PARITY}:
            raise ValueError(f"{path}: {name}: expected a reason, and known problems")
        known[name] = Known(problems, why, frozenset(entry.get("differing", ())))
    return known


def stack_digest(root: Path = ROOT) -> str:
    """A digest of the code behind the stack, its services and its compose file."""
    digest = sha256()
    for place in STACK_CODE:
        top = root / place
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def made_before(loaded: LoadedScenario, seed: int, root: Path, host: EngineHost, scale: float) -> Pair | None:
    """The pair whose recording on the stack is there already, answered and graded anew; None where none is whole."""
    for tried in (scale, scale / SLOWER):
        path = run_path(loaded, seed, root, Chosen("stack", StackOptions(time_scale=tried)))
        try:
            run = open_run(path)
            check_gradable(run)
        except LabError:
            continue
        on_stack = JobResult(loaded.scenario.name, seed, str(path), (assess(run, ENGINE, host),), reused=True)
        return Pair(on_sim(loaded, seed, RUNS, host), on_stack, tried)
    return None


def run_one(loaded: LoadedScenario, root: Path, host: EngineHost, code: str, *, fresh: bool) -> Row:
    """Runs a scenario on both testbeds, or takes the recordings that are there, and says what it came to."""
    seed = loaded.scenario.seed
    row = Row(scenario_reference(loaded), seed, code, expected="")
    try:
        scale = greatest_time_scale(loaded, TIME_SCALE)
    except UserError as error:
        return _with(row, reason=_line(str(error)), problems=(NOT_RUN,))
    seconds_file = root / "seconds.json"
    seconds = json.loads(seconds_file.read_text(encoding="utf-8")) if seconds_file.is_file() else {}
    pair = None if fresh else made_before(loaded, seed, root, host, scale)
    if pair is None:
        began_s = time.monotonic()
        pair = record_pair(loaded, seed, root, host, scale, RUNS, lambda text: print(f"  {text}", flush=True))
        seconds[row.scenario] = round(time.monotonic() - began_s, 1)
        root.mkdir(parents=True, exist_ok=True)
        seconds_file.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    return judged(_with(row, time_scale=pair.time_scale, real_s=seconds.get(row.scenario, 0.0)), pair)


def judged(row: Row, pair: Pair) -> Row:
    """The row with verdicts and parity, or with the reason why there are none."""
    for result in (pair.stack, pair.sim):
        if not result.assessments:
            return _with(
                row, reason=_line(result.problem), problems=(NOT_RUN,), disturbed=result.is_inconclusive,
            )  # fmt: skip
    sim, stack = pair.verdicts
    parity = pair.parity()
    differing = tuple(_difference(parity))
    wrong = {Outcome.PASS: [], Outcome.INCONCLUSIVE: [NOT_SHOWN], Outcome.FAIL: [VERDICT]}[stack.outcome]
    wrong = wrong if parity.agrees else [*wrong, PARITY]
    return _with(
        row, expected=expectation(stack.truth), sim=answer_of(sim), stack=answer_of(stack), shown=_shown(stack.truth),
        agreeing=sum(one.agrees for one in parity.rows), signals=len(parity.rows), differing=differing,
        not_compared=tuple(f"{one.signal} of {one.subject} ({one.why})" for one in parity.not_compared),
        problems=tuple(wrong),
    )  # fmt: skip


def expectation(truth: Truth) -> str:
    """What an engine should say: the faults, `healthy`, or what may be named of a control that its load saturates."""
    if truth.degraded is not None:
        return f"unsure, or {' or '.join(sorted(truth.degraded.answerable))}"
    return ", ".join(f"{fault.culprit} ({fault.kind})" for fault in truth.faults) or "healthy"


def answer_of(case: Assessment) -> str:
    """`pass: db (schema-corruption)`: the outcome, and what was named."""
    if not isinstance(case.answer, Diagnosis):
        return f"{case.outcome}: no answer"
    most = max(1, len(case.truth.faults))
    named = ", ".join(f"{one.culprit} ({one.kind})" for one in case.answer.findings[:most])
    verdict = str(case.answer.verdict)
    return f"{case.outcome}: {named if verdict == 'fault' else verdict}"


def _shown(truth: Truth) -> str:
    return f"{sum(fault.witnessed for fault in truth.faults)} of {len(truth.faults)}" if truth.faults else "–"


def _difference(parity: Parity) -> Iterator[str]:
    for one in parity.rows:
        if not one.agrees:
            effects = (f"{SIGNS[each.sign]} ({each.change:+.3g} ± {each.uncertainty:.2g})" for each in one.effects)
            yield f"{one.signal} of {one.subject}: {' / '.join(effects)}"
    named = [" ".join(filter(None, verdict)) for verdict in parity.verdicts]
    if parity.verdicts[0] != parity.verdicts[1]:
        yield f"verdict: {named[0]} / {named[1]}"
    if parity.result == "inconclusive":
        yield f"{TOO_LITTLE}: {parity.doubt}"


def _with(row: Row, **changes: Any) -> Row:
    return Row(**{**asdict(row), **changes})


def _line(text: str) -> str:
    return " ".join(text.replace(str(ROOT) + "/", "").split())


def kept_rows() -> dict[str, Row]:
    """The rows that are published, by scenario."""
    if not FIGURES.is_file():
        return {}
    tuples = ("differing", "not_compared", "problems")
    found = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"]
    return {one["scenario"]: Row(**one | {name: tuple(one[name]) for name in tuples}) for one in found}


def publish(rows: Mapping[str, Row]) -> None:
    """Writes the figures and the page; rows in the order of the suite, even if only a part was run."""
    order = [scenario_reference(loaded) for loaded in select((SUITE,)).scenarios]
    ordered = [rows[name] for name in order if name in rows]
    FIGURES.parent.mkdir(exist_ok=True)
    document = {"schema_version": 1, "rows": [asdict(row) for row in ordered]}
    FIGURES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write(PAGE, "scenarios", table(ordered, read_known()))


def table(rows: Sequence[Row], known: Mapping[str, Known]) -> str:
    """The rows in Markdown, then what differs and why."""
    if not rows:
        return "Not run yet: `make test-stack-scenarios` writes it here."
    lines = [_cells(HEAD), _cells(["---"] * len(HEAD)), *(_cells(_columns(row)) for row in rows)]
    codes = sorted({row.code for row in rows})
    total_s = sum(row.real_s for row in rows)
    right = sum(not row.problems for row in rows)
    summary = f"{right} of {len(rows)} scenarios without a difference, {total_s / 60:.0f} minutes of real time. "
    summary += f"Code of the stack: {', '.join(f'`{code}`' for code in codes)}."
    return "\n".join([*lines, "", summary, *_explained(rows, known)])


def _columns(row: Row) -> list[str]:
    name = row.scenario.removeprefix(f"{SUITE}/")
    scale = "–" if row.time_scale is None else f"{row.time_scale:g}"
    if NOT_RUN in row.problems:
        return [name, str(row.seed), scale, "–", "–", "**inconclusive**" if row.disturbed else "**not run**", "–", "–",
                f"{row.real_s:.0f}"]  # fmt: skip
    stack = f"**{row.stack}**" if {VERDICT, NOT_SHOWN} & set(row.problems) else row.stack
    parity = f"{row.agreeing} of {row.signals}" if row.signals else "nothing compared"
    parity = f"**{parity}**" if PARITY in row.problems else parity
    return [name, str(row.seed), scale, row.expected, row.sim, stack, row.shown, parity, f"{row.real_s:.0f}"]


def _explained(rows: Sequence[Row], known: Mapping[str, Known]) -> Iterator[str]:
    for row in rows:
        if not row.problems:
            continue
        name = row.scenario.removeprefix(f"{SUITE}/")
        entry = known.get(name)
        why = entry.why if entry and entry.excuses(row) else "**Not explained.**"
        seen = row.reason or "; ".join(row.differing)
        yield f"\n* `{name}`: {', '.join(row.problems)}.{f' Seen: {seen}.' if seen else ''} {why}"
    left_out: dict[str, list[str]] = {}
    for row in rows:
        for text in row.not_compared:
            left_out.setdefault(text, []).append(f"`{row.scenario.removeprefix(f'{SUITE}/')}`")
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
        entry = known.get(row.scenario.removeprefix(f"{SUITE}/"))
        if row.problems and not (entry and entry.excuses(row)):
            codes.append(ExitCode.INCONCLUSIVE if row.disturbed else ExitCode.FAILED)
    return worst(codes)


def _print(row: Row, known: Mapping[str, Known]) -> None:
    code = exit_code([row], known)
    mark = "✓" if code == ExitCode.OK else "✗"
    note = ""
    if row.scenario.removeprefix(f"{SUITE}/") in known and not code:
        note = "a known difference" if row.problems else f"no longer differs as {KNOWN.name} says"
    texts = [row.stack or row.reason, *row.differing, note]
    print(f"{mark} {row.scenario}  {row.real_s:.0f} s  {'; '.join(filter(None, texts))}", flush=True)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=[SUITE], metavar="SCENARIO_OR_SUITE")
    parser.add_argument("--fresh", action="store_true", help="run again what the same code has made already")
    parser.add_argument("--page", action="store_true", help="run nothing: write the page again, with what is known now")
    asked = parser.parse_args(words)
    known, code = read_known(), stack_digest()
    if asked.page:
        publish(kept_rows())
        return exit_code(list(kept_rows().values()), known)
    scenarios = select(tuple(asked.targets)).scenarios
    published, mine = kept_rows(), []
    session = Session(scenarios[0].system)
    print("bringing the stack up, with what has changed", flush=True)
    with EngineHost() as host, held(session, StackOptions(time_scale=TIME_SCALE), anew=True):
        for loaded in scenarios:
            row = run_one(loaded, ON_STACK / code, host, code, fresh=asked.fresh)
            mine.append(row)
            _print(row, known)
            published[row.scenario] = row
            publish(published)  # now: who interrupts the rest keeps this
    print(f"{PAGE.relative_to(ROOT)} has the table")
    return exit_code(mine, known)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # what is in is put back, and the stack goes down
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
