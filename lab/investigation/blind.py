"""Blind exercises: drawn by a number, and told of by nothing that the list of exercises tells."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from lab.files.units import clock_text
from lab.investigation.exercises import Exercise
from lab.systems.calendar import Calendar


def drawn(exercises: Sequence[Exercise], seed: int) -> Exercise:
    """The exercise that a number draws; the same for everybody who is offered the same."""
    number = int.from_bytes(sha256(f"blind {seed}".encode()).digest()[:8])
    return exercises[number % len(exercises)]


def neutral_brief(exercise: Exercise) -> str:
    """A brief alike for all exercises of a system: a brief of the list names its exercise to whoever has read it."""
    system = exercise.scenario.system
    at_s = exercise.called_at_s
    calendar = Calendar.of(system)
    called = f"You are called to {system.name}"
    if at_s is not None:
        called += f" at {calendar.label(at_s) if calendar else clock_text(at_s)}"
    watched = ", ".join(dict.fromkeys(slo.sli for slo in system.slos))
    objectives = f" Its objectives are about {watched}." if watched else ""
    return f"{called}.{objectives} Nobody tells you what they noticed. Find out what is wrong, if anything is."
