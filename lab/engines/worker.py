"""The process a Python engine runs in: `python -m lab.engines.worker NAME`, one JSON line per case each way.

In: `{"id": "<new>", "observed": "<directory>", "environment": {…}, "cpu_s": <limit>}`; `environment` is added to the
process's own. Out: `{"id": "<same>", "diagnosis": {…}}` or `{"id": "<same>", "error": "<reason>"}`. In: `{"id":
"<new>", "describe": true}`. Out: `{"id": "<same>", "doc": "<docstring>"}`. The engine is loaded once and kept.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from lab.contracts import Diagnosis
from lab.engines import Engine, documentation, load_engine
from lab.errors import with_article


def protocol_streams() -> tuple[TextIO, TextIO]:
    """Takes stdin and stdout away from the engine: it reads nothing, and what it prints goes to stderr.

    Done on file descriptors, so that printing from C code or a child process cannot corrupt the protocol either.
    """
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def reason(error: BaseException) -> str:
    """An exception in one line with the place it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"raised {type(error).__name__}: {error}{where}"


def limit_cpu(seconds: int) -> None:
    """From now on this process may use so much CPU: it serves many cases, and the limit is of one."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def answer(engine: Engine, observed: Path) -> dict[str, Any]:
    """The engine's answer. Everything that the engine raises, including sys.exit, is a failure of the engine."""
    try:
        diagnosis: object = engine(observed)
        if not isinstance(diagnosis, Diagnosis):
            return {"error": f"returned {with_article(type(diagnosis).__name__)}, expected a Diagnosis"}
        reply = {"diagnosis": diagnosis.to_json()}
        json.dumps(reply)
        return reply
    except (Exception, SystemExit) as error:
        return {"error": reason(error)}


def main() -> None:
    """Serves until stdin ends."""
    requests, answers = protocol_streams()
    try:
        engine = load_engine(sys.argv[1])
    except Exception as error:
        sys.exit(f"cannot load engine {sys.argv[1]!r}: {type(error).__name__}: {error}")
    if not callable(engine):
        sys.exit(f"engine {sys.argv[1]!r} is {with_article(type(engine).__name__)}, expected a function")
    for line in requests:
        request = json.loads(line)
        if "describe" in request:
            reply: dict[str, Any] = {"doc": documentation(engine)}
        else:
            limit_cpu(request["cpu_s"])
            os.environ.update(request["environment"])
            reply = answer(engine, Path(request["observed"]))
        print(json.dumps({"id": request["id"], **reply}), file=answers, flush=True)


if __name__ == "__main__":
    main()
