"""An agent through MCP and a script over HTTP solve an exercise, and get the grade that `lab grade` gives."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from lab.cli import main
from lab.errors import ExitCode
from tests.cli_cases import CUT, ROOT, folder, write  # noqa: F401
from tests.waiting import PATIENCE_S

sdk = pytest.importorskip("mcp.client", reason="pip install -e '.[mcp]'")
pytestmark = pytest.mark.slow

TRAINING = "training: {title: Orders, brief: Orders fail., hints: [Look at orders.]}\n"
SCRIPT = ROOT / "examples" / "investigate.py"


@pytest.fixture
def incident(folder: Path) -> Path:  # noqa: F811
    """A link between orders and db is cut from 30 s on."""
    return write("incident", CUT + TRAINING)


def graded_by_hand(state: Path, answer: Mapping[str, Any], capsys: pytest.CaptureFixture[str]) -> Any:
    """What `lab grade` says of the same answer, when an engine gives it."""
    [run] = (state / "runs" / "incident").iterdir()
    said = shlex.join(["sh", "-c", f"echo {shlex.quote(json.dumps({'schema_version': 1, **answer}))}"])
    assert main(["grade", str(run), "--engine", f"cmd:{said}", "--json"]) == ExitCode.OK
    [case] = json.loads(capsys.readouterr().out)["cases"]
    return case


async def worked(incident: Path, state: Path, *more: str) -> tuple[dict[str, Any], Any, list[str]]:
    """What an agent answers that looks for the link over which calls time out, what it is told, and its tools."""
    command = [sys.executable, "-m", "lab", "mcp", "--exercise", str(incident), "--state", str(state), *more]
    given = sdk.stdio.StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with sdk.Client(given) as agent:

        async def use(tool: str, **arguments: Any) -> Any:
            result = await agent.call_tool(tool, arguments)
            assert not result.is_error, result.content
            return json.loads(result.content[0].text)

        tools = [tool.name for tool in (await agent.list_tools()).tools]
        assert (await use("get_session"))["exercise"]["brief"] == "Orders fail."
        refused = await agent.call_tool("get_debrief", {})
        assert refused.is_error
        assert "the answer comes first" in refused.content[0].text
        mistaken = await agent.call_tool("find_logs", {"servce": "front"})
        assert mistaken.is_error
        assert "takes no argument 'servce'; did you mean 'service'?" in mistaken.content[0].text
        await use("set_clock", jump="end")
        [signal_] = [one for one in (await use("list_signals"))["signals"] if one["signal"] == "client_timeout_ratio"]
        series = (await use("get_series", of=[f"client_timeout_ratio:{link}" for link in signal_["subjects"]]))[
            "series"
        ]
        worst = max(series, key=lambda one: sum(value or 0.0 for value in one["values"]))
        onset_s = next(at for at, value in zip(worst["times_s"], worst["values"], strict=True) if (value or 0) > 0.2)
        kinds = {one["name"]: one["boundary"] for one in (await use("get_vocabulary"))["kinds"]}
        cause = {"culprit": worst["subject"], "kind": "network-partition", "boundary": kinds["network-partition"]}
        answer = {"verdict": "fault", "findings": [{**cause, "onset_s": onset_s, "confidence": 0.9, "evidence": []}]}
        return answer, await use("submit", **answer), tools


def test_an_agent_solves_an_exercise_and_gets_the_grade_of_lab_grade(
    incident: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import anyio

    answer, told, tools = anyio.run(worked, incident, tmp_path / "state")
    assert {"list_alerts", "find_traces", "find_logs", "act", "take_hint", "submit"} <= set(tools)
    case = graded_by_hand(tmp_path / "state", answer, capsys)
    assert told["outcome"] == case["outcome"] == "pass"
    assert {one["axis"]: one["outcome"] for one in told["grades"]} == {
        one["grader"]: one["outcome"] for one in case["grades"]
    }


@contextmanager
def served(incident: Path, state: Path, errors: list[str]) -> Iterator[tuple[str, str]]:
    """A `lab train` with this exercise: its address and token. In the end `errors` has what it said on stderr."""
    command = [sys.executable, "-m", "lab", "train", str(incident), "--port", "0", "--no-open", "--state", str(state)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        [(url, token)] = re.findall(r"(http://[^/]+)/\?token=(\S+)", server.stdout.readline())
        yield url, token
    finally:
        server.send_signal(signal.SIGINT)
        errors.append(server.communicate(timeout=PATIENCE_S)[1])


def test_a_script_solves_an_exercise_over_http_and_gets_the_grade_of_lab_grade(
    incident: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(incident, tmp_path / "state", []) as (url, token):
        environment = {**os.environ, "LAB_TOKEN": token}
        done = subprocess.run(
            [sys.executable, str(SCRIPT), url, "own-1"], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    answer, end = json.JSONDecoder().raw_decode(done.stdout)
    assert answer["findings"][0]["culprit"] == "orders->db"
    case = graded_by_hand(tmp_path / "state", answer, capsys)
    *grades, (_, outcome) = [line.split(maxsplit=2)[:2] for line in done.stdout[end:].split("\n") if line]
    assert outcome == case["outcome"] == "pass"
    assert dict(grades) == {one["grader"]: one["outcome"] for one in case["grades"]}


def test_a_server_that_is_not_there_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--exercise", "own-1", "--url", "http://127.0.0.1:9/?token=x"]) == ExitCode.INVALID
    assert "the lab's server does not answer" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["mcp", "--exercise", "own-1"]) == ExitCode.INVALID
    assert "install it: pip install 'chaos-lab[mcp]'" in capsys.readouterr().err


def test_what_is_no_http_is_refused_without_a_word_too_many(incident: Path, tmp_path: Path) -> None:
    """Bytes drawn by a seed, broken heads and lengths, on a real socket: the server answers the next request."""
    random = Random(5)
    host = b"Host: 127.0.0.1\r\n"
    broken = [
        b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n" + host + b"\r\n", b"G\x00T / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"POST / HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000,
        *(random.randbytes(random.randint(1, 400)) + b"\r\n\r\n" for _ in range(20)),
    ]  # fmt: skip
    errors: list[str] = []
    with served(incident, tmp_path / "state", errors) as (url, token):
        parts = urlsplit(url)
        for sent in broken:
            with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=PATIENCE_S) as asking:
                asking.sendall(sent)
                asking.shutdown(socket.SHUT_WR)
                answer = b""
                with suppress(ConnectionError):
                    while part := asking.recv(65536):
                        answer += part
            assert answer == b"" or re.match(rb"HTTP/1.1 4\d\d ", answer), (sent, answer)
            assert b"Traceback" not in answer
        asking_who = Request(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        with urlopen(asking_who, timeout=PATIENCE_S) as reply:
            assert json.load(reply)["role"] == "solo"
    assert "Traceback" not in errors[0]
