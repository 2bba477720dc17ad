"""Engines for tests, installed the way a stranger's are: a distribution with entry points on the import path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.distributions import write_distribution

SYSTEM = {
    "duration_s": 600.0,
    "components": {"front": {"kind": "service"}, "ranker": {"kind": "model"}, "store": {"kind": "database"}},
    "links": {"front->ranker": {}, "front->store": {}},
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

def blames(culprit, confidence=1.0, why=()):
    return Diagnosis(Verdict.FAULT, (Finding(culprit, "service", "own-name", None, confidence, (), why),))

def says(what):
    text = json.dumps(what)
    return blames("somebody", why=tuple(text[at : at + 2000] for at in range(0, len(text), 2000)))

def counts(observed):
    global calls
    calls += 1
    return blames(f"call {calls} of {os.getpid()}")

def tells(observed):
    everything = {"argv": sys.argv, "cwd": os.getcwd(), "observed": str(observed), "env": dict(os.environ)}
    return says(everything)

def lists(observed):
    seen = sorted(str(path.relative_to(observed.parent)) for path in observed.parent.rglob("*"))
    return says({"seen": seen, "mtime_s": (observed / "system.json").stat().st_mtime})

def chatters(observed):
    print('{"diagnosis": "from print"}', flush=True)
    os.write(1, b"from a file descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return blames(f"stdin {sys.stdin.read()!r}")

def leaves(observed):
    body = "import os, time; os.setsid(); open(os.environ['TMPDIR'] + '/ready', 'w').close(); time.sleep(600)"
    answers = [fd for fd in range(3, 64) if is_pipe(fd)]
    child = subprocess.Popen([sys.executable, "-c", body, "left-behind"], pass_fds=answers)
    while not Path(os.environ["TMPDIR"], "ready").exists():
        time.sleep(0.01)
    return blames("somebody")

def is_pipe(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")
    except OSError:
        return False

def writes(text):
    for fd in range(3, 64):
        if is_pipe(fd):
            try:
                os.write(fd, text.encode())
            except OSError:
                pass
    return blames("somebody")

def writes_list(observed):
    return writes("[1]\\n")

def writes_object(observed):
    return writes("{}\\n")

def writes_text(observed):
    return writes("garbage \\x00\\n")

def writes_deep(observed):
    return writes("[" * 50000 + "\\n")

def answers_twice(observed):
    import threading
    def again():
        time.sleep(0.3)
        writes('{"diagnosis": {"schema_version": 1, "verdict": "healthy"}}\\n')
        Path(os.environ["TMPDIR"], "again").touch()
    threading.Thread(target=again, daemon=True).start()
    return blames("somebody")

def plants(observed):
    here = Path.cwd()
    planted = []
    for place in (here / "case" / "observed", observed.parent.parent / "planted", observed / "planted"):
        try:
            place.mkdir(parents=True)
            planted.append(place.name)
        except OSError:
            pass
    return blames(" ".join(planted))

def raises(observed):
    raise KeyError("no such column")

def raises_a_book(observed):
    raise KeyError("x" * 5_000_000)

def quits(observed):
    sys.exit("I give up")

def dies(observed):
    print("out of tokens", file=sys.stderr, flush=True)
    os._exit(3)

def hangs(observed):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(os.environ["TMPDIR"], "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)

def unsure_of_itself(observed):
    return blames("front", float("nan"))

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
