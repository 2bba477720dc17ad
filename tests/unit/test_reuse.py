"""A recording that would come out the same is reused; whatever it follows from makes it anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.recording.holding import held
from lab.recording.opening import find_runs, open_run
from lab.runs import identity
from lab.runs.identity import NO_PART, OWN, recording_key
from lab.scenario import load_scenario
from lab.systems.topology import Observe
from lab.testbeds.installed import choose
from tests.cli_cases import HEALTHY, lab, run, run_json
from tests.distributions import write_distribution

TIMEOUT_S = 120.0
PLUG_IN = '''
from lab.injection.faults import decoy

@decoy("market-rumour", target="component")
def market_rumour(testbed, target):
    """Changes nothing."""
    yield
'''


@pytest.fixture(autouse=True)
def forget_digests() -> None:
    """Digests are taken once in a process; a test that changes what they are taken of must see the change."""
    for cached in (
        identity.code_digest,
        identity._package_digest,
        identity._contents,
        identity.plug_in_digest,
        identity.everything_installed,
    ):
        cached.cache_clear()


def stamps() -> dict[str, int]:
    """When each recording was made, by its path."""
    return {str(path): (path / "run.json").stat().st_mtime_ns for path in find_runs(Path("runs"))}


def test_the_same_run_again_reuses_its_recording_and_asks_anew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "quiet.scenario.yaml", "cut.scenario.yaml", "--seeds", 2, "--no-report", "--engine", HEALTHY)
    lab(*words, "--jobs", 1)
    before = stamps()
    assert "reused" not in capsys.readouterr().out
    lab(*words, "--jobs", 2)
    assert capsys.readouterr().out.count("(recording reused)") == 4
    assert stamps() == before
    # Another engine is asked about the recording that is there.
    run("quiet.scenario.yaml", "--engine", "constant")
    printed = capsys.readouterr().out
    assert "✗ FAIL  quiet  seed 3  constant  (recording reused)" in printed


def test_results_are_the_same_whether_the_recording_was_made_or_reused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "quiet.scenario.yaml", "--no-report", "--jobs", 1)
    _, made = run_json(capsys, *words)
    _, again = run_json(capsys, *words)
    assert made == again


def test_however_a_file_is_named_its_recording_is_reused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("quiet.scenario.yaml")
    before = stamps()
    (folder / "below").mkdir()
    for where, name in ((".", folder / "quiet.scenario.yaml"), ("below", "../quiet.scenario.yaml")):
        monkeypatch.chdir(folder / where)
        capsys.readouterr()
        run(name, "--runs-dir", folder / "runs")
        assert "(recording reused)" in capsys.readouterr().out
    monkeypatch.chdir(folder)
    # A file that has moved is still the same run; what replays it names the file as it lies now.
    Path("quiet.scenario.yaml").rename("moved.scenario.yaml")
    capsys.readouterr()
    run("moved.scenario.yaml")
    assert "(recording reused)" in capsys.readouterr().out
    assert stamps().keys() == before.keys()
    [path] = find_runs(Path("runs"))
    assert open_run(path).meta["scenario"]["reference"] == "moved.scenario.yaml"


def test_fresh_makes_it_anew_and_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("quiet.scenario.yaml")
    before, sums = stamps(), json.loads((find_runs(Path("runs"))[0] / "run.json").read_text())["checksums"]
    run("quiet.scenario.yaml", "--fresh")
    assert "reused" not in capsys.readouterr().out
    assert stamps().keys() == before.keys()
    assert stamps() != before
    assert json.loads((find_runs(Path("runs"))[0] / "run.json").read_text())["checksums"] == sums


@pytest.mark.parametrize("broken", ["observed/metrics.parquet", "truth/faults.json", "run.json"])
def test_a_recording_that_was_touched_is_made_anew(
    folder: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("quiet.scenario.yaml")
    path = find_runs(Path("runs"))[0] / broken
    sound = path.read_bytes()
    path.write_bytes(sound[:-2] + b" \n")
    assert run("quiet.scenario.yaml") == ExitCode.OK
    assert "reused" not in capsys.readouterr().out
    assert path.read_bytes() == sound


def test_a_recording_is_known_by_its_whole_key_not_by_the_name_of_its_directory(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("quiet.scenario.yaml")
    path = find_runs(Path("runs"))[0]
    monkeypatch.setattr(identity, "code_digest", lambda: "other code")
    run("quiet.scenario.yaml")
    capsys.readouterr()
    other = next(one for one in find_runs(Path("runs")) if one != path)
    for file in sorted(other.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    other.rmdir()
    path.rename(other)  # as if the short digests of two recordings were equal
    run("quiet.scenario.yaml")
    assert "reused" not in capsys.readouterr().out


def test_scenario_seed_system_and_code_are_in_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_scenario("quiet.scenario.yaml")
    sim, stack = choose("sim"), choose("stack")
    keys = {recording_key(loaded, 1, sim), recording_key(loaded, 2, sim), recording_key(loaded, 1, stack)}
    text = Path("quiet.scenario.yaml").read_text(encoding="utf-8")
    Path("quiet.scenario.yaml").write_text(text.replace("rate: 8/s", "rate: 9/s"), encoding="utf-8")
    keys.add(recording_key(load_scenario("quiet.scenario.yaml"), 1, sim))
    slower = loaded.system.model_copy(update={"observe": Observe(scrape_interval_s="10s")})
    keys.add(recording_key(type(loaded)(loaded.scenario, slower, loaded.path, loaded.text), 1, sim))
    monkeypatch.setattr(identity, "code_digest", lambda: "other code")
    keys.add(recording_key(loaded, 1, sim))
    assert len(keys) == 6


def test_code_that_recordings_follow_from_is_in_the_digest_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lab"
    files = ("cli/run.py", "engines/rules.py", "testbeds/stack/run.py", "witness.py", "testbeds/sim/engine.py")
    for name in files:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x = 1\n")
    for folder in (package, package / "testbeds", package / "testbeds" / "sim"):
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("lab", "lab.testbeds", "lab.testbeds.sim"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def digests() -> tuple[str, str]:
        identity.code_digest.cache_clear()
        identity._package_digest.cache_clear()
        identity._contents.cache_clear()
        return identity.code_digest(), identity._package_digest("lab.testbeds.sim")

    found = [digests()]
    for name in files:
        (package / name).write_text("x = 2\n")
        found.append(digests())
    assert found[0] == found[1] == found[2] == found[3], "no part of it"
    assert len(set(found)) == 3
    assert found[4][0] == found[5][0], "a testbed is in the key of its own recordings"


def test_a_run_imports_nothing_that_is_declared_to_be_no_part_of_it(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lab.scenario import load_scenario;"
        "from lab.runs.runner import run_scenario;"
        "run_scenario(load_scenario('cut.scenario.yaml'), 1, Path('runs'));"
        "run_scenario(load_scenario('quiet.scenario.yaml'), 1, Path('runs'));"
        f"print([m.__file__ for n, m in sys.modules.items() if n.split('.')[0] in {OWN} and m.__file__])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    top = Path(identity.__file__).parents[2]
    used = {Path(file).relative_to(top).as_posix() for file in eval(output)}
    assert "lab/judging/witness.py" in used
    assert not {name for name in used if any(name == no or name.startswith(f"{no}/") for no in NO_PART)}


def test_a_plug_in_that_the_scenario_uses_is_in_the_key(tmp_path: Path, folder: Path) -> None:
    plug_ins = tmp_path / "plug-ins"
    plug_ins.mkdir()
    (plug_ins / "rumours.py").write_text(PLUG_IN)
    write_distribution(plug_ins, "rumours", {"lab.injectors": {"rumours": "rumours"}})
    used = "decoys: [{id: d1, type: market-rumour, target: db, at: 20s}]\n"
    Path("rumour.scenario.yaml").write_text(Path("quiet.scenario.yaml").read_text().replace("quiet", "rumour") + used)
    code = (
        "from lab.runs.identity import recording_key; from lab.scenario import load_scenario;"
        "from lab.testbeds.installed import choose;"
        "print([recording_key(load_scenario(f'{n}.scenario.yaml'), 1, choose()) for n in ('quiet', 'rumour')])"
    )

    def keys() -> list[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(plug_ins), str(Path(identity.__file__).parents[2])]),
        }
        words = [sys.executable, "-c", code]
        output = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
        return list(eval(output))

    before = keys()
    assert keys() == before
    (plug_ins / "rumours.py").write_text(PLUG_IN + "# corrected\n")
    after = keys()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_who_holds_a_recording_is_waited_for_and_leaves_nothing(tmp_path: Path) -> None:
    place, order = tmp_path / "runs" / "quiet" / "1-abc", list[str]()

    def second() -> None:
        with held(place):
            order.append("second")

    waiting = threading.Thread(target=second)
    with held(place):
        waiting.start()
        time.sleep(0.2)  # time enough to be wrong in
        order.append("first")
    waiting.join(TIMEOUT_S)
    assert order == ["first", "second"]
    assert list(place.parent.iterdir()) == []


def test_two_labs_that_make_the_same_recordings_at_once_both_succeed(folder: Path) -> None:
    words = ["run", "cut.scenario.yaml", "quiet.scenario.yaml", "--seeds", "3", "--no-report", "--fresh", "--jobs", "1"]
    code = f"import sys; from lab.cli import main; sys.exit(main({[*words, '--engine', HEALTHY, '--json']}))"
    labs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    printed = [one.communicate(timeout=TIMEOUT_S * 5) for one in labs]
    documents = [json.loads(out) for out, _ in printed]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["not_graded"] == []
    assert len(documents[0]["cases"]) == 6
    assert [path.name for path in Path("runs").glob("*/.*")] == []
