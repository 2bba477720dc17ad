"""Compares what two commits record: every file under `observed/` of every shipped scenario, byte for byte.

python -m scripts.same_recordings COMMIT [--seeds COUNT] [SCENARIO_OR_SUITE...]   (`make same-recordings BEFORE=COMMIT`)

Runs the commit's code and the code of this checkout on `sim`, each with its own entry points, for each scenario of
each system's suite and its first seeds; `--observability rich` compares what only rich telemetry has too. Ends with 0
where all bytes are equal, with 1 and a list of the files that differ or that only one of both made, with 2 where one of
both cannot record. What is changed on purpose is named, each with its reason, in docs/decisions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUITES = ("recommender", "fraud", "segmentation")
"""What is compared unless something is named, but for what the commit has not. A suite is run by itself."""
SEEDS = 2
ENGINE = "chance"
"""Some engine has to be asked; this one reads nothing."""


def record(tree: Path, targets: Sequence[str], options: Sequence[str], place: Path) -> Path:
    """Runs scenarios with the code of a source tree; the directory of its recordings, by target, scenario and seed.

    `targets`: scenarios and suites as `lab run` takes them; each is run by itself. `options`: the other options.
    """
    installed, runs = place / "installed", place / "runs"
    _write_entry_points(tree, installed)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), str(tree)])}
    for target in targets:
        command = [sys.executable, "-m", "lab", "run", target, *options, "--runs-dir", str(runs / folder(target))]
        command += ["--engine", ENGINE, "--no-report", "--quiet"]
        done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 1, 4):  # an engine that guesses fails
            print(f"nothing is compared: `lab run {target}` of {tree} ended with {done.returncode}", file=sys.stderr)
            raise SystemExit(2)
    return runs


def known(suites: Sequence[str], tree: Path) -> list[str]:
    """Those of the shipped suites that a source tree has too; of the others it says so."""
    missing = [suite for suite in suites if not (tree / "scenarios" / f"{suite}.suite.yaml").is_file()]
    if missing:
        print(f"left out, for there is nothing to compare with: {', '.join(missing)}", file=sys.stderr)
    return [suite for suite in suites if suite not in missing]


def folder(target: str) -> str:
    """The name of a target's directory: one level, whatever path the target is."""
    return target.strip("/").replace("/", ":")


def _write_entry_points(tree: Path, place: Path) -> None:
    """Writes the entry points that installing the tree would write; they replace the installed ones."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    directory = place / f"{project['name'].replace('-', '_')}-0.dist-info"
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    lines = []
    for group, entries in project.get("entry-points", {}).items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
    (directory / "entry_points.txt").write_text("\n".join(lines))


def differences(before: Path, after: Path) -> Iterator[str]:
    """What differs between two directories of recordings, a line each."""
    ours, theirs = _files(before), _files(after)
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            yield f"{name}: only before"
        elif name not in ours:
            yield f"{name}: only after"
        elif ours[name].read_bytes() != theirs[name].read_bytes():
            yield f"{name}: other bytes"


def _files(runs: Path) -> dict[str, Path]:
    """Files under `observed/` by target, scenario, seed and name; a run's directory ends in a digest of the code."""
    found = {}
    for path in runs.glob("*/*/*/observed/**/*"):
        if path.is_file():
            target, scenario, run, *rest = path.relative_to(runs).parts
            found["/".join([target, scenario, run.partition("-")[0], *rest])] = path
    return found


def main() -> int:
    """Records with both, compares, and prints the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="the commit to compare this checkout with")
    parser.add_argument("targets", nargs="*", metavar="SCENARIO_OR_SUITE")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"seeds of each scenario [default: {SEEDS}]")
    parser.add_argument("--observability", default="", help="of all systems [default: that of their files]")
    given = parser.parse_args()
    options = ["--seeds", str(given.seeds)]
    options += ["--observability", given.observability] if given.observability else []
    with tempfile.TemporaryDirectory(prefix="same-recordings-") as name:
        place = Path(name)
        tree = place / "before" / "tree"
        added = subprocess.run(
            ["git", "worktree", "add", "--quiet", "--detach", tree, given.commit], cwd=ROOT, check=False
        )
        if added.returncode:  # git has said why
            return 2
        try:
            targets = given.targets or known(SUITES, tree)
            before = record(tree, targets, options, place / "before")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
        after = record(ROOT, targets, options, place / "after")
        recordings = len({file.rpartition("/observed/")[0] for file in _files(after)})
        found = list(differences(before, after))
    for line in found:
        print(line)
    print(f"{recordings} recordings compared with {given.commit}: {len(found) or 'no'} files differ")
    return 1 if found or not recordings else 0


if __name__ == "__main__":
    sys.exit(main())
