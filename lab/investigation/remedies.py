"""Remedies: what a person can do about an incident, where, and how it is done.

A remedy puts levers at rest, sets them, or does what has no undo, at one place of a system. It works through state
alone: where those levers were changed it puts them right, and elsewhere it changes nothing. So the remedies and places
of a system are the same in every incident. `lab.investigation.catalogue` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import JsonValue

from lab.errors import ParameterError, Problem, UserError, nearest
from lab.injection.levers import ActValue, ConfigSet, LeverValue, Place, Record, Testbed
from lab.systems.topology import System
from lab.testbeds.installed import choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One thing that people can do.

    `title` is an imperative, `cost_s` how long it takes people, `on` the kinds of elements that it is for. `rests` are
    the levers that it puts at rest, everywhere within the place (of configuration keys those that fit `rest_keys`);
    `pulls` and `acts` are what it does there beside that. `keys`: patterns of configuration keys, one of which it sets
    to a value, `not_keys` among them excepted. `part`: what of an element a place is.
    """

    name: str
    title: str
    doc: str
    cost_s: float
    on: frozenset[str]
    part: Literal["", "table", "key"] = ""
    rests: tuple[type[LeverValue], ...] = ()
    rest_keys: tuple[str, ...] = ("*",)
    pulls: tuple[LeverValue, ...] = ()
    acts: tuple[ActValue, ...] = ()
    keys: tuple[str, ...] = ()
    not_keys: tuple[str, ...] = ()

    def places(self, system: System) -> list[str]:
        """Every place in a system where it can be done, as text: `cache`, `features->db`, `db/users`."""
        found = {self._place(place): None for record in self._records() for place in _possible(record, system)}
        kinds = system.elements()
        places = [place for place in found if place and kinds[Place.parse(place).element] in self.on]
        if self.part != "table":
            return places
        # Every table: of what nobody knows the columns, one may have been added.
        elements = dict.fromkeys(Place.parse(place).element for place in places)
        return [f"{element}/{table}" for element in elements for table in system.components[element].tables]

    def label(self, place: str) -> str:
        """A place as people read it."""
        parsed = Place.parse(place)
        if self.part == "table":
            return f"table {parsed.part} of {parsed.element}"
        return f"{parsed.element}: {parsed.part}" if parsed.part else parsed.element

    def value(self, system: System, place: str) -> dict[str, JsonValue] | None:
        """What it sets at a place, as a JSON schema with `unit` and `now`; None where it takes no value.

        `now` is what the system's file says, as in the repository of the configuration.
        """
        if not self.keys:
            return None
        key = ConfigSet.key(system, Place.parse(place))
        setting = key.setting
        limits = {"minimum": setting.at_least, "exclusiveMinimum": setting.above, "maximum": setting.at_most}
        return {
            "type": "integer" if setting.is_whole else "number",
            **{name: limit for name, limit in limits.items() if limit is not None},
            "unit": setting.unit, "now": key.value, "doc": setting.doc,
        }  # fmt: skip

    def to_json(self, system: System) -> dict[str, Any]:
        """What pages show of it; each place with its own value, where it takes one."""
        places = [
            {"place": place, "label": self.label(place), "value": self.value(system, place)}
            for place in self.places(system)
        ]
        return {"name": self.name, "title": self.title, "doc": self.doc, "cost_s": self.cost_s, "places": places}

    def checked(self, system: System, place: str, value: JsonValue = None) -> None:
        """UserError where the system has no such place for it, or the value does not fit."""
        known = self.places(system)
        if place not in known:
            what = f"{self.title!r} is not done at {place!r}"
            raise ParameterError("place", Problem(what, seen=place, hint=nearest(place, known)))
        if self.keys:
            if isinstance(value, bool) or not isinstance(value, int | float):
                expected = ConfigSet.key(system, Place.parse(place)).setting.expected
                what = "a value is missing" if value is None else "this value is no number"
                seen, hint = "" if value is None else json.dumps(value), "give a number as the remedy's value"
                raise ParameterError("value", Problem(what, seen=seen, expected=expected, hint=hint))
            ConfigSet(value=value).check(system, Place.parse(place))
        elif value is not None:
            raise ParameterError("value", Problem(f"{self.title!r} takes no value", seen=repr(value)))

    def covers(self, lever: str, of_lever: str, place: str) -> bool:
        """Whether a lever, at a place of its own, is among those that it puts at rest where it is done at a place."""
        return self._place(of_lever) == place and (lever != ConfigSet.name or self._rests_key(of_lever))

    def apply(self, testbed: Testbed, place: str, value: JsonValue = None) -> None:
        """Does it on a testbed now. UserError as from `checked`, before anything is changed."""
        system = testbed.system
        self.checked(system, place, value)
        for lever in self.rests:
            held = [hold.undo.element for hold in testbed.holds if hold.undo.lever == lever.name]
            for one in dict.fromkeys([*held, *_possible(lever, system)]):
                if self.covers(lever.name, one, place):
                    testbed.settle(one, lever)
        for pulled in self.pulls:
            testbed.settle(place, type(pulled), pulled)
        for act in self.acts:
            testbed.act(place, act)
        if self.keys and isinstance(value, int | float):
            testbed.settle(place, ConfigSet, ConfigSet(value=value))

    def _records(self) -> list[type[Record]]:
        return [*self.rests, *map(type, self.pulls), *map(type, self.acts), *([ConfigSet] if self.keys else [])]

    def _rests_key(self, of_lever: str) -> bool:
        return any(fnmatchcase(Place.parse(of_lever).part, key) for key in self.rest_keys)

    def _place(self, of_lever: str) -> str:
        """The remedy's place that a lever's place lies in; empty for none."""
        place = Place.parse(of_lever)
        if self.part == "table":
            return str(Place(place.element, place.table))
        if self.part == "key":
            is_meant = any(fnmatchcase(place.part, key) for key in self.keys)
            return of_lever if is_meant and not any(fnmatchcase(place.part, key) for key in self.not_keys) else ""
        return place.element


def remedies(system: System) -> list[Remedy]:
    """What can be done about incidents of a system, those first that are listed, then one for each other lever."""
    return [one for one in _all(system) if one.places(system)]


def remedy(system: System, name: str) -> Remedy:
    """One by its name; UserError with the nearest one."""
    found = next((one for one in _all(system) if one.name == name), None)
    if found is None or not found.places(system):
        hint = nearest(name, [one.name for one in remedies(system)])
        raise ParameterError("remedy", Problem(f"there is no remedy {name!r}", seen=name, hint=hint))
    return found


def _all(system: System) -> Iterator[Remedy]:
    from lab.injection.levers import lever_types
    from lab.investigation.catalogue import REMEDIES, generic
    from lab.testbeds.contents import content_levers

    content_levers(system)  # loads the levers that only the system's world has
    covered = {lever for one in REMEDIES for lever in one.rests}
    yield from REMEDIES
    yield from (generic(lever) for lever in lever_types().values() if lever not in covered)


def check(system: System, name: str, place: str, value: JsonValue = None) -> None:
    """UserError (ParameterError: which of them) where there is no such remedy, place or value."""
    remedy(system, name).checked(system, place, value)


def apply(testbed: Testbed, name: str, place: str, value: JsonValue = None) -> None:
    """Does a remedy on a testbed now, by its name."""
    remedy(testbed.system, name).apply(testbed, place, value)


def _possible(record: type[Record], system: System) -> Iterator[str]:
    """The places of a lever or act that the simulator can change."""
    driver = choose().driver
    for place in record.places(system):
        try:
            example = record.example(system, Place.parse(place))
        except UserError:  # no value fits, so there is nothing to change
            continue
        if isinstance(example, LeverValue | ActValue) and not driver.cannot(system, place, example):
            yield place
