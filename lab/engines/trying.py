"""Checks engines before anything is simulated, so that a missing program is reported at once."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from lab.engines import COMMAND, REMOTE, engines
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from lab.engines.processes import NoAnswerError
from lab.errors import Problem, UserError
from lab.plugins import OWN, distribution

CONNECT_TIMEOUT_S = 10.0
SCRIPTS = (".py", ".pyz", ".sh", ".bash", ".pl", ".rb", ".js", ".mjs", ".ts", ".R", ".r", ".jl", ".lua", ".php", ".jar")
"""How names of scripts end that an interpreter gets as its first argument."""
NO_DOCSTRING = "it has no docstring, which is what `lab engines` shows of it"


def try_engines(specs: Iterable[str], options: EngineOptions) -> None:
    """UserError with every engine that cannot be asked: no such program, no listener, import fails."""
    problems = [problem for spec in specs if (problem := _problem(spec, options))]
    if problems:
        raise UserError(problems)


def _problem(spec: str, options: EngineOptions) -> Problem | None:
    if spec.startswith(COMMAND):
        return _command_problem(spec)
    if spec.startswith(REMOTE):
        return _url_problem(spec, options)
    if spec not in engines() or distribution(engines()[spec]) == OWN:
        return None  # the lab's own are tested with it
    with EngineHost(options) as host:
        problem = installed_problem(spec, host)
    hint = "`lab engines` lists the installed ones"
    return Problem(f"engine {spec!r} cannot be asked", seen=problem, hint=hint) if problem else None


def installed_problem(name: str, host: EngineHost) -> str:
    """What is wrong with an installed engine, empty where it can be asked. It is imported in a process of its own."""
    try:
        return "" if host.describe(name) else NO_DOCSTRING
    except NoAnswerError as error:
        return str(error)


def _command_problem(spec: str) -> Problem | None:
    program, *arguments = shlex.split(spec.removeprefix(COMMAND))
    if shutil.which(program) is not None:
        return _script_problem(spec, arguments)
    if os.sep not in program:
        return Problem(f"engine {spec!r}: no program {program!r} on the PATH", expected="a program, or a path to one")
    if not Path(program).exists():
        return Problem(f"engine {spec!r}: no such program", program, expected="an executable file")
    hint = f"`chmod +x {shlex.quote(program)}`, or name its interpreter: 'cmd:python {program}'"
    return Problem(f"engine {spec!r}: this is not executable", program, expected="an executable file", hint=hint)


def _script_problem(spec: str, arguments: list[str]) -> Problem | None:
    """An interpreter that is there and a script that is not."""
    script = arguments[0] if arguments else ""
    if script.startswith("-") or not script.endswith(SCRIPTS) or Path(script).exists():
        return None
    return Problem(f"engine {spec!r}: no such script", script, expected="a file that its interpreter can read")


def _url_problem(spec: str, options: EngineOptions) -> Problem | None:
    """A connection and no request: an answer may be expensive."""
    url = urlsplit(spec)
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(url.netloc):
        url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname, port), min(CONNECT_TIMEOUT_S, options.timeout_s)).close()
    except OSError as error:
        where = f"{url.hostname}:{port}: {error.strerror or error}"
        return Problem(f"engine {spec!r} cannot be reached", seen=where, hint="start it, or correct the URL")
    return None
