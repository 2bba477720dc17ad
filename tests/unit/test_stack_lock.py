"""One lab at a time at one stack: who holds it, what a killed holder left, and how the holder is ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.errors import NotRevertedError, UserError
from lab.injection.levers import Undo
from lab.testbeds.stack import abort, holding, live
from lab.testbeds.stack.abort import end_live
from lab.testbeds.stack.belongings import NOTHING
from lab.testbeds.stack.changes import warn_of_changes
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.journal import Journal
from lab.testbeds.stack.lock import AbortedError, Look, StackLock, state_directory
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.processes import born, send
from lab.testbeds.stack.recovery import journals, open_everywhere, unknown
from tests.disks import disk, fill, make_read_only
from tests.waiting import PATIENCE_S, eventually

CUT = Undo("link.cut", "a->b", None)
HOLD = """
import sys, time
from pathlib import Path
from lab.testbeds.stack.lock import StackLock
from lab.testbeds.stack.testbed import uninterrupted
lock = StackLock(Path(sys.argv[1]), Path(sys.argv[2]))
with lock.held():
    lock.show_activity(phase="running", scenario="night", seed=7)
    print("held", flush=True)
    try:
        sys.stdin.readline()
    finally:
        print("ending", flush=True)
"""


@contextmanager
def holder(directory: Path, state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until a line comes, or a signal."""
    command = [sys.executable, "-c", HOLD, str(directory), str(state)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def leave_open_and_die(directory: Path, state: Path) -> None:
    """A lab that is killed while it holds the lock and something is open in its journal."""
    with holder(directory / "checkout", state) as process:
        Journal(state).write("intent", CUT, True, 0.0)
        process.kill()
        process.wait()


def lock_in(directory: Path, state: str = "mine") -> StackLock:
    return StackLock(directory / "checkout", directory / state)


def test_a_second_lab_learns_who_holds_the_stack_and_what_to_do(tmp_path: Path) -> None:
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process:
        with pytest.raises(UserError) as refused, lock_in(tmp_path).held():
            pass
        output = str(refused.value)
        for word in ("stack.lock", str(process.pid), "night", str(tmp_path / "theirs"), "lab stack abort", "wait"):
            assert word in output
    with lock_in(tmp_path).held():
        pass


def test_each_checkout_has_a_state_of_its_own_below_one_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_STATE_DIR", raising=False)
    one, two = tmp_path / "one", tmp_path / "two"
    for checkout in (one, two):
        checkout.mkdir()
    assert state_directory(one) == one / ".lab"
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path / "state"))
    found = [state_directory(checkout) for checkout in (one, two, one)]
    assert {directory.parent for directory in found} == {tmp_path / "state"}
    assert found[0] == found[2] != found[1]
    monkeypatch.setenv("LAB_STATE_DIR", str(one / ".lab"))
    assert state_directory(one) == one / ".lab"
    assert state_directory(two).parent == one / ".lab"


def test_a_copied_lock_file_leads_to_no_journal_of_the_original(tmp_path: Path) -> None:
    """A checkout was copied, or moved, with its `.lab`: what the original has open is the original's to put back."""
    original, copy = tmp_path / "original" / ".lab", tmp_path / "copy" / ".lab"
    below = [tmp_path / "state" / name for name in ("checkout-aaaaaaaa", "checkout-bbbbbbbb")]
    for state in (original, *below):
        with StackLock(original, state).held():
            Journal(state).write("intent", CUT, True, 0.0)
    assert set(StackLock(original, original).look().journals) == {original, *below}
    shutil.copytree(original.parent, copy.parent)
    lock = StackLock(copy, copy, "checkout-bbbbbbbb")
    assert [one.path.parent for one in journals(lock, copy)] == [copy, below[1]]


def test_who_only_looks_takes_the_lock_from_nobody(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    assert not lock.look().is_held
    with lock.held(), lock.held():
        look = lock.look()
        assert look.is_held
        assert look.holder is not None
        assert look.holder.pid == os.getpid()
    look = lock.look()
    assert (look.is_held, look.holder, look.journals) == (False, None, ())


def test_the_file_of_a_killed_lab_says_where_its_journal_is(tmp_path: Path) -> None:
    theirs, lock = tmp_path / "theirs", lock_in(tmp_path)
    leave_open_and_die(tmp_path, theirs)
    look = lock.look()
    assert not look.is_held
    assert look.journals == (theirs,)
    with lock.held():
        assert theirs in lock.look().journals
    assert lock.look().journals == (theirs,), "whoever held it since has put nothing back"
    with lock.held():
        lock.forget({theirs})
    assert lock.look().journals == ()


def test_a_killed_lab_whose_state_directory_is_gone_is_not_forgotten(tmp_path: Path) -> None:
    theirs, lock = tmp_path / "theirs", lock_in(tmp_path)
    leave_open_and_die(tmp_path, theirs)
    assert unknown(lock, tmp_path / "mine") == []
    aside = theirs.rename(tmp_path / "aside")
    assert unknown(lock, tmp_path / "mine") == [theirs]
    assert unknown(lock, theirs) == [], "its own is made when it is needed"
    aside.rename(theirs)
    assert [undo for _, undo in open_everywhere(lock, tmp_path / "mine")] == [CUT]


def test_a_journal_with_something_open_stays_named(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    with lock.held():
        Journal(tmp_path / "mine").write("intent", CUT, True, 0.0)
    assert lock.look().journals == (tmp_path / "mine",)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"holder": 3, "journals": ["x"]}', b'{"holder": {"pid": 1}}'])
def test_a_broken_file_is_no_obstacle(tmp_path: Path, broken: bytes) -> None:
    lock = lock_in(tmp_path)
    lock.path.parent.mkdir()
    lock.path.write_bytes(broken)
    assert not lock.look().is_held
    with lock.held():
        assert lock.look().is_held


@pytest.mark.parametrize("read_only", [False, True])
def test_a_checkout_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path: Path, read_only: bool) -> None:
    with disk(tmp_path / "checkout"):
        if read_only:
            make_read_only(tmp_path / "checkout")
        else:
            fill(tmp_path / "checkout")
        with pytest.raises(UserError, match="read-only" if read_only else "no space left") as refused:
            lock_in(tmp_path).held().__enter__()
        assert "stack.lock" in str(refused.value)


def test_a_disk_that_fills_up_later_takes_no_word_away(tmp_path: Path) -> None:
    with disk(tmp_path / "checkout"):
        lock = lock_in(tmp_path)
        with lock.held():
            fill(tmp_path / "checkout")
            lock.show_activity(phase="collecting")
            held = lock.look().holder
            assert held is not None
            assert held.activity["phase"] == "collecting"
        assert lock.look().holder is None


def test_an_abort_is_heard_and_the_holder_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abort, "HEARD_WITHIN_S", PATIENCE_S)  # on a machine however busy
    lock, output = lock_in(tmp_path), []
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process:
        ended = end_live(lock, output.append)
        assert process.wait(timeout=PATIENCE_S) != 0
        _, errors = process.communicate()
    assert "AbortedError: aborted by lab stack abort during night seed 7: everything was put back" in errors
    assert ended is not None
    assert (ended.killed, ended.holder.pid) == (False, process.pid)
    assert end_live(lock, output.append) is None


def test_a_stopped_holder_is_killed_and_what_it_left_is_reported(tmp_path: Path) -> None:
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process:
        Journal(tmp_path / "theirs").write("intent", CUT, True, 0.0)
        process.send_signal(signal.SIGSTOP)
        ended = end_live(lock_in(tmp_path), lambda _: None)
        assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL
    assert ended is not None
    assert (ended.killed, ended.left) == (True, [CUT])


def test_a_holder_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    call = "    lock.show_activity"
    code = HOLD.replace(call, f"    __import__('signal').signal(10, lambda *_: None)\n{call}")
    command = [sys.executable, "-c", code, str(tmp_path / "checkout"), str(tmp_path / "theirs")]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ended = end_live(lock_in(tmp_path), lambda _: None)
        assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL
    assert ended is not None
    assert ended.killed


def test_no_other_process_is_ever_signalled(tmp_path: Path) -> None:
    """The number in the file has gone to another process since: a sleeper here."""
    lock = lock_in(tmp_path)
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process, subprocess.Popen(["sleep", "60"]) as stranger:
        assert born(stranger.pid) != born(process.pid)
        content = json.loads(lock.path.read_bytes())
        content["holder"]["pid"] = stranger.pid
        lock.path.write_bytes(json.dumps(content).encode().ljust(8192))
        with pytest.raises(UserError, match="no process is signalled"):
            end_live(lock, lambda _: None)
        assert not send(stranger.pid, born(os.getpid()), signal.SIGKILL)
        assert (stranger.poll(), process.poll()) == (None, None)
        stranger.kill()


def test_a_lab_of_another_machine_is_not_touched(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process:
        content = json.loads(lock.path.read_bytes())
        content["holder"]["host"] = "elsewhere"
        lock.path.write_bytes(json.dumps(content).encode().ljust(8192))
        with pytest.raises(UserError, match="on elsewhere"):
            end_live(lock, lambda _: None)
        assert process.poll() is None


def as_nobody(code: str, directory: Path) -> str:
    """What the code says on stderr as another user, who may see the directory; `lock` is the checkout's lock there."""
    begin = (
        "import os, sys; from pathlib import Path\n"
        "from lab.testbeds.stack.abort import end_live; from lab.testbeds.stack.lock import StackLock\n"
        "from lab.testbeds.stack import live; from lab.testbeds.stack.recovery import open_everywhere, unknown\n"
        "os.setuid(65534)\n"
        "here = Path(sys.argv[1])\n"
        "lock = StackLock(here / 'checkout', here / 'mine')\n"
    )
    for place in (directory, *directory.parents):
        if place.stat().st_uid == os.getuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    command = [sys.executable, "-c", begin + code, str(directory)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S).stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("is_private", [False, True])
def test_another_users_lab_is_an_error_that_names_them(tmp_path: Path, is_private: bool) -> None:
    with holder(tmp_path / "checkout", tmp_path / "theirs") as process:
        (tmp_path / "theirs").mkdir(mode=0o700 if is_private else 0o755)
        output = as_nobody("end_live(lock, print)", tmp_path)
        assert "the lab that holds the stack is another user's" in output
        assert "root" in output
        assert process.poll() is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("code", ["open_everywhere(lock, here)", "unknown(lock, here)"])
def test_state_that_only_another_user_may_read_is_an_error_that_names_them(tmp_path: Path, code: str) -> None:
    private = tmp_path / "private"
    leave_open_and_die(tmp_path, private / "theirs")
    private.chmod(0o700)
    output = as_nobody(code, tmp_path)
    for word in ("UserError", "a lab of root", str(private / "theirs"), "permission denied", "ask root"):
        assert word in output


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_live_lab_of_another_user_is_shown_though_its_journal_may_not_be_read(tmp_path: Path) -> None:
    private = tmp_path / "private"
    code = (
        "found = lock.look().holder\n"
        "own = Path(found.state_directory)\n"
        "print(open_everywhere(lock, here, but=own), unknown(lock, here, but=own), file=sys.stderr)\n"
        "print(*live.lines(found), sep='\\n', file=sys.stderr)\n"
    )
    with holder(tmp_path / "checkout", private / "theirs") as process:
        Journal(private / "theirs").write("intent", CUT, True, 0.0)
        private.chmod(0o700)
        output = as_nobody(code, tmp_path)
    assert output.splitlines()[0] == "[] []"
    assert f"(pid {process.pid} of root): night seed 7" in output
    assert f"what it has pulled, only root may read: {private / 'theirs'}" in output


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_state_directory_of_another_user_is_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    output = as_nobody("from lab.testbeds.stack.journal import Journal\nJournal(here / 'theirs').prepare()", tmp_path)
    for word in ("UserError", "nothing is changed without", "permission denied; it is root's", "LAB_STATE_DIR"):
        assert word in output


def test_an_abort_waits_for_the_end_of_what_may_not_be_cut_short(tmp_path: Path) -> None:
    lock, done = lock_in(tmp_path), []

    def run() -> None:
        with lock.held():
            with lock.ending("taking the stack down"):
                os.kill(os.getpid(), signal.SIGUSR1)
                done.append("taken down")
            done.append("ended")

    run()
    assert done == ["taken down", "ended"]


def test_an_abort_between_two_runs_ends_the_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of one run of several waits for nothing, or the abort would be heard and the next run begin."""
    monkeypatch.setattr(holding, "belongings", lambda _: NOTHING)
    compose = SimpleNamespace(running_model_server=lambda: "")
    went_back: list[object] = []

    def go_back_to(*_: object, **__: object) -> None:
        went_back.append(object())
        os.kill(os.getpid(), signal.SIGUSR1)

    session: Any = SimpleNamespace(
        lock=lock_in(tmp_path), journal=Journal(tmp_path / "mine"), compose=compose, up=lambda **_: True,
        go_back_to=go_back_to, load_workers=lambda: 0,
    )  # fmt: skip

    def campaign() -> None:
        with holding.held(session, StackOptions()):
            with holding.held(session, StackOptions()):
                pass
            pytest.fail("the next run begins")

    with pytest.raises(AbortedError):
        campaign()
    assert len(went_back) == 2, "that of the campaign comes all the same"


def test_what_was_there_is_noted_before_anything_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a stack that is healthy is brought up anew, with what has changed."""
    done: list[object] = []

    def noted(_: object) -> object:
        done.append("noted")
        return NOTHING

    monkeypatch.setattr(holding, "belongings", noted)
    session: Any = SimpleNamespace(
        lock=lock_in(tmp_path), journal=Journal(tmp_path / "mine"), load_workers=lambda: 4,
        compose=SimpleNamespace(running_model_server=lambda: "lab"), up=lambda **how: done.append(("up", how["anew"])),
        go_back_to=lambda before, **had: done.append((before, had)),
    )  # fmt: skip
    with holding.held(session, StackOptions(), anew=True):
        found = session.lock.look().holder
        assert found.activity["before"]["load_workers"] == 4, "who ends a killed lab goes back to it too"
    assert done == ["noted", ("up", True), (NOTHING, {"model_server": "lab", "load_workers": 4})]


def test_what_could_not_be_put_back_is_not_hidden_by_what_could_not_be_taken_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the engine went away in the middle of a fault: exit code 6 and its instructions outrank 3."""
    monkeypatch.setattr(holding, "belongings", lambda _: NOTHING)

    def go_back_to(*_: object, **__: object) -> None:
        raise StackError("Docker did not answer")

    session: Any = SimpleNamespace(
        lock=lock_in(tmp_path), journal=Journal(tmp_path / "mine"), load_workers=lambda: 0, up=lambda **_: True,
        compose=SimpleNamespace(running_model_server=lambda: ""), go_back_to=go_back_to,
    )  # fmt: skip
    with pytest.raises(NotRevertedError, match="instructions"), holding.held(session, StackOptions()):
        raise NotRevertedError("instructions")
    assert "could not be taken down: Docker did not answer" in capsys.readouterr().err
    with pytest.raises(StackError), holding.held(session, StackOptions()):
        pass


def test_an_abort_that_comes_after_the_lock_was_let_go_does_not_kill_a_lab_that_prints_results(tmp_path: Path) -> None:
    code = HOLD + "import os, signal\nos.kill(os.getpid(), signal.SIGUSR1)\nprint('results', flush=True)\n"
    command = [sys.executable, "-c", code, str(tmp_path / "checkout"), str(tmp_path / "theirs")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input="\n", timeout=PATIENCE_S)
    assert (done.returncode, done.stdout.split()) == (0, ["held", "ending", "results"])


@pytest.fixture
def handler_of_abort() -> Iterator[Any]:
    """Somebody's own handler of the signal, from before."""
    was, own = signal.getsignal(signal.SIGUSR1), lambda *_: None
    signal.signal(signal.SIGUSR1, own)
    yield own
    signal.signal(signal.SIGUSR1, was)


def test_a_second_abort_does_not_disturb_the_first(tmp_path: Path, handler_of_abort: Any) -> None:
    lock, done = lock_in(tmp_path), []

    def run() -> None:
        with lock.held():
            try:
                os.kill(os.getpid(), signal.SIGUSR1)
                done.append("never reached")
            finally:
                os.kill(os.getpid(), signal.SIGUSR1)
                done.append("put back")

    with pytest.raises(AbortedError, match="everything was put back"):
        run()
    assert done == ["put back"]
    assert signal.getsignal(signal.SIGUSR1) == handler_of_abort


def test_what_a_live_lab_does_is_reported_by_the_clock_and_its_faults(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    with lock.held():

        def told(at_unix_s: float) -> tuple[str, float]:
            found = lock.look().holder
            assert found is not None
            about = live.described(found, at_unix_s)
            return about["phase"], about["second"]

        lock.show_activity(phase="running", clock={"start_unix_s": 1000.0, "time_scale": 5.0, "duration_s": 600.0})
        assert told(996.0) == ("warming up", -20.0)
        assert told(1010.0) == ("steady", 50.0)
        lock.show_activity(faults=[{"id": "f", "type": "network-partition", "target": "a->b", "since_s": 60.0}])
        assert told(1014.0) == ("fault in", 70.0)
        lock.show_activity(faults=[])
        assert told(1050.0) == ("after the faults", 250.0)
        Journal(tmp_path / "mine").write("intent", CUT, True, 0.0)
        held = eventually(lambda: lock.look().holder)
        assert live.described(held)["levers"] == [{"lever": "link.cut", "element": "a->b", "previous": None}]


@pytest.mark.parametrize(
    ("there", "asked", "output"),
    [
        (("lab", 1), ("lab", 1), ""),
        (("", 0), ("tensorflow", 4), ""),
        (("lab", 4), ("lab", 1), "the load has 4 worker processes; now it gets 1 (--load-workers)\n"),
        (("lab", 1), ("tensorflow", 1), "the model server is lab; tensorflow takes its place (--model-server)\n"),
    ],
)
def test_what_takes_the_place_of_something_is_reported(
    capsys: pytest.CaptureFixture[str], there: tuple[str, int], asked: tuple[str, int], output: str
) -> None:
    session: Any = SimpleNamespace(
        compose=SimpleNamespace(running_model_server=lambda: there[0]), load_workers=lambda: there[1]
    )
    warn_of_changes(session, *asked)
    assert capsys.readouterr().err == output


@pytest.mark.parametrize(
    "content", ['{"journals": 5}', '{"journals": [5, null]}', '{"holder": 3}', "[]", '"x"', "\0\xff"]
)
def test_a_lock_file_that_says_nothing_sensible_is_as_one_that_says_nothing(tmp_path: Path, content: str) -> None:
    lock = StackLock(tmp_path, tmp_path / "state")
    lock.path.write_bytes(content.encode("latin-1"))
    assert lock.look() == Look(False, None, ())
    with lock.held():
        assert lock.look().is_held
