"""CPU of `lab --help` beside that of importing what every command needs: whether starting the lab loads too much.

python benchmarks/help.py [rounds]
"""

from __future__ import annotations

import sys

from measuring import LAB, Figure, cpu_s, reported, rounds_asked

ROUNDS = 11
GOAL = 1.5


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """The ratio; each round starts both."""
    own, least = [*LAB, "--help"], [sys.executable, "-c", "import click, simpy"]
    for command in (own, least):
        cpu_s(command)
    ratios = tuple(cpu_s(own) / cpu_s(least) for _ in range(rounds))
    return [Figure("lab --help / import click, simpy", ratios, GOAL, digits=2)]


if __name__ == "__main__":
    sys.exit(reported(measure(rounds_asked(ROUNDS))))
