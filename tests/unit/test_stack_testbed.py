"""The stack's testbed without a stack: leases that never pull again what went back, interrupts, what stays open."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.agreed.leases import LEASE_S
from lab.errors import NotRevertedError
from lab.injection.levers import ConfigSet, FeedFreeze, LeverValue, LinkCut, TableSlow
from lab.systems.files import load_system
from lab.testbeds.stack import leases as leases_module
from lab.testbeds.stack import testbed as testbed_module
from lab.testbeds.stack.compose import NoContainerError, PausedError
from lab.testbeds.stack.journal import Journal, JournalError
from lab.testbeds.stack.leases import Leases
from lab.testbeds.stack.testbed import StackTestbed, uninterrupted
from tests.disks import disk, fill, make_read_only
from tests.waiting import PATIENCE_S

LINK = "features->db"
FULL, HALF = LinkCut(), LinkCut(fraction=0.5)
SLOW = TableSlow(seconds=1)
TIMEOUT = "features/steps.db_get.timeout_s"


class Levers:
    """Levers in memory, by name and element; `fails` counts the writes that are to fail."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Any] = {}
        self.fails = 0
        self.failure: Exception = ZeroDivisionError("an error nobody thought of")
        self.ended: dict[tuple[str, str], str] = {}

    def read(self, lever: type[LeverValue], element: str) -> Any:
        return self.values.get((lever.name, element))

    def write(self, lever: type[LeverValue], element: str, value: Any) -> None:
        if self.fails:
            self.fails -= 1
            raise self.failure
        self.values[lever.name, element] = value

    def lost(self, lever: type[LeverValue], element: str) -> str:
        return self.ended.get((lever.name, element), "")

    def renew(self, lever: type[LeverValue], element: str, value: Any) -> bool:
        return self.read(lever, element) is not None


@pytest.fixture
def levers() -> Levers:
    return Levers()


@pytest.fixture
def testbed(tmp_path: Path, levers: Levers, monkeypatch: pytest.MonkeyPatch) -> StackTestbed:
    monkeypatch.setattr(testbed_module, "REVERT_PAUSE_S", 0.0)
    return StackTestbed(load_system("recommender"), levers, Journal(tmp_path), lambda: 0.0)  # type: ignore[arg-type]


class Renewals(list[Any]):
    """What was renewed; `alive` is the answer."""

    alive = True

    def __call__(self, lever: type[LeverValue], element: str, value: Any) -> bool:
        self.append(value)
        return self.alive


def test_what_went_back_is_not_renewed_and_an_outer_value_is() -> None:
    renewed = Renewals()
    leases = Leases(renewed)
    for value, renewals in ((FULL, [FULL]), (HALF, [HALF]), (FULL, [FULL]), (None, [])):
        with leases.changing(LinkCut, LINK, value):
            pass
        leases.renew_all()
        assert renewed == renewals
        renewed.clear()


def test_a_lever_is_not_renewed_while_it_is_being_changed() -> None:
    renewed = Renewals()
    leases = Leases(renewed)
    with leases.changing(LinkCut, LINK, FULL):
        pass
    with leases.changing(LinkCut, LINK, None):
        other = threading.Thread(target=leases.renew_all)
        other.start()
        other.join()
    leases.renew_all()
    assert renewed == []


def test_a_change_waits_for_a_renewal_under_way() -> None:
    events: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow_renewal(*_: Any) -> bool:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        events.append("renewed")
        return True

    leases = Leases(slow_renewal)
    with leases.changing(LinkCut, LINK, FULL):
        pass
    renewal = threading.Thread(target=leases.renew_all)
    renewal.start()
    assert begun.wait(PATIENCE_S)
    threading.Timer(0.1, go_on.set).start()
    with leases.changing(LinkCut, LINK, None):
        events.append("reverted")
    renewal.join()
    assert events == ["renewed", "reverted"]


def test_a_slow_change_of_one_lever_does_not_keep_another_from_its_renewal() -> None:
    renewed = Renewals()
    leases = Leases(renewed)
    with leases.changing(LinkCut, LINK, FULL):
        pass
    with leases.changing(FeedFreeze, "feed", FeedFreeze()):
        leases.renew_all()
    assert renewed == [FULL]


def test_a_lease_that_lapsed_is_reported_once_and_left_alone() -> None:
    renewed = Renewals()
    leases = Leases(renewed)
    with leases.changing(LinkCut, LINK, FULL):
        pass
    renewed.alive = False
    leases.renew_all()
    leases.renew_all()
    assert leases.lapsed == ["link.cut of features->db"]
    assert renewed == [FULL]


def test_a_lease_that_could_not_be_renewed_in_time_has_lapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: clock.now_s, now_s=0.0)
    monkeypatch.setattr(leases_module, "time", clock)

    def unreachable(*_: Any) -> bool:
        raise OSError

    for late_s, lapsed in ((LEASE_S - 1, []), (LEASE_S + 1, ["link.cut of features->db"])):
        leases = Leases(unreachable)
        with leases.changing(LinkCut, LINK, FULL):
            pass
        clock.now_s += late_s
        leases.renew_all()
        with leases.changing(LinkCut, LINK, None):
            pass
        assert leases.lapsed == lapsed


def test_an_interrupt_right_after_the_intent_puts_the_lever_back(
    testbed: StackTestbed, levers: Levers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Journal.write

    def interrupted(self: Journal, event: str, *rest: Any) -> Any:
        entry = write(self, event, *rest)
        if event == "intent":
            raise KeyboardInterrupt
        return entry

    monkeypatch.setattr(Journal, "write", interrupted)
    with pytest.raises(KeyboardInterrupt), testbed.pull("db/users", SLOW):
        pytest.fail("the lever was not to be pulled")
    assert levers.read(TableSlow, "db/users") is None
    assert Journal(tmp_path).open_undos() == []


def test_a_lever_whose_block_was_never_reached_is_put_back_at_the_end_of_the_run(
    testbed: StackTestbed, levers: Levers, tmp_path: Path
) -> None:
    abandoned = testbed.pull("db/users", SLOW)

    def run() -> None:
        with testbed.leases():
            abandoned.__enter__()
            assert levers.read(TableSlow, "db/users") == SLOW
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert levers.read(TableSlow, "db/users") is None
    assert Journal(tmp_path).open_undos() == []


def test_a_revert_is_tried_again_whatever_went_wrong(testbed: StackTestbed, levers: Levers) -> None:
    with testbed.pull("db/users", SLOW):
        levers.fails = testbed_module.REVERT_ATTEMPTS - 1
    assert levers.read(TableSlow, "db/users") is None


def test_what_ended_with_its_container_is_reported_and_is_not_put_back(
    testbed: StackTestbed, levers: Levers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> None:
        with testbed.leases(), testbed.pull(LINK, FULL), testbed.pull(LINK, HALF):
            levers.ended["link.cut", LINK] = "it ended with the container of links, which is not there any more"
            levers.fails = 1_000

    run()
    assert [undo.previous for undo in testbed.ended] == [FULL.to_json(), None]
    assert levers.fails == 1_000, "nothing was written"
    assert Journal(tmp_path).open_undos() == []
    message = capsys.readouterr().err
    assert "nothing is left of link.cut of features->db: it ended with the container of links" in message
    assert testbed.lapsed == []


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (NoContainerError("service 'db' has no container"), testbed_module.ATTEMPTS_WITHOUT_CONTAINER),
        (PausedError("the container of db is paused"), 1),
    ],
)
def test_what_waiting_does_not_mend_is_not_waited_for(
    testbed: StackTestbed, levers: Levers, failure: Exception, attempts: int
) -> None:
    def run() -> None:
        with testbed.pull("db/users", SLOW):
            levers.failure, levers.fails = failure, 1_000

    with pytest.raises(NotRevertedError, match=str(failure)):
        run()
    assert levers.fails == 1_000 - attempts


def test_what_is_taken_down_by_hand_meanwhile_is_no_errand(
    testbed: StackTestbed, levers: Levers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose removes containers first, and volumes last."""
    slow = ("table.slow", "db/users")

    def then_the_volume_goes(_: float) -> None:
        levers.ended[slow] = "it ended with the volume db-data, which is not there any more"

    monkeypatch.setattr(testbed_module.time, "sleep", then_the_volume_goes)
    with testbed.pull("db/users", SLOW):
        levers.failure, levers.fails = NoContainerError("service 'db' has no container"), 1_000
    assert Journal(tmp_path).open_undos() == []


def test_all_that_cannot_be_put_back_is_named_with_the_value_to_put_there(
    testbed: StackTestbed, levers: Levers, tmp_path: Path
) -> None:
    levers.values["config.set", TIMEOUT] = ConfigSet(value=0.12)

    def run() -> None:
        slow = testbed.pull("db/users", SLOW)
        with testbed.leases(), slow, testbed.pull(TIMEOUT, ConfigSet(value=0.05)):
            levers.fails = 1_000

    with pytest.raises(NotRevertedError) as raised:
        run()
    message = str(raised.value)
    assert "could not put back table.slow of db/users (value before: null): an error nobody thought of" in message
    assert f'could not put back config.set of {TIMEOUT} (value before: {{"value": 0.12}})' in message
    assert "lab recover" in message
    assert len(Journal(tmp_path).open_undos()) == 2


@pytest.fixture
def handlers() -> Iterator[dict[int, Any]]:
    """Signals raise KeyboardInterrupt, as in the command line."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    yield dict.fromkeys(before, interrupt)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_waits_for_the_end_of_a_revert(handlers: dict[int, Any], number: signal.Signals) -> None:
    done = []

    def run() -> None:
        with uninterrupted():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            done.append("reverted")
        done.append("never reached")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["reverted"]
    assert {n: signal.getsignal(n) for n in handlers} == handlers


def test_a_signal_that_was_ignored_before_hides_no_other(handlers: dict[int, Any]) -> None:
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_what_cannot_be_put_back_outranks_a_signal(handlers: dict[int, Any]) -> None:
    def run() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            raise NotRevertedError("instructions")

    with pytest.raises(NotRevertedError, match="instructions"):
        run()
    assert {n: signal.getsignal(n) for n in handlers} == handlers


def test_what_could_not_be_journalled_is_not_pulled_and_that_is_what_is_reported(
    testbed: StackTestbed, levers: Levers, tmp_path: Path
) -> None:
    with disk(tmp_path):
        fill(tmp_path)
        with pytest.raises(JournalError) as raised, testbed.leases(), testbed.pull("db/users", SLOW):
            pytest.fail("the lever was not to be pulled")
    assert "table.slow of db/users was not pulled" in str(raised.value)
    assert "could not put back" not in str(raised.value)
    assert levers.values == {}


def test_a_disk_that_can_only_be_read_keeps_no_lever_from_going_back(
    testbed: StackTestbed, levers: Levers, tmp_path: Path
) -> None:
    def run() -> None:
        slow = testbed.pull("db/users", SLOW)
        with testbed.leases(), slow, testbed.pull(TIMEOUT, ConfigSet(value=0.05)):
            make_read_only(tmp_path)

    with disk(tmp_path):
        with pytest.raises(JournalError, match="was put back, but the journal cannot say so"):
            run()
        assert set(levers.values.values()) == {None}
        assert len(Journal(tmp_path).open_undos()) == 2
