"""The page of remedies: what a person can do about an incident in training, where, and by which levers."""

from __future__ import annotations

from collections.abc import Iterator

from lab.docs.markdown import NOTE, table
from lab.files.units import format_duration
from lab.investigation.catalogue import GENERIC_COST_S, REMEDIES
from lab.investigation.remedies import Remedy

_FORMS = {"": "ELEMENT", "table": "COMPONENT/TABLE", "key": "COMPONENT/KEY"}
_INTRO = """\
A remedy is what a person can do about an incident. It works through [levers](levers.md) alone: where they were changed
it puts them right, and elsewhere it changes nothing. So a system has the same remedies at the same places in every
incident, and a wrong one does not help.

Setting a lever ends the hold that a fault or decoy has on it: when that puts the lever back later, nothing happens. A
fault that holds nothing any more has ended. A restart ends no hold: what made a component so is outside of its process.

`training.remedies` of a scenario names those that help, each with its place and, where one is set, its value. On `sim`
the run is made again with what was done: up to then it is the run that was, byte for byte. A lever that no remedy of
this list puts back, as one of a world of your own, has a remedy of its own, such as `undo-population-shift`, which
takes {cost}.
"""


def remedies_page() -> Iterator[str]:
    """The page, as lines."""
    yield from (NOTE, "# Remedies", "", *_INTRO.format(cost=format_duration(GENERIC_COST_S)).splitlines(), "")
    rows = (
        (f"`{one.name}`", one.title, f"`{_FORMS[one.part]}`", ", ".join(sorted(one.on)), format_duration(one.cost_s),
         _levers(one), one.doc)
        for one in REMEDIES
    )  # fmt: skip
    yield from table(("name", "what people do", "place", "of", "takes", "levers", "what it does"), rows)


def _levers(remedy: Remedy) -> str:
    rests = [f"`{lever.name}` at rest" for lever in remedy.rests]
    pulls = [f"`{value.name}`" for value in (*remedy.pulls, *remedy.acts)]
    return ", ".join([*rests, *pulls, *(["`config.set` to a value"] if remedy.keys else [])])
