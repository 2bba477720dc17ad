"""The page of a world: what it adds to files, recordings, service levels and signals, from its registration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.docs.markdown import NOTE, shown_by, signals, slis, table
from lab.docs.recording import files, log_events, metrics, tables
from lab.registration.settings import Setting
from lab.registration.world import World
from lab.signals.catalogue import slis_as_signals


def world_page(world: World) -> Iterator[str]:
    """The page, as lines."""
    yield from (NOTE, f"# World `{world.name}`", "", f"{world.title}.", "")
    yield f"A system has it behind its requests where its file says `world: {{name: {world.name}}}`. Beside what"
    yield "[every recording](../recording.md) and [every system](../signals.md) has, there is the following."
    yield ""
    yield from _files_of_systems(world)
    if world.slis:
        yield from ("## Service level indicators", "", "For SLOs, steady states and stop conditions.", "")
        yield from slis(world.slis)
    yield from tables(world.recording.tables)
    if world.recording.label_window_s is not None:
        yield f"The label window is {world.recording.label_window_s:g} s where `reference/contract.json` has none."
        yield ""
    for title, lines in (
        ("Metrics", metrics(world.recording.metrics) if world.recording.metrics else ()),
        ("Log events", log_events(world.recording.log_events) if world.recording.log_events else ()),
        ("Other files", files(world.recording.files) if world.recording.files else ()),
    ):
        if lines:
            yield from (f"## {title}", "", *lines)
    own = {name: spec for some in world.signals for name, spec in some.catalogue.items()} | dict(slis_as_signals(world))
    if own:
        yield from ("## Signals", "", *signals(own))
    if world.witnesses:
        yield from ("## Faults", "", "Beside what shows a [fault](../faults.md) in every system:", "")
        rows = ((f"`{fault}`", shown_by(one)) for fault, witnesses in world.witnesses.items() for one in witnesses)
        yield from table(("fault", "shows by"), rows)


def _files_of_systems(world: World) -> Iterator[str]:
    """What a system file may say of the world."""
    yield from ("## In a system file", "")
    if world.operations:
        rows = (
            (
                f"`{name}`", operation.kind, "yes" if operation.needed else "",
                ", ".join(f"`{one}`" for one in operation.tables), _settings(operation.settings),
            )
            for name, operation in world.operations.items()
        )  # fmt: skip
        yield from table(("`operation:`", "of a", "needed", "with the tables", "its `settings:`"), rows)
    names = {"run": world.own_code, "fallback": world.fallbacks}
    for key, known in names.items():
        if known:
            yield f"* `{key}:` may be {', '.join(f'`{name}`' for name in known)}."
    if world.settings:
        yield f"* `settings:` of the world: {_settings(world.settings)}."
    for name in world.tables:
        yield f"* Columns of `{name}` can be changed: {', '.join(f'`{one}`' for one in world.columns(name))}."
    if world.trainings:
        yield f"* A model can be trained on {', '.join(f'`{name}`' for name in world.trainings)}."
    yield ""


def _settings(settings: Mapping[str, Setting]) -> str:
    return "; ".join(f"`{name}`, {one.doc} ({one.expected}{_left_out(one)})" for name, one in settings.items())


def _left_out(setting: Setting) -> str:
    return "" if setting.default is None else f"; {setting.default:g} where it is left out"
