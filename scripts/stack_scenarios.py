"""Runs shipped scenarios on the real stack and on `sim`, and writes docs/stack-scenarios.md: verdicts and parity.

python -m scripts.stack_scenarios [--fresh | --page] [SCENARIO_OR_SUITE...]     (`make test-stack-scenarios ARGS=...`)

Without arguments the suites of all systems that the stack serves, one stack after the other. Recordings are kept
under runs/stack-scenarios: what the same code has made is not made again, unless --fresh is given. Ends with 0 where
every verdict on the stack is right and both testbeds agree, or docs/known-differences.yaml says why not; with 1
otherwise, with 4 where the machine disturbed a run twice and nothing else went wrong.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from lab.cli.selection import select
from lab.content.stack import parts
from lab.contracts import Diagnosis, Outcome, Truth
from lab.engines.host import EngineHost
from lab.errors import ExitCode, LabError, UserError
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
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.session import Session
from scripts.figures import ROOT
from scripts.pairs import ENGINE, SLOWER, TIME_SCALE, Pair, on_sim, record_pair
from scripts.stack_page import (
    KNOWN,
    NOT_RUN,
    NOT_SHOWN,
    PAGE,
    PARITY,
    VERDICT,
    Known,
    Row,
    exit_code,
    kept_rows,
    publish,
    read_known,
)

RUNS = ROOT / "runs"
ON_STACK = RUNS / "stack-scenarios"
"""Recordings of the stack, by the digest of its code; those of `sim` lie where `make run` puts them."""
SIGNS = {-1: "−", 0: "0", 1: "+"}
TOO_LITTLE = "too little compared"
STACK_CODE = ("lab/testbeds/stack", "services")
"""What recordings on the stack follow from, besides what every recording does and its system's compose files."""


def stack_digest(system: str, root: Path = ROOT) -> str:
    """A digest of the code behind a system's stack, its services and its compose files."""
    digest = sha256()
    for place in (*STACK_CODE, *files_of(system)):
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
        return replace(row, reason=_line(str(error)), problems=(NOT_RUN,))
    seconds_file = root / "seconds.json"
    seconds = json.loads(seconds_file.read_text(encoding="utf-8")) if seconds_file.is_file() else {}
    pair = None if fresh else made_before(loaded, seed, root, host, scale)
    if pair is None:
        began_s = time.monotonic()
        pair = record_pair(loaded, seed, root, host, scale, RUNS, lambda text: print(f"  {text}", flush=True))
        seconds[row.scenario] = round(time.monotonic() - began_s, 1)
        root.mkdir(parents=True, exist_ok=True)
        seconds_file.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    return judged(replace(row, time_scale=pair.time_scale, real_s=seconds.get(row.scenario, 0.0)), pair)


def judged(row: Row, pair: Pair) -> Row:
    """The row with verdicts and parity, or with the reason why there are none."""
    for result in (pair.stack, pair.sim):
        if not result.assessments:
            return replace(
                row, reason=_line(result.problem), problems=(NOT_RUN,), disturbed=result.is_inconclusive,
            )  # fmt: skip
    sim, stack = pair.verdicts
    parity = pair.parity()
    differing = tuple(_difference(parity))
    wrong = {Outcome.PASS: [], Outcome.INCONCLUSIVE: [NOT_SHOWN], Outcome.FAIL: [VERDICT]}[stack.outcome]
    wrong = wrong if parity.agrees else [*wrong, PARITY]
    return replace(
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


def _line(text: str) -> str:
    return " ".join(text.replace(str(ROOT) + "/", "").split())


def _print(row: Row, known: Mapping[str, Known]) -> None:
    code = exit_code([row], known)
    mark = "✓" if code == ExitCode.OK else "✗"
    note = ""
    if row.scenario in known and not code:
        note = "a known difference" if row.problems else f"no longer differs as {KNOWN.name} says"
    texts = [row.stack or row.reason, *row.differing, note]
    print(f"{mark} {row.scenario}  {row.real_s:.0f} s  {'; '.join(filter(None, texts))}", flush=True)


def run_all(scenarios: Sequence[LoadedScenario], known: Mapping[str, Known], *, fresh: bool) -> list[Row]:
    """Runs scenarios of one system on its stack, and publishes each row as soon as it is there."""
    system, published, rows = scenarios[0].system, kept_rows(), []
    code = stack_digest(system.name)
    print(f"bringing the stack of {system.name} up, with what has changed", flush=True)
    with EngineHost() as host, held(Session(system), StackOptions(time_scale=TIME_SCALE), anew=True):
        for loaded in scenarios:
            row = run_one(loaded, ON_STACK / code, host, code, fresh=fresh)
            rows.append(row)
            _print(row, known)
            published[row.scenario] = row
            publish(published)  # now: who interrupts the rest keeps this
    return rows


def of_other_code(rows: Mapping[str, Row]) -> list[str]:
    """Scenarios whose row other code of the stack made than this checkout's."""
    codes = {system: stack_digest(system) for system in parts()}
    return [name for name, row in rows.items() if row.code != codes[row.system]]


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=sorted(parts()), metavar="SCENARIO_OR_SUITE")
    parser.add_argument("--fresh", action="store_true", help="run again what the same code has made already")
    parser.add_argument("--page", action="store_true",
                        help="run nothing: write the page again, and name rows that other code has made")  # fmt: skip
    asked = parser.parse_args(words)
    known = read_known()
    if asked.page:
        publish(kept_rows())
        for name in of_other_code(kept_rows()):
            print(f"of other code than this checkout's: {name}")
        return exit_code(list(kept_rows().values()), known)
    scenarios = [loaded for target in asked.targets for loaded in select((target,)).scenarios]
    by_system = groupby(scenarios, lambda loaded: loaded.system.name)
    rows = [row for _, group in by_system for row in run_all(list(group), known, fresh=asked.fresh)]
    print(f"{PAGE.relative_to(ROOT)} has the table")
    return exit_code(rows, known)


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
