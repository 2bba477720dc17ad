"""Plug-ins: what installed distributions add under the lab's entry-point groups, each name claimed by one of them."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata

from lab.errors import Problem, UserError

OWN = "chaos-lab"
"""The distribution of the lab itself."""


def installed(group: str, what: str) -> dict[str, EntryPoint]:
    """A group's entry points by name, sorted; nothing is imported.

    UserError naming both distributions where two claim one name: whichever came first would win unnoticed. `what` is
    the word for such a plug-in.
    """
    return dict(_found(group, what, _installation()))


@lru_cache(maxsize=1)
def is_installed() -> bool:
    """Whether the lab is installed as a distribution; not where a service uses its sources, so no plug-in is known."""
    try:
        metadata(OWN)
    except PackageNotFoundError:
        return False
    return True


def _installation() -> tuple[tuple[str, int], ...]:
    """What changes when a distribution is installed or removed: the places that Python looks in, with their times."""
    places = []
    for place in sys.path:
        try:
            places.append((place, os.stat(place or ".").st_mtime_ns))
        except OSError:
            continue
    return tuple(places)


@lru_cache(maxsize=64)
def _found(group: str, what: str, _: tuple[tuple[str, int], ...]) -> dict[str, EntryPoint]:
    """Looked for once: a campaign asks for each job, and reading what is installed takes milliseconds."""
    found: dict[str, EntryPoint] = {}
    problems = []
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, distribution(entry))):
        other = found.setdefault(entry.name, entry)
        if other is not entry and (distribution(other), other.value) != (distribution(entry), entry.value):
            problems.append(claimed_twice(what, entry.name, _place(other), _place(entry)))
    if problems:
        raise UserError(problems)
    return found


def claimed_twice(what: str, name: str, first: str, second: str) -> Problem:
    """That two plug-ins claim one name; the places say which distributions they come from."""
    hint = "uninstall one of the distributions, or ask its author for another name"
    return Problem(f"two {what}s are called {name!r}", seen=f"{first}; {second}", expected="one", hint=hint)


def distribution(entry: EntryPoint) -> str:
    """The name of the distribution that an entry point comes from, normalised."""
    name = entry.dist.name if entry.dist is not None else "unknown distribution"
    return re.sub(r"[-_.]+", "-", name).lower()


def _place(entry: EntryPoint) -> str:
    return f"{entry.value} of {distribution(entry)}"
