"""Writes figures and samples into README.md and docs, between markers: what is published is what a command printed.

python scripts/figures.py evaluation RESULTS.json   from `lab evaluate SUITE -o RESULTS.json` (`make evaluate`)
python scripts/figures.py sample                    the README's verdict, from a run of its scenario (`make sample`)
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.cli.figures import comparisons_table, confusions_table, metrics_table, published
from lab.cli.selection import SUITE
from lab.files.finding import shipped_names

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
README, EVALUATION = ROOT / "README.md", ROOT / "docs" / "evaluation.md"
NOT_MEASURED = "Not measured yet: `make evaluate` writes it here."
SAMPLE = ("recommender/deploy-stale-cache", "--seed", "1", "--verbose", "--no-report")
"""The run whose verdict the README shows."""


def between(text: str, name: str) -> str:
    """What stands between the markers of a name; KeyError where there are none."""
    found = re.search(_pattern(name), text, re.DOTALL)
    if found is None:
        raise KeyError(f"no markers <!-- {name}: begin … --> and <!-- {name}: end -->")
    return found[2].strip("\n")


def replaced(text: str, name: str, content: str) -> str:
    """The text with other content between the markers of a name."""
    between(text, name)
    return re.sub(_pattern(name), lambda found: f"{found[1]}\n{content}\n{found[3]}", text, flags=re.DOTALL)


def _pattern(name: str) -> str:
    return rf"(<!-- {name}: begin[^\n]*-->)\n(.*?)\n(<!-- {name}: end -->)"


def figures_of(suite: str) -> Path:
    """Where the published evaluation of a shipped suite is."""
    return FIGURES / f"evaluation-{suite}.json"


def evaluation_parts() -> list[tuple[Path, str, str]]:
    """(file, marker, content) of all that comes from the published evaluations, or says that there is none."""
    return [part for suite in shipped_names(SUITE) for part in _parts_of(suite)]


def _parts_of(suite: str) -> list[tuple[Path, str, str]]:
    tables = {"figures": metrics_table, "comparisons": comparisons_table, "confusions": confusions_table}
    path = figures_of(suite)
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    places = [(README, "figures"), *((EVALUATION, name) for name in tables)]
    return [(path, f"{name}-{suite}", tables[name](document) if document else NOT_MEASURED) for path, name in places]


def sample() -> str:
    """The verdict of the sample's run as `lab run` prints it, as a block of Markdown."""
    with tempfile.TemporaryDirectory(prefix="lab-sample-") as scratch:
        words = [sys.executable, "-m", "lab", "run", *SAMPLE, "--runs-dir", scratch]
        output = subprocess.run(words, capture_output=True, text=True, check=False, cwd=scratch).stdout
    verdict = output.split("\n\n")[0].rstrip()
    return f"```\n{verdict}\n```"


def write(path: Path, name: str, content: str) -> None:
    path.write_text(replaced(path.read_text(encoding="utf-8"), name, content), encoding="utf-8")


def main(words: list[str]) -> None:
    match words:
        case ["evaluation", results]:
            document = published(json.loads(Path(results).read_text(encoding="utf-8")))
            suite = document["suite"]
            if suite not in shipped_names(SUITE):
                sys.exit(f"{results} is of suite {suite!r}; expected a shipped one: {', '.join(shipped_names(SUITE))}")
            FIGURES.mkdir(exist_ok=True)
            figures_of(suite).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            for path, name, content in _parts_of(suite):
                write(path, name, content)
        case ["sample"]:
            write(README, "sample", sample())
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
