"""Builds the images of the stack, and prints a line for every finished step."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lab.files.fileio import reason
from lab.testbeds.stack.compose import Compose, StackError, room_hint

ShowLine = Callable[[str], None]

SILENCE_S = 20.0
"""After so long without a new line, the current step is shown again."""
TAIL_LINES = 25
_WIDTH = 90
_CLASSIC_IMAGE = re.compile(r"^Building (\S+)$")
_CLASSIC_STEP = re.compile(r"^Step (\d+/\d+) : (.*)$")
_CLASSIC_DONE = re.compile(r"^Successfully built ")
_BUILDKIT_STEP = re.compile(r"^#(\d+) \[(?!.*internal\b)([^]]+)] (.*)$")
_BUILDKIT_MORE = re.compile(r"^#(\d+) (CACHED|DONE|ERROR|[\d.]+ )")
_WORK = ("RUN ", "COPY ", "ADD ")


class Steps:
    """Reads the output of a build: the steps that are really done, in the order in which they begin.

    Understands the classic builder and the plain output of BuildKit. A step that is found in the cache is not shown;
    that is known one line after the step's own.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.current = ""
        self._image = ""
        self._pending: dict[str, str] = {}

    def read(self, line: str) -> str | None:
        """The step that is now known to be done, or an image that is finished; None if a line shows neither."""
        line = line.rstrip()
        if found := _BUILDKIT_STEP.match(line):
            self._wait_for(found[1], found[2], found[3])
        elif found := _BUILDKIT_MORE.match(line):
            step = self._pending.pop(found[1], None)
            return self._finish(step) if step and found[2] != "CACHED" else None
        elif found := _CLASSIC_IMAGE.match(line):
            self._image = found[1]
        elif found := _CLASSIC_STEP.match(line):
            self._wait_for("", f"{self._image} {found[1]}", found[2])
        elif _CLASSIC_DONE.match(line) and any(step.startswith(f"{self._image} ") for step in self.done):
            self.current = ""
            self.done.append(f"{self._image} is built")
            return self.done[-1]
        elif line and (step := self._pending.pop("", None)):
            return self._finish(step) if line.strip() != "---> Using cache" else None
        return None

    def _wait_for(self, key: str, place: str, instruction: str) -> None:
        self._pending.pop(key, None)
        if instruction.startswith(_WORK):
            text = f"{place}: {' '.join(instruction.split())}"
            self._pending[key] = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"

    def _finish(self, step: str) -> str:
        self.done.append(step)
        self.current = step
        return step


def to_stderr(line: str) -> None:
    """Prints a line beside the results."""
    print(line, file=sys.stderr, flush=True)


def build_images(compose: Compose, log: Path, show_line: ShowLine) -> None:
    """Builds what is to be built and says its steps with the seconds since its begin; the log gets all of the output.

    StackError with the end of the output, and with where all of it is, when the build fails; or where the log cannot
    be written.
    """
    began_s = shown_s = time.monotonic()

    def show(what: str) -> None:
        nonlocal shown_s
        shown_s = time.monotonic()
        show_line(f"{shown_s - began_s:5.0f} s  {what}")

    steps, tail = Steps(), list[str]()
    with (
        _kept(log) as whole,
        compose.start(
            "build", "--force-rm",  # the container of a step that failed, too
            environment={"BUILDKIT_PROGRESS": "plain"}, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        for line in _lines(process.stdout):
            whole.write(line)
            tail = [*tail[1 - TAIL_LINES :], *([line] if line else [])]
            if step := steps.read(line):
                show(step)
            elif time.monotonic() - shown_s >= SILENCE_S:
                show(f"still at {steps.current}" if steps.current else "looking for what is to be built")
    if process.returncode:
        end = "".join(tail).rstrip()
        raise StackError(
            f"the images could not be built: {' '.join(compose.command('build'))} ended with {process.returncode}. "
            f"The end of its output:\n{end}\nAll of it is in {log}{room_hint(end)}"
        )
    if steps.done:
        show("all images are built")


@contextmanager
def _kept(log: Path) -> Iterator[IO[str]]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise StackError(f"the output of the build cannot be kept in {log}: {reason(error)}") from error


def _lines(stream: IO[str]) -> Iterator[str]:
    """The lines of a stream as they come, and an empty one whenever there was none for a while."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=SILENCE_S)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line
