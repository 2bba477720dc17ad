"""Signals kept beside a recording: used where they are its own, noticed and left alone where there is any doubt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from lab import signals
from lab.contracts import Diagnosis, Verdict
from lab.engines.host import EngineHost, copied, told
from lab.engines.options import EngineOptions
from lab.library import Run
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.recording.rundir import RUN_FILE, SIGNALS_FILE, RunDirectory, sealed
from lab.runs.runner import run_scenario
from lab.signals import Series, SignalTable, compute_signals, forget_recorded, kept, load_signals
from tests.simulated import scenario

FAULT = {"type": "network-partition", "target": "desk->db", "at": "50s", "for": "40s"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("kept")
    run = run_scenario(scenario(folder, duration_s=120, rate_per_s=10, faults=[FAULT]), 1, folder / "runs")
    forget_recorded()
    return run


@pytest.fixture
def run(made: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy that may be changed."""
    path = tmp_path / "run"
    shutil.copytree(made.path, path)
    return RunDirectory(path, made.meta)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The recordings whose signals are computed from their tables from now on."""
    found: list[object] = []

    def compute(observed: object) -> SignalTable:
        found.append(observed)
        return compute_signals(observed)  # type: ignore[arg-type]

    monkeypatch.setattr(signals, "compute_signals", compute)
    return found


def assert_equal(one: SignalTable, other: SignalTable) -> None:
    assert [(s.signal, s.subject) for s in one] == [(s.signal, s.subject) for s in other]
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.values, theirs.values)
        np.testing.assert_array_equal(mine.times_s, theirs.times_s)


def from_tables(run: RunDirectory) -> SignalTable:
    return compute_signals(load_observed(run.observed))


def test_what_is_kept_is_what_the_tables_say(run: RunDirectory, computed: list[object]) -> None:
    assert_equal(load_signals(run.observed), from_tables(run))
    assert computed == []


def test_a_recording_is_whole_with_it_and_without_it(run: RunDirectory) -> None:
    open_run(run.path)
    (run.path / SIGNALS_FILE).unlink()
    open_run(run.path)
    assert_equal(load_signals(run.observed), from_tables(run))


def false_signals(run: RunDirectory) -> SignalTable:
    return SignalTable([Series(s.signal, s.subject, s.times_s, s.values + 1) for s in from_tables(run)])


def plant(run: RunDirectory) -> None:
    """Other values of the right shape, made as the lab makes them, with all checksums of the file right."""
    (run.path / SIGNALS_FILE).write_bytes(kept.content(kept.digests(run.observed), false_signals(run), None))


def change_a_value(run: RunDirectory) -> None:
    """Other values under the head of the right ones, in a file that the recording is told to expect."""
    with np.load(run.path / SIGNALS_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["values"][0, 0] += 1
    np.savez(run.path / SIGNALS_FILE, **arrays)
    seal(run)


def other_head(**changed: object) -> Callable[[RunDirectory], None]:
    """A file that the recording expects, and that says that it was made of, or by, something else."""

    def change(run: RunDirectory) -> None:
        with np.load(run.path / SIGNALS_FILE) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.dumps(json.loads(arrays["head"].tobytes()) | changed).encode()
        np.savez(run.path / SIGNALS_FILE, **{**arrays, "head": np.frombuffer(head, np.uint8)})
        seal(run)

    return change


def seal(run: RunDirectory) -> None:
    content = json.loads((run.path / RUN_FILE).read_text())
    content["signals"] = sha256((run.path / SIGNALS_FILE).read_bytes()).hexdigest()
    (run.path / RUN_FILE).write_text(json.dumps(sealed(content)))


def other_tables(run: RunDirectory) -> None:
    """The recording itself was changed after its signals were kept."""
    text = (run.observed / "changes.jsonl").read_text(encoding="utf-8")
    (run.observed / "changes.jsonl").write_text(text + '{"time_s": 1, "summary": "later"}\n', encoding="utf-8")


def one_file_more(run: RunDirectory) -> None:
    (run.observed / "notes.txt").write_text("later")


def torn(run: RunDirectory) -> None:
    data = (run.path / SIGNALS_FILE).read_bytes()
    (run.path / SIGNALS_FILE).write_bytes(data[: len(data) // 2])
    seal(run)


def no_file_but_a_directory(run: RunDirectory) -> None:
    (run.path / SIGNALS_FILE).unlink()
    (run.path / SIGNALS_FILE).mkdir()


def nothing_expected(run: RunDirectory) -> None:
    """A file beside a recording that was made without one."""
    content = {name: said for name, said in json.loads((run.path / RUN_FILE).read_text()).items() if name != "signals"}
    (run.path / RUN_FILE).write_text(json.dumps(sealed(content)))


@pytest.mark.parametrize(
    "spoil",
    [plant, change_a_value, other_tables, one_file_more, torn, no_file_but_a_directory, nothing_expected,
     other_head(code="of an older lab"), other_head(numpy="1.0"), other_head(names=[]), other_head(values="0")],
    ids=["planted", "a value", "tables", "a file more", "torn", "a directory", "not expected", "code", "numpy", "names",
         "digest"],
)  # fmt: skip
def test_what_is_not_its_own_is_noticed(
    run: RunDirectory, spoil: Callable[[RunDirectory], None], computed: list[object], tmp_path: Path
) -> None:
    spoil(run)
    assert_equal(load_signals(run.observed), from_tables(run))
    assert len(computed) == 1
    assert copied(run.observed, tmp_path / "case" / "observed")[1] is None
    assert not (tmp_path / "case" / SIGNALS_FILE).exists(), "no engine gets it either"


def test_an_engine_gets_the_signals_beside_its_copy_and_nothing_else(run: RunDirectory, tmp_path: Path) -> None:
    copy, checksum = copied(run.observed, tmp_path / "case" / "observed")
    assert sorted(path.name for path in copy.parent.iterdir()) == ["observed", SIGNALS_FILE]
    content = (copy.parent / SIGNALS_FILE).read_bytes()
    computed_anew = kept.content(kept.digests(copy), from_tables(run), None)
    assert content == computed_anew, "all that it says follows from observed/"
    assert checksum == sha256(content).hexdigest()


def test_a_loose_directory_has_nobody_to_say_whose_its_signals_are(run: RunDirectory, computed: list[object]) -> None:
    """Anybody with the lab's code can make a file that names these tables."""
    plant(run)
    (run.path / RUN_FILE).unlink()
    assert_equal(load_signals(run.observed), from_tables(run))
    assert len(computed) == 1


def test_a_copy_s_signals_are_used_where_the_host_says_which_they_are(
    run: RunDirectory, computed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, checksum = copied(run.observed, tmp_path / "case" / "observed")
    for name, value in told(checksum).items():
        monkeypatch.setenv(name, value)
    assert_equal(load_signals(copy), from_tables(run))
    assert computed == []
    forget_recorded()
    (copy.parent / SIGNALS_FILE).write_bytes(kept.content(kept.digests(copy), false_signals(run), None))
    assert_equal(load_signals(copy), from_tables(run))
    assert len(computed) == 1


SPEAKING = """
import json, sys
from pathlib import Path
from lab.signals import load_signals
signals = load_signals(Path(sys.argv[1]))
assert "pyarrow" not in sys.modules, "it has read the tables"
print(json.dumps({"schema_version": 1, "verdict": "healthy", "findings": []}))
"""


def test_commands_and_functions_are_told_too(run: RunDirectory, computed: list[object], tmp_path: Path) -> None:
    (tmp_path / "speaking.py").write_text(SPEAKING)
    command = f"cmd:{sys.executable} {tmp_path / 'speaking.py'}"
    with EngineHost(EngineOptions(confine=False)) as host:  # it reads the lab's own code
        given = host.diagnose(command, run.observed)
    assert isinstance(given, Diagnosis), given

    def function(observed: Path) -> Diagnosis:
        assert_equal(load_signals(observed), load_signals(run.observed))
        return Diagnosis(Verdict.HEALTHY, ())

    assert isinstance(Run(run).diagnose(function), Diagnosis)
    assert computed == []


def test_the_answer_is_the_same_with_them_and_without_them(run: RunDirectory) -> None:
    with EngineHost() as host:
        given = host.diagnose("rules", run.observed)
        (run.path / SIGNALS_FILE).unlink()
        assert host.diagnose("rules", run.observed) == given
    assert isinstance(given, Diagnosis)
    assert given.verdict is Verdict.FAULT


def test_an_engine_with_kept_signals_loads_no_library_of_tables(run: RunDirectory, tmp_path: Path) -> None:
    copy, checksum = copied(run.observed, tmp_path / "case" / "observed")
    code = (
        "import sys; from pathlib import Path; from lab.engines.rules import diagnose; diagnose(Path(sys.argv[1]))\n"
        "print(*({'pandas', 'pyarrow', 'scipy', 'sklearn', 'numba'} & set(sys.modules)))"
    )
    environment = {**os.environ, **told(checksum)}
    words = [sys.executable, "-c", code, str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""
