"""What benchmarks share: CPU of commands, figures with their spread and their goal, and how they are printed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LAB = [sys.executable, "-m", "lab"]
FAR = 2.0
"""How many times a goal is exceeded where a benchmark fails."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What commands are measured in: modules are compiled once, as for anybody who has installed the lab."""


@dataclass(frozen=True)
class Figure:
    """One measured ratio: what of what, its rounds, and the goal that its median should not exceed; None: none."""

    name: str
    rounds: tuple[float, ...]
    goal: float | None = None
    digits: int = 3
    detail: str = ""

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.value <= self.goal

    def __str__(self) -> str:
        text = f"{self.name}: {spread(self.rounds, self.digits)}"
        if self.goal is not None:
            text += f", at most {self.goal:.3g}"
        return f"{text} ({self.detail})" if self.detail else text


def spread(rounds: Sequence[float], digits: int = 2) -> str:
    """The median of some rounds, and from where to where they lie."""
    low, high = min(rounds), max(rounds)
    return f"{median(rounds):.{digits}f} (of {len(rounds)} rounds {low:.{digits}f} to {high:.{digits}f})"


def reported(figures: Sequence[Figure]) -> int:
    """Prints figures; 1 where one is more than `FAR` from its goal: a machine that is busy otherwise moves them too."""
    for figure in figures:
        print(figure if figure.is_met else f"{figure}: missed", flush=True)
    return int(any(figure.goal is not None and figure.value > FAR * figure.goal for figure in figures))


def cpu_s(command: Sequence[str], directory: str | Path | None = None, *, codes: tuple[int, ...] = (0,)) -> float:
    """CPU seconds of a command with all its processes. CalledProcessError where it ends otherwise than by `codes`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=directory, env=ENVIRONMENT, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        sys.stderr.write(done.stderr.decode(errors="replace")[-2000:])
        raise subprocess.CalledProcessError(done.returncode, command)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def rounds_asked(default: int) -> int:
    """How many rounds the command line asks for."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default
