"""Whatever an engine does, the campaign gets a diagnosis or a reason, and nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Diagnosis, EngineFailure, Verdict
from lab.engines import check_engine, engine_doc, engines
from lab.engines.confinement import landlock_abi
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.errors import UserError
from tests.engine_hosts import SCENARIO, culprit, made, reason
from tests.engine_plugins import ANSWER, SYSTEM
from tests.waiting import PATIENCE_S, eventually


def content(answer: Diagnosis | EngineFailure) -> Any:
    """What an engine wrote in the reasoning of its first finding, which holds more than a name."""
    assert isinstance(answer, Diagnosis), answer
    return json.loads("".join(answer.findings[0].why))


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie nobody has reaped yet has)."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False


def test_a_python_engine_keeps_its_process_from_case_to_case(host, observed):
    first, second = (culprit(host.diagnose("counts", observed)) for _ in range(2))
    assert first.startswith("call 1 of ")
    assert second == first.replace("call 1", "call 2")
    assert str(os.getpid()) not in first


def test_an_engine_learns_nothing_of_the_scenario_from_where_it_runs(host, observed, monkeypatch):
    monkeypatch.setenv("LAB_SCENARIO", SCENARIO)
    monkeypatch.setenv("PWD", str(observed))
    monkeypatch.setenv("ENGINE_API_KEY", "kept")
    found = content(host.diagnose("tells", observed))
    assert found["argv"][1:] == ["tells"]
    assert found["env"]["ENGINE_API_KEY"] == "kept"
    assert SCENARIO not in json.dumps(found)
    assert str(observed.parent) not in json.dumps(found)


def test_an_engine_gets_a_whole_copy_of_observed_and_no_truth_beside_it(host, observed):
    os.utime(observed / "system.json", (1000.0, 1000.0))
    found = content(host.diagnose("lists", observed))
    assert found["seen"] == [
        "observed",
        "observed/reference",
        "observed/reference/schema.json",
        "observed/system.json",
    ]
    assert found["mtime_s"] > 1000.0


def test_what_an_engine_prints_does_not_reach_the_protocol(host, observed):
    assert culprit(host.diagnose("chatters", observed)) == "stdin ''"
    assert culprit(host.diagnose("chatters", observed)) == "stdin ''"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("raises", "raised KeyError: 'no such column' (strange_engines.py:"),
        ("quits", "raised SystemExit: I give up"),
        ("dies", "exited with status 3: out of tokens"),
        ("unsure_of_itself", "answered nonsense: findings[0].confidence is nan, expected a number from 0 to 1"),
        ("floods", "answered more than 16777216 bytes"),
        ("returns_a_list", "returned a list, expected a Diagnosis"),
    ],
)
def test_a_python_engine_that_breaks_says_why_every_time(host, observed, name, why):
    for _ in range(2):
        assert reason(host.diagnose(name, observed)).startswith(why)


@pytest.mark.parametrize("name", ["writes_list", "writes_object", "writes_text", "writes_deep"])
def test_nonsense_on_the_pipe_is_no_answer_and_the_next_case_is_asked(host, observed, name):
    for _ in range(2):
        assert reason(host.diagnose(name, observed)).startswith("answered nonsense on the pipe that is the lab's: ")


def test_an_answer_that_nobody_asked_for_is_never_that_of_the_next_case(host, observed, tmp_path):
    for count in (1, 2):  # an engine that says something unasked is started again, with a directory of its own
        assert culprit(host.diagnose("answers_twice", observed)) == "somebody"
        eventually(lambda count=count: len(list((tmp_path / "tmp").glob("rca-*/*/scratch/again"))) == count)


@pytest.mark.skipif(landlock_abi() == 0, reason="this kernel has no Landlock")
def test_an_engine_cannot_write_where_the_lab_copies_the_next_case_to(host, observed):
    for _ in range(2):
        assert culprit(host.diagnose("plants", observed)) in ("observed", "")  # its own folder is its own


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only /proc tells what was left behind")
@pytest.mark.parametrize("confine", [True, False])
def test_what_an_engine_leaves_in_a_session_of_its_own_neither_holds_the_lab_up_nor_lives_on(observed, confine):
    with EngineHost(EngineOptions(timeout_s=PATIENCE_S, confine=confine)) as host:
        assert culprit(host.diagnose("leaves", observed)) == "somebody"
        home = host._home
        assert left_behind(home)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < PATIENCE_S, "it waited for the child"
    eventually(lambda: not left_behind(home))


def left_behind(home: Path | None) -> list[str]:
    """Processes whose environment names a directory; one that has ended has no environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if str(home).encode() in place.read_bytes() and b"left-behind" in (place.parent / "cmdline").read_bytes():
                found.append(place.parent.name)
    return found


def test_a_reason_is_no_longer_than_anybody_reads(host, observed):
    assert len(reason(host.diagnose("raises_a_book", observed))) <= 2000


def written_pids(tmp_path: Path) -> list[int]:
    """What engines wrote to `pids` among their temporary files, the latest last."""
    found = sorted((tmp_path / "tmp").glob("rca-*/*/scratch/pids"), key=lambda path: int(path.parts[-3]))
    return [int(pid) for path in found for pid in path.read_text(encoding="utf-8").split()]


@pytest.mark.slow
def test_an_engine_that_hangs_is_killed_with_its_children_and_started_again(observed, tmp_path):
    pids: list[int] = []
    for timeout_s in (5, 20, 80):  # one in which an engine starts, however busy the machine is, and then hangs
        with EngineHost(EngineOptions(timeout_s=timeout_s)) as host:
            for _ in range(2):
                assert reason(host.diagnose("hangs", observed)) == f"timed out after {timeout_s} s"
            pids = written_pids(tmp_path)
            eventually(lambda pids=pids: all(map(gone, pids)))
        if len(pids) == 4:
            break
    assert len(set(pids)) == 4, "two engines with a child each"


def test_leaving_the_context_ends_the_workers_and_removes_the_copies(observed, tmp_path):
    with EngineHost() as host:
        worker = int(culprit(host.diagnose("counts", observed)).split()[-1])
        assert not gone(worker)
        assert list((tmp_path / "tmp").iterdir()) != []
    assert gone(worker)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_shipped_floors_answer_through_the_host(host, observed):
    constant, chance = host.diagnose("constant", observed), host.diagnose("chance", observed)
    assert culprit(constant) == "ranker"
    assert isinstance(chance, Diagnosis)
    assert {f.culprit for f in chance.findings} == {*SYSTEM["components"], *SYSTEM["links"]}


def command(tmp_path: Path, body: str) -> str:
    script = tmp_path / "engine.py"
    script.write_text(f"import json, os, sys, time\nanswer = {ANSWER!r}\n{body}\n", encoding="utf-8")
    return f"cmd:{sys.executable} {script} --fast"


def test_a_command_gets_the_directory_last_and_prints_the_diagnosis(host, observed, tmp_path):
    body = (
        "answer['findings'][0]['why'] = [json.dumps([sys.argv[1:], os.getcwd(), os.listdir(sys.argv[-1])])]\n"
        "print(json.dumps(answer))"
    )
    arguments, cwd, files = content(host.diagnose(command(tmp_path, body), observed))
    assert arguments == ["--fast", f"{cwd}/observed"]
    assert sorted(files) == ["reference", "system.json"]
    assert SCENARIO not in cwd


def test_an_argument_may_be_longer_than_a_file_s_name(host, observed, tmp_path):
    long = "x" * 5_000
    answering = command(tmp_path, f"assert sys.argv[2] == 'x' * {len(long)}; print(json.dumps(answer))")
    assert culprit(host.diagnose(f"{answering} {long}", observed)) == "somebody"


def test_a_command_named_relative_to_here_is_found(host, observed, tmp_path, monkeypatch):
    command(tmp_path, "print(json.dumps(answer))")
    monkeypatch.chdir(tmp_path)
    assert culprit(host.diagnose(f"cmd:{sys.executable} engine.py", observed)) == "somebody"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit('no model key')", "exited with status 1: no model key"),
        ("print('The database, I think.')", "answered nonsense: not JSON"),
        ("print(json.dumps({**answer, 'verdict': 'guilty'}))", "answered nonsense: verdict is 'guilty'"),
        ("print(json.dumps({**answer, 'verdict': []}))", "answered nonsense: "),
        (
            "print(json.dumps({**answer, 'findings': []}))",
            "answered nonsense: verdict is 'fault' but findings is empty",
        ),
        ("print(json.dumps({**answer, 'schema_version': 2}))", "answered nonsense: schema_version is 2, expected 1"),
        ("answer['findings'][0]['confidence'] = 7; print(json.dumps(answer))", "answered nonsense: findings[0].conf"),
        ("answer['findings'][0]['onset_s'] = 10**400; print(json.dumps(answer))", "answered nonsense: "),
        ("print('[' * 100000)", "answered nonsense: "),
        ("answer['findings'][0]['culprit'] = chr(0xd800); print(json.dumps(answer))", "answered nonsense: 'utf-8'"),
        (
            "answer['findings'][0]['culprit'] = 'x' * 5_000_000; print(json.dumps(answer))",
            "answered nonsense: findings[0].culprit has 5000000 characters, expected at most 300",
        ),
        ("pass", "answered nonsense: not JSON"),
    ],
)
def test_a_command_that_breaks_or_answers_nonsense_says_why(host, observed, tmp_path, body, why):
    assert reason(host.diagnose(command(tmp_path, body), observed)).startswith(why)


def test_reasons_do_not_vary_with_the_temporary_directory(host, observed, tmp_path):
    spec = command(tmp_path, "open(sys.argv[-1] + '/missing.parquet')")
    first, second = (reason(host.diagnose(spec, observed)) for _ in range(2))
    assert "'./observed/missing.parquet'" in first
    assert first == second


def test_a_command_that_hangs_or_does_not_exist_says_so(observed, tmp_path):
    with EngineHost(EngineOptions(timeout_s=1)) as host:
        assert reason(host.diagnose(command(tmp_path, "time.sleep(60)"), observed)) == "timed out after 1 s"
        assert reason(host.diagnose("cmd:./no-such-engine", observed)).startswith("cannot start ./no-such-engine")


def test_an_answer_without_end_is_cut_off(observed, tmp_path):
    spec = command(tmp_path, "while True: sys.stdout.write('y' * 65536)")
    with EngineHost(EngineOptions(timeout_s=60)) as host:
        assert reason(host.diagnose(spec, observed)) == "answered more than 16777216 bytes"


def test_of_a_flood_on_stderr_only_the_end_is_kept(host, observed, tmp_path):
    body = "sys.stderr.write('x\\n' * 20_000_000 + 'the end'); print(json.dumps(answer))"
    assert culprit(host.diagnose(command(tmp_path, body), observed)) == "somebody"
    assert reason(host.diagnose(command(tmp_path, body + "; sys.exit(2)"), observed)).endswith("x | x | the end")


@pytest.mark.parametrize("own_session", [False, True])
def test_an_answer_counts_when_the_engine_ends_though_a_child_holds_its_output(host, observed, tmp_path, own_session):
    body = (
        "import subprocess\n"
        f"subprocess.Popen(['sleep', '{2 * PATIENCE_S:g}'], start_new_session={own_session})\n"
        "print(json.dumps(answer))"
    )
    began_s = time.monotonic()
    assert culprit(host.diagnose(command(tmp_path, body), observed)) == "somebody"
    assert time.monotonic() - began_s < PATIENCE_S, "it waited for the child"


@pytest.mark.parametrize("spec", ["hangs", "cmd"])
def test_no_engine_outlives_a_lab_that_is_killed(observed, tmp_path, spec):
    if spec == "cmd":
        child = "subprocess.Popen(['sleep', '600'])"
        pids = "os.environ['TMPDIR'] + '/pids'"
        body = f"import subprocess; c = {child}; open({pids}, 'w').write(f'{{os.getpid()}} {{c.pid}}')"
        spec = command(tmp_path, body + "; time.sleep(600)")
    asks = (
        "import sys; from pathlib import Path; from lab.engines.host import EngineHost\n"
        "with EngineHost() as host: host.diagnose(sys.argv[1], Path(sys.argv[2]))"
    )
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp")}
    lab = subprocess.Popen([sys.executable, "-c", asks, spec, str(observed)], env=environment)
    eventually(lambda: len(written_pids(tmp_path)) == 2)
    lab.kill()
    lab.wait()
    eventually(lambda: all(map(gone, written_pids(tmp_path))))


def test_copies_left_by_a_killed_lab_are_removed_and_those_of_a_running_one_are_not(host, tmp_path):
    left, young = (made(tmp_path / "tmp" / f"rca-{name}") for name in ("left", "young"))
    [running] = set((tmp_path / "tmp").iterdir()) - {left, young}
    for path in (left, running):
        os.utime(path, (time.time() - 3600,) * 2)
    with EngineHost():
        assert (left.exists(), young.exists(), running.exists()) == (False, True, True)
    young.rmdir()


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("constan", "did you mean 'constant'"),
        ("cmd:", "names no program"),
        ("cmd:'open", "not a command line"),
        ("cmd:a\0b", "null character"),
        ("http://", "not a URL with a host"),
        ("http://[::1", "not a URL: Invalid IPv6 URL"),
        ("http://here:99999/", "not a URL: Port out of range"),
        ("http://he re/", "not a URL: it holds a space"),
        ("ftp://here", "unknown engine"),
    ],
)
def test_an_impossible_engine_is_the_users_error_before_anything_runs(spec, problem):
    with pytest.raises(UserError, match=problem):
        check_engine(spec)


def test_installed_engines_are_listed_with_what_they_say_of_themselves():
    assert {"rules", "chance", "constant", "loudest-anomaly"} <= set(engines())
    assert engine_doc("constant").startswith("Always answers that the model regressed")


def test_the_verdict_of_an_answer_is_kept(host, observed, tmp_path):
    answer = host.diagnose(command(tmp_path, "print(json.dumps({**answer, 'verdict': 'unsure'}))"), observed)
    assert isinstance(answer, Diagnosis)
    assert answer.verdict is Verdict.UNSURE
