"""`lab train` as it is started: links, warnings, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from lab.api.connections import Timely
from tests.simulated import scenario
from tests.waiting import PATIENCE_S, eventually

Start = Callable[..., subprocess.Popen[str]]
LINK = re.compile(r"http://([^:/]+):(\d+)/\?token=(\S+)")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command on a scenario of its own; it is ended with the test."""
    scenario(tmp_path, name="small", duration_s=60)
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lab", "train", "--port", "0", "--state", "state", *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        running.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )  # fmt: skip
        return running[-1]

    yield begin
    for one in running:
        if one.poll() is None:
            one.kill()
        one.wait()


def link(begun: subprocess.Popen[str]) -> tuple[str, str]:
    """(address of the API, token) of the next line with a link."""
    assert begun.stdout is not None
    found = next(filter(None, map(LINK.search, begun.stdout)))
    return f"http://127.0.0.1:{found[2]}", found[3]


def asked(address: str, token: str, path: str, body: bytes | None = None) -> bytes:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with urlopen(Request(address + path, body, headers), timeout=PATIENCE_S) as reply:
        return bytes(reply.read())


def answers(address: str, token: str) -> bool:
    try:
        return b"own-1" in asked(address, token, "/api/v1/exercises")
    except OSError:
        return False


def children(process: int) -> list[int]:
    """Processes below one."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(pid) for pid, parent in map(str.split, lines) if int(parent) == process]


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{process}/stat").exists() or ") Z" not in Path(f"/proc/{process}/stat").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_that_it_started(start: Start, number: int):
    begun = start("small.scenario.yaml")
    address, token = link(begun)
    eventually(lambda: answers(address, token))
    asked(address, token, "/api/v1/sessions", b'{"exercise": "own-1"}')
    eventually(lambda: bool(children(begun.pid)))
    workers = children(begun.pid)
    os.kill(begun.pid, number)
    _, errors = begun.communicate(timeout=PATIENCE_S)
    assert begun.returncode == 0, errors
    assert "Traceback" not in errors
    eventually(lambda: not any(map(exists, workers)))


@pytest.mark.slow
def test_a_link_and_a_session_are_the_same_after_a_kill(start: Start):
    begun = start("small.scenario.yaml")
    address, token = link(begun)
    eventually(lambda: answers(address, token))
    asked(address, token, "/api/v1/sessions", b'{"exercise": "own-1"}')
    before = asked(address, token, "/api/v1/sessions")
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    again, same = link(start("small.scenario.yaml"))
    assert same == token
    eventually(lambda: answers(again, token))
    assert before[:24] == asked(again, token, "/api/v1/sessions")[:24], "the session's id"


def test_what_a_killed_worker_left_is_gone_when_it_listens(start: Start, tmp_path: Path):
    half = tmp_path / "state" / "acted" / "half" / ".observed.abc.tmp"
    half.mkdir(parents=True)
    link(start("small.scenario.yaml"))
    assert not half.parent.exists()


def test_a_group_has_a_link_for_participants_and_one_for_the_instructor(start: Start):
    begun = start("--group", "small.scenario.yaml")
    assert begun.stdout is not None
    lines = [begun.stdout.readline() for _ in range(3)]
    assert ["participants" in lines[1], "instructor" in lines[2]] == [True, True]
    tokens = {found[3] for found in map(LINK.search, lines) if found}
    assert len(tokens) == 2


def test_listening_for_others_is_warned_of(start: Start):
    begun = start("--host", "0.0.0.0", "small.scenario.yaml")
    link(begun)
    begun.terminate()
    assert "warning: others on the network can reach" in begun.communicate(timeout=PATIENCE_S)[1]


def test_a_connection_that_asks_nothing_is_closed():
    async def served() -> bytes:
        class Soon(Timely):
            within_s = 0.1

        config = uvicorn.Config(PlainTextResponse("well"), port=0, log_level="error", http=Soon, lifespan="off")
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: ")
            said = await asyncio.wait_for(reader.read(), PATIENCE_S)
            writer.close()
            server.should_exit = True
            await serving
            return said

    assert asyncio.run(served()) == b""


def test_a_port_that_is_taken_is_refused(start: Start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        begun = start("small.scenario.yaml", "--port", str(taken.getsockname()[1]))
        _, errors = begun.communicate(timeout=PATIENCE_S)
    assert begun.returncode == 2
    assert "cannot listen on" in errors
    assert "--port" in errors


def test_a_second_server_on_the_same_sessions_is_refused(start: Start):
    first = start("small.scenario.yaml")
    link(first)
    _, errors = start("small.scenario.yaml").communicate(timeout=PATIENCE_S)
    assert "another lab train keeps its sessions here" in errors
    assert f"process {first.pid}" in errors


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("none.scenario.yaml", "none.scenario.yaml"), ("none", "unknown scenario 'none'"),
        ("bad.course.yaml", "bad.course.yaml:1:"),
    ],
)  # fmt: skip
def test_what_cannot_be_solved_is_refused_with_its_place(start: Start, tmp_path: Path, target: str, said: str):
    (tmp_path / "bad.course.yaml").write_text("name: 5\n")
    begun = start(target)
    _, errors = begun.communicate(timeout=PATIENCE_S)
    assert begun.returncode == 2
    assert said in errors
    assert "Traceback" not in errors


def test_a_state_that_cannot_be_written_is_refused(start: Start, tmp_path: Path):
    (tmp_path / "file").touch()
    begun = start("small.scenario.yaml", "--state", "file/state")
    _, errors = begun.communicate(timeout=PATIENCE_S)
    assert begun.returncode == 2
    assert "file/state: sessions cannot be kept here" in errors


def test_the_help_loads_nothing_of_the_server():
    code = "import sys, lab.cli.train; print({'fastapi', 'uvicorn', 'starlette', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
