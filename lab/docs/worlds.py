"""The page of a world: what it adds to files, recordings, service levels and signals, from its registration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lab.docs.markdown import NOTE, costs, first_line, shown_by, signals, slis, table
from lab.docs.recording import files, log_events, metrics, tables
from lab.engines.rules.shipped import shipped_tree
from lab.engines.rules.tree import Condition
from lab.injection.faults import fault_types
from lab.injection.levers import act_types, lever_types
from lab.registration.datasets import DatasetColumn
from lab.registration.settings import Setting
from lab.registration.world import World, loaded
from lab.signals.catalogue import slis_as_signals


def world_page(world: World) -> Iterator[str]:
    """The page, as lines."""
    yield from (NOTE, f"# World `{world.name}`", "", f"{world.title}.", "")
    yield f"A system has it behind its requests where its file says `world: {{name: {world.name}}}`. Beside what"
    yield "[every recording](../recording.md) and [every system](../signals.md) has, there is the following."
    yield ""
    if world.stack_needs and not world.stack:
        yield from (f"It is simulated only: the [stack](../stack.md) would need {world.stack_needs}.", "")
    yield from _files_of_systems(world)
    if world.slis:
        yield from ("## Service level indicators", "", "For SLOs, steady states and stop conditions.", "")
        yield from slis(world.slis)
    if world.costs:
        yield from ("## Costs", "", "What an incident costs beyond failed requests and waiting, in debriefs.", "")
        yield from costs(world.costs)
    yield from _datasets(world)
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
    yield from _levers(world)
    yield from _faults(world)
    yield from _rules(world)


def _datasets(world: World) -> Iterator[str]:
    """Datasets that its jobs write, as they are meant to be."""
    if not world.datasets:
        return
    yield from ("## Datasets", "", "[Versions](../recording.md#datasets) that jobs write:", "")
    rows = (
        (f"`{name}`", one.doc, f"`{one.of}`" if one.of else "", ", ".join(f"`{of}`" for of in one.inputs),
         ", ".join(_dataset_column(column, spec, is_key=column == one.key) for column, spec in one.columns.items()))
        for name, one in world.datasets.items()
    )  # fmt: skip
    yield from table(("dataset", "content", "written by", "made from", "columns"), rows)


def _dataset_column(name: str, spec: DatasetColumn, *, is_key: bool) -> str:
    about = [spec.type if spec.unit in ("", "1") else f"{spec.type}, {spec.unit}", *(["key"] if is_key else [])]
    return f"`{name}` ({'; '.join([*about, *([spec.doc] if spec.doc else [])])})"


def _levers(world: World) -> Iterator[str]:
    """The levers of content that the world has, on the simulator; those of its own among them."""
    if not world.levers:
        return
    known = {**lever_types(), **act_types()}
    rows = ((f"`{name}`", first_line(known[name].__doc__)) for name in sorted(loaded(world.levers)))
    yield from ("## Levers", "", "Of [all levers](../levers.md) those that act on its content, on `sim`:", "")
    yield from table(("lever or act", "what it does"), rows)


def _faults(world: World) -> Iterator[str]:
    """Faults that come with the world, and by what else those of every system show in it."""
    package = world.open.partition(":")[0].rpartition(".")[0]
    own = [kind for kind in fault_types().values() if kind.module.startswith(f"{package}.")]
    if own or world.witnesses:
        yield from ("## Faults", "")
    if own:
        rows = (
            (
                f"`{kind.name}`",
                ", ".join(sorted(kind.target_kinds)),
                str(kind.boundary or "decoy"),
                first_line(kind.doc),
            )
            for kind in own
        )
        yield from ("That come with it ([parameters](../faults.md)):", "")
        yield from table(("fault or decoy", "target", "boundary", "what happens"), rows)
    if world.witnesses:
        yield from ("Beside what shows a [fault](../faults.md) in every system:", "")
        shown = ((f"`{fault}`", shown_by(one)) for fault, witnesses in world.witnesses.items() for one in witnesses)
        yield from table(("fault", "shows by"), shown)


def _rules(world: World) -> Iterator[str]:
    """What the reference engine concludes in systems of the world, beside what it concludes everywhere."""
    core = shipped_tree(None).causes
    causes = [cause for cause in shipped_tree(world.name).causes if cause not in core]
    if not causes:
        return
    yield from ("## Rules", "", f"Beside those for every system; `lab rules show --world {world.name}` prints all.", "")
    rows = (
        (
            f"`{cause.kind}`",
            _each(cause.each),
            cause.boundary,
            ", ".join(f"`{name}`" for name in _looked_at(cause.when)),
        )
        for cause in causes
    )
    yield from table(("concludes", "of each", "boundary", "from"), rows)


def _each(each: str | tuple[str, ...]) -> str:
    return each if isinstance(each, str) else ", ".join(each)


def _looked_at(conditions: Iterable[Condition]) -> dict[str, None]:
    """The signals that conditions compare, each once, in their order."""
    found: dict[str, None] = {}
    for one in conditions:
        found |= {one.signal: None} if one.signal else _looked_at(one.any)
    return found


def _files_of_systems(world: World) -> Iterator[str]:
    """What a system file may say of the world."""
    yield from ("## In a system file", "")
    if world.operations:
        has_callers = any(operation.caller_settings for operation in world.operations.values())
        has_docs = any(operation.doc for operation in world.operations.values())
        rows = (
            (
                f"`{name}`", *([operation.doc] if has_docs else []), operation.kind, "yes" if operation.needed else "",
                ", ".join(f"`{one}`" for one in operation.tables), _settings(operation.settings),
                *([_settings(operation.caller_settings)] if has_callers else []),
            )
            for name, operation in world.operations.items()
        )  # fmt: skip
        does = ("what it does",) if has_docs else ()
        heads = ("`operation:`", *does, "of a", "needed", "with the tables", "its `settings:`")
        yield from table((*heads, "its caller's `settings:`") if has_callers else heads, rows)
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
