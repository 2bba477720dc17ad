"""Engines for tests, installed the way a stranger's are: a distribution with entry points on the import path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.distributions import write_distribution

SYSTEM = {
    "duration_s": 600.0,
    "components": {"shop": {"kind": "service"}, "ranker": {"kind": "model"}, "store": {"kind": "database"}},
    "links": {"shop->ranker": {}, "shop->store": {}},
}
ANSWER = {
    "schema_version": 1,
    "verdict": "fault",
    "findings": [{"culprit": "somebody", "boundary": "network", "kind": "own-name", "onset_s": 1.5, "confidence": 0.5}],
}
MODULE = """
import json, os, subprocess, sys, time
from pathlib import Path
from lab.contracts import Diagnosis, Finding, Verdict

calls = 0

def blames(culprit, confidence=1.0):
    return Diagnosis(Verdict.FAULT, (Finding(culprit, "service", "own-name", None, confidence),))

def counts(observed):
    global calls
    calls += 1
    return blames(f"call {calls} of {os.getpid()}")

def tells(observed):
    everything = {"argv": sys.argv, "cwd": os.getcwd(), "observed": str(observed), "env": dict(os.environ)}
    return blames(json.dumps(everything))

def lists(observed):
    seen = sorted(str(path.relative_to(observed.parent)) for path in observed.parent.rglob("*"))
    return blames(json.dumps({"seen": seen, "mtime_s": (observed / "system.json").stat().st_mtime}))

def chatters(observed):
    print('{"diagnosis": "from print"}', flush=True)
    os.write(1, b"from a file descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return blames(f"stdin {sys.stdin.read()!r}")

def raises(observed):
    raise KeyError("no such column")

def quits(observed):
    sys.exit("I give up")

def dies(observed):
    print("out of tokens", file=sys.stderr, flush=True)
    os._exit(3)

def hangs(observed):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(os.environ["TMPDIR"], "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)

def unsure_of_itself(observed):
    return blames("shop", float("nan"))

def floods(observed):
    return blames("x" * 20_000_000)

def returns_a_list(observed):
    return [1, 2]
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the engines of MODULE on the import path under their function names."""
    (folder / "strange_engines.py").write_text(MODULE, encoding="utf-8")
    names = [line.split("(")[0].removeprefix("def ") for line in MODULE.splitlines() if line.endswith("(observed):")]
    write_distribution(folder, "strange-engines", {"lab.engines": {name: f"strange_engines:{name}" for name in names}})
    monkeypatch.syspath_prepend(str(folder))


def write_observed(run: Path) -> Path:
    """A recording's `observed/`, with its truth beside it."""
    observed = run / "observed"
    (observed / "reference").mkdir(parents=True)
    (observed / "system.json").write_text(json.dumps(SYSTEM), encoding="utf-8")
    (observed / "reference" / "schema.json").write_text("{}", encoding="utf-8")
    (run / "truth").mkdir()
    (run / "truth" / "faults.json").write_text('{"faults": ["stale-cache"]}', encoding="utf-8")
    return observed
