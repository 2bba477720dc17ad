"""Progress on stderr: a bar on a terminal, some lines in a log, nothing for quick work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from lab.cli.console import in_ci, stderr

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE_S = 2.0
LINE_EVERY_S = 10.0


class Progress:
    """A context whose `tick` is called as work goes on."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._console = stderr()
        self._live = self._console.is_terminal and not in_ci()
        self._bar: Bar | None = None
        self._began_s = self._printed_s = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Takes the bar away while something else is printed; the next tick draws it again."""
        if self._bar is not None:
            self._bar.stop()
        yield

    def tick(self, share: float, finished: int) -> None:
        """`share` of all work is done, and so many of the runs."""
        now_s = time.monotonic()
        if self._live and now_s - self._began_s > PATIENCE_S:
            self._draw(share, finished)
        elif not self._live and now_s - self._printed_s > LINE_EVERY_S:
            self._printed_s = now_s
            self._console.print(f"{finished} of {self._total} runs done ({share:.0%}, {now_s - self._began_s:.0f} s)")

    def _draw(self, share: float, finished: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task("", total=1.0)
        self._bar.start()
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=share, description=f"{finished} of {self._total} runs")
