"""The page of levers: what each changes, where it is written, and which testbed has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.docs.markdown import NOTE, default, table, values
from lab.injection.levers import (
    ConfigSet,
    LeverTable,
    LeverValue,
    LinkCut,
    Place,
    Record,
    act_types,
    lever_types,
)
from lab.injection.levers.record import FORMS
from lab.systems.configuration import configuration
from lab.systems.files import load_system
from lab.systems.topology import System
from lab.testbeds.driver import Driver
from lab.testbeds.installed import drivers

EXAMPLE = Path(__file__).with_name("example.system.yaml")
"""The system that examples are from."""
_INTRO = """\
A lever is one thing that a testbed lets you change and change back. A fault pulls levers and so runs on every testbed
that has them:

```python
with testbed.pull("{link}", LinkCut(fraction=0.3)):
    yield
```

`from lab.injection.levers import LinkCut` is the lever's record. What is not given has its default; a value out of its
range, an element that the system lacks and a lever that the testbed lacks are errors of `lab plan`. An act
(`testbed.act("{cache}", CacheFlush())`) has no undo.

Leased levers end by themselves on a testbed that outlives the lab, unless the lab renews them; the others are put back
from the journal, by `lab recover` where the lab was killed. Places are written:
"""


_OF_A_WORLD = "what the page of the [world](worlds/) lists"


def levers_page() -> Iterator[str]:
    """The page, as lines."""
    system = load_system(str(EXAMPLE))
    link = next(LinkCut.places(system))
    cache = next(name for name, component in system.components.items() if component.kind == "cache")
    yield from (NOTE, "# Levers", "", *_INTRO.format(link=link, cache=cache).splitlines(), "")
    named = {record.part: place for record in lever_types().values() for place in [*record.places(system)][:1]}
    rows = ((f"`{form}`", f"`{named[part]}`" if part in named else _OF_A_WORLD) for part, form in FORMS.items())
    yield from table(("form", "such as"), rows)
    yield from _overview([*lever_types().values(), *act_types().values()])
    for lever in lever_types().values():
        yield from _record(lever, system)
    yield from ("## Acts", "")
    for act in act_types().values():
        yield from _record(act, system)
    yield from _keys(system)


def _drivers() -> list[Driver[Any]]:
    return [one for one in drivers().values() if isinstance(one, Driver)]


def _overview(records: list[type[Record]]) -> Iterator[str]:
    rows = [
        (f"`{record.name}`", *("yes" if record.name in one.levers else "" for one in _drivers()), record.headline())
        for record in records
    ]
    yield from table(("lever or act", *(one.name for one in _drivers()), "what it does"), rows)


def _record(record: type[Record], system: System) -> Iterator[str]:
    yield from (f"### {record.name}: `{record.__name__}`", "", *record.doc().splitlines(), "")
    place = next(record.places(system), "")
    yield f"* Of: {', '.join(sorted(record.on))}; written `{FORMS[record.part]}`" + (f", as `{place}`" if place else "")
    if issubclass(record, LeverValue):
        neutral = record.neutral(system, Place.parse(place)) if place else None
        rest = "not pulled" if neutral is None else f"`{neutral.to_json()}` in {system.name!r}"
        yield f"* {record.kept.capitalize()}; at rest: {rest}"
    for one in _drivers():
        limits = one.levers.limits(record) if isinstance(one.levers, LeverTable) else ""
        if limits:
            yield f"* On {one.name}: {limits}"
    yield ""
    schema = record.model_json_schema()
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", values(field), "required" if name in required else default(field.get("default")))
        for name, field in schema.get("properties", {}).items()
    ]
    if rows:
        yield from table(("field", "values", "default"), rows)


def _keys(system: System) -> Iterator[str]:
    """The configuration keys of the system's components, steps taken together."""
    yield from ("## Configuration keys", "")
    yield f"What `config.set` can change of `{system.name}`, and on which testbed while it runs. `*` stands for a step."
    yield ""
    rows: dict[tuple[str, ...], None] = {}
    for component in system.components:
        for key in configuration(system, component).values():
            place = f"{component}/{key.name}"
            value = ConfigSet.example(system, Place.parse(place))
            can = ("" if one.cannot(system, place, value) else "yes" for one in _drivers())
            name = re.sub(r"^steps\.[^.]+", "steps.*", key.name)
            limits = key.setting.limits + (", whole" if key.setting.is_whole else "")
            rows[component, f"`{name}`", key.setting.unit or "1", limits, *can, key.setting.doc] = None
    yield from table(("component", "key", "unit", "limits", *(one.name for one in _drivers()), "meaning"), rows)
