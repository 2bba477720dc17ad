"""What changes the stack ends with the lab that started it, whatever ends that."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from lab.testbeds.stack.processes import born, ended_with_us
from tests.waiting import eventually

TWO = ["sh", "-c", "sleep 60 & echo $!; wait"]
"""A process that starts another one, as Compose does for a build."""


def test_an_interrupt_ends_a_child_and_what_it_started() -> None:
    def run() -> None:
        with ended_with_us(TWO, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            started.extend([process.pid, int(process.stdout.readline())])
            raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run()
    eventually(lambda: not any(born(pid) for pid in started))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_lab_takes_its_child_along() -> None:
    code = (
        "from lab.testbeds.stack.processes import ended_with_us\n"
        "with ended_with_us(['sleep', '60']) as process: print(process.pid, flush=True); process.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        child = int(lab.stdout.readline())
        assert born(child)
        lab.send_signal(signal.SIGKILL)
    eventually(lambda: not born(child))
