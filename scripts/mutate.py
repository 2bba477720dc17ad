"""Mutation testing: changes the code that judges, a little at a time, and lists the changes that no test notices.

python -m scripts.mutate [--workers COUNT] [TARGET...]        (`make mutate ARGS=witness`)

A target is a module named in pyproject.toml (`[tool.mutmut] only_mutate`): its path, the name of its file, or that of
its directory (`graders`); without any, all of them. mutmut makes the changes in a copy under mutants/ and runs, for
each, the tests that reach the changed function. What was found of these modules is written to
docs/figures/mutation.json, and docs/mutation.md anew from that.

Ends with 0 where the tests notice at least 85 % of each module's mutants, and docs/mutation-survivors.yaml has a reason
for each of the others; with 1 where not, or where it has a reason for one that does not survive; with 2 for an unknown
target; with 3 where mutmut itself failed, as it does when a test fails without any change.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "mutants"
PAGE = ROOT / "docs" / "mutation.md"
FIGURES = ROOT / "docs" / "figures" / "mutation.json"
REASONS = ROOT / "docs" / "mutation-survivors.yaml"
JOURNAL = "lab/testbeds/stack/journal.py"
LEAST_SHARE = 0.85
"""Share of a module's mutants that its tests must notice."""
KILLED, TIMEOUT, SURVIVED = "killed", "timeout", "survived"
"""What became of a mutant: a test failed, the tests did not end, or neither."""
SPINNER = frozenset("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
"""What mutmut's progress begins with."""
HEAD = ("module", "mutants", "killed", "timeout", "survived", "noticed", "at commit")


@dataclass(frozen=True, order=True)
class Change:
    """One small change: in which function, the text as it was and as it becomes. It survives renumbering."""

    function: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.function}: {self.was}  →  {self.becomes}"


@dataclass(frozen=True)
class Result:
    """What became of the mutants of a module, and at which commit."""

    module: str
    counts: Mapping[str, int]
    survivors: tuple[Change, ...]
    version: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def noticed_share(self) -> float:
        """Share of the mutants that made a test fail or never end; 1 where there is none."""
        return 1 - self.counts.get(SURVIVED, 0) / self.total if self.total else 1.0

    def row(self) -> tuple[str, ...]:
        counts = [self.total, *(self.counts.get(outcome, 0) for outcome in (KILLED, TIMEOUT, SURVIVED))]
        return (self.module, *map(str, counts), f"{self.noticed_share:.1%}", self.version)


def read_figures(path: Path = FIGURES) -> dict[str, Result]:
    """What was found of each module when it was last mutated."""
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {
        module: Result(
            module, entry["counts"], tuple(Change(*change) for change in entry["survivors"]), entry["version"]
        )
        for module, entry in content.items()
    }


def write_figures(found: Iterable[Result], path: Path = FIGURES) -> None:
    """Puts results in the place of older ones of the same modules; forgets modules that are no longer mutated."""
    every = read_figures(path) | {result.module: result for result in found}
    content = {
        module: {"version": every[module].version,
                 "counts": dict(sorted(every[module].counts.items())),
                 "survivors": [[c.function, c.was, c.becomes] for c in every[module].survivors]}
        for module in modules() if module in every
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def modules(root: Path = ROOT) -> list[str]:
    """The modules to mutate, as pyproject.toml names them; those without code to mutate are left out."""
    patterns = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]["only_mutate"]
    found = {path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)}
    return sorted(name for name in found if not name.endswith("__init__.py"))


def chosen(targets: Sequence[str], known: Sequence[str]) -> list[str]:
    """The modules that the targets name; ValueError where one names none."""
    found: set[str] = set()
    for target in targets:
        path = Path(target)
        mine = {name for name in known if name == path.as_posix() or target in (Path(name).stem, Path(name).parts[0])}
        if not mine:
            raise ValueError(f"{target}: no such target, expected one of {', '.join(known)}")
        found |= mine
    return sorted(found) if targets else list(known)


def read_reasons(path: Path = REASONS) -> dict[str, dict[Change, str]]:
    """Why each known survivor survives, by module; ValueError where an entry has no reason or is there twice."""
    found: dict[str, dict[Change, str]] = {}
    for module, groups in (yaml.safe_load(path.read_text("utf-8")) or {}).items():
        mine = found.setdefault(module, {})
        for group in groups:
            why = " ".join(str(group.get("why") or "").split())
            for entry in group["mutants"]:
                change = Change(str(entry["in"]), str(entry["was"]), str(entry["becomes"]))
                if not why or change in mine:
                    raise ValueError(f"{path}: {module}: {change}: expected one reason, once")
                mine[change] = why
    return found


def problems_of(result: Result, reasons: Mapping[Change, str]) -> list[str]:
    """What is wrong with a module's result: too many survive, one has no reason, or a reason is for none."""
    found = []
    if result.noticed_share < LEAST_SHARE:
        found.append(f"{result.noticed_share:.1%} of its mutants noticed, expected at least {LEAST_SHARE:.0%}")
    found += [f"survives without a reason: {change}" for change in result.survivors if change not in reasons]
    found += [f"has a reason and does not survive: {change}" for change in reasons if change not in result.survivors]
    return [f"{result.module}: {problem}" for problem in found]


def changed_lines(diff: str) -> tuple[str, str]:
    """The lines that a diff takes away, and those that it puts there, each joined to one text."""
    lines = diff.splitlines()[2:]
    was, becomes = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return was, becomes


def results(names: Sequence[str]) -> Iterator[Result]:
    """What mutmut found out of each module. Runs in the top directory, as mutmut itself."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    version = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.strip()
    for name in names:
        data = SourceFileMutationData(path=name)
        data.load()
        counts: Counter[str] = Counter()
        survivors = []
        for mutant, exit_code in data.exit_code_by_key.items():
            status = status_by_exit_code[exit_code]
            outcome = status if status in (KILLED, TIMEOUT) else SURVIVED  # no test reaches it, too
            counts[outcome] += 1
            if outcome == SURVIVED:
                function, owner = orig_function_and_class_names_from_key(mutant)
                was, becomes = changed_lines(get_diff_for_mutant(mutant, path=name))
                survivors.append(Change(f"{owner}.{function}" if owner else function, was, becomes))
        yield Result(name, counts, tuple(sorted(survivors)), version)


def run_mutmut(names: Sequence[str], workers: int) -> int:
    """Mutates modules in a new copy; mutmut's exit code. What an earlier run left would count as tested."""
    shutil.rmtree(COPY, ignore_errors=True)
    patterns = [name.removesuffix(".py").replace("/", ".") + ".x*" for name in names]
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(workers), *patterns]
    shown = True
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:  # what mutmut writes over is a line each
            is_progress = line[:1] in SPINNER
            shown = shown and line.strip() != "Mutant results"  # a line for each mutant: the survivors are listed below
            if shown and line.strip() and (sys.stdout.isatty() or not is_progress):
                print(line.rstrip(), end="\x1b[K\r" if is_progress else "\n", flush=True)
    return process.returncode


def table(found: Iterable[Result]) -> list[tuple[str, ...]]:
    """Rows of numbers under a head, the last one of all modules together."""
    every = list(found)
    together = Counter[str]()
    for result in every:
        together.update(result.counts)
    return [HEAD, *(result.row() for result in every), Result("together", together, ()).row()]


def as_text(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) if not column else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )  # fmt: skip


PAGE_TEXT = """# Mutation testing

`make mutate` changes the code that judges, a little at a time (another operator, another constant, an argument left
out, another text), and runs the tests that reach the changed function. A change that no test notices survives: a test
is missing, or the change changes nothing. The command fails where less than {least:.0%} of a module's mutants are
noticed, and where a survivor has no reason. It writes this page; the reasons are in `mutation-survivors.yaml`. Why it
is done like this: [decision 0046](decisions/0046-mutation-testing.md).

{table}

"Noticed" are those that made a test fail, and those with which the tests did not end. Each module has the figures of
the commit at which it was last mutated.
"""


def page(found: Sequence[Result], reasons: Mapping[str, Mapping[Change, str]]) -> str:
    """docs/mutation.md: the numbers, and every survivor with its reason."""
    head, *rows = ("| " + " | ".join(row) + " |" for row in table(found))
    parts = [PAGE_TEXT.format(least=LEAST_SHARE, table="\n".join([head, "|---" * len(HEAD) + "|", *rows]))]
    missing = sorted(set(modules()) - {result.module for result in found})
    if missing:
        parts.append(f"Not mutated since this page exists: {', '.join(missing)}.\n")
    for result in found:
        if not result.survivors:
            continue
        by_reason: dict[str, list[Change]] = {}
        for change in result.survivors:
            by_reason.setdefault(reasons.get(result.module, {}).get(change, "No reason yet."), []).append(change)
        parts.append(f"## Survivors of {result.module}\n")
        for why, changes in by_reason.items():
            lines = [f"{change.function}\n- {change.was}\n+ {change.becomes}" for change in changes]
            parts.append(f"{why}\n\n```diff\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutates, counts, and says what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="modules to mutate [default: all]")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes [default: one a CPU]")
    given = parser.parse_args(arguments)
    try:
        names = chosen(given.targets, modules())
        reasons = read_reasons()
    except ValueError as error:
        parser.error(str(error))
    os.chdir(ROOT)
    if os.geteuid() and JOURNAL in names:
        print(f"only root can fill a disk or be another user: without these tests more mutants of {JOURNAL} survive")
    status = run_mutmut(names, given.workers)
    if status:
        print(f"mutmut ended with {status}: there is no result. Do the tests pass (make test)?", file=sys.stderr)
        return 3
    found = list(results(names))
    print(as_text(table(found)))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{(used.ru_utime + used.ru_stime) / 60:.1f} minutes of CPU")
    write_figures(found)
    PAGE.write_text(page(list(read_figures().values()), reasons), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    problems = [problem for result in found for problem in problems_of(result, reasons.get(result.module, {}))]
    unknown = sorted(reasons.keys() - set(modules()))
    problems += [f"{REASONS.relative_to(ROOT)}: {module} is not mutated" for module in unknown]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
