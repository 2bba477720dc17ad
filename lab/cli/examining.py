"""Whether a world is whole: what it registers fits together, and everything that it refers to can be loaded."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Problem, UserError
from lab.registration.world import World, loaded


def problems(world: World) -> Iterator[Problem]:
    """All that is wrong with a registration; loads what it refers to, which may take a second."""
    from lab.engines.rules.shipped import shipped_tree
    from lab.recording.schema import schema_of

    for check in (lambda: schema_of(world.name), lambda: shipped_tree(world.name)):
        try:
            check()
        except UserError as error:
            yield from error.problems
    for reference in references(world):
        try:
            loaded(reference)
        except UserError as error:
            yield from error.problems


def references(world: World) -> Iterator[str]:
    """Every `module:attribute` that a world names but for its part of the real stack, which may need more packages."""
    yield world.open
    yield from filter(None, (world.levers, world.people))
    yield from world.tables.values()
    yield from world.models.values()
    yield from (sli.of for sli in world.slis)
    yield from (some.of for some in world.signals)
    yield from filter(None, (part for file in world.recording.files for part in (file.shape, file.check)))
