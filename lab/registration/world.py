"""A world's registration: what only it knows, as one record that is light to load, and how the record is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.resources import files
from importlib.resources.abc import Traversable
from traceback import walk_tb
from typing import Any

from lab.errors import Problem, UserError
from lab.plugins import installed
from lab.registration.checking import check_registration
from lab.registration.costs import Cost
from lab.registration.datasets import Dataset
from lab.registration.recorded import Recorded
from lab.registration.settings import Operation, Setting
from lab.registration.signals import Limit, Signals, Witness
from lab.registration.slis import Sli

WORLD_GROUP = "lab.worlds"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A kind of content behind a system's requests. Heavy parts are named as `module:attribute`, loaded when asked.

    `open` makes the content behind one simulated run (`lab.content.protocol.Content`) of a `WorldContext`; `levers` is
    its table of content levers on the simulator. `operations` are for `operation:` in a call plan, `own_code` for
    `run:`, `fallbacks` for `fallback:`, `settings` for the world's own `settings:`. `tables`: the database tables whose
    columns can be changed, by name a reference to the tuple of columns that feature code reads. `people`: the same of
    features of the people who come, which a shift of the population changes. `datasets` are what jobs write as
    versions, which content hands to `WorldContext.datasets`. Model versions 1 to `model_versions` are
    there from the start, the last of them serves; `trainings` are the ways to train another. `slis` are the indicators
    of its content, `costs` what an incident costs. `models` says by family of models how to score an entry of the
    registry: a function of the entry and of columns of inputs. `signals` are what is computed of the world's recordings
    beside the signals of every system. `rules` are files, as `package:file`, that the reference engine reads after its
    own. `witnesses` are by fault signals by which it shows here, beside those that it declares for every system.
    `limits` are for the floor `naive-thresholds`. `recording` is what its recordings have that those of other systems
    have not.

    `value` is what its content decides of a request (a model's score), with limits; call plans branch on it (`when`).

    `stack` refers to its part of the real stack (`lab.content.stack.StackPart`); a world without services says in
    `stack_needs` what they would need.
    """

    name: str
    title: str
    open: str
    levers: str = ""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    own_code: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    people: str = ""
    model_versions: int = 1
    trainings: tuple[str, ...] = ()
    value: Setting | None = None
    slis: tuple[Sli, ...] = ()
    costs: tuple[Cost, ...] = ()
    recording: Recorded = field(default_factory=Recorded)
    stack: str = ""
    stack_needs: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    signals: tuple[Signals, ...] = ()
    rules: tuple[str, ...] = ()
    witnesses: Mapping[str, tuple[Witness, ...]] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of a table that feature code reads; none where the table's columns cannot be changed."""
        return tuple(loaded(self.tables[table])) if table in self.tables else ()

    @property
    def people_features(self) -> tuple[str, ...]:
        """Features of the people who come."""
        return tuple(loaded(self.people)) if self.people else ()


def resource(reference: str) -> Traversable:
    """The file that `package:file` refers to."""
    package, _, file = reference.partition(":")
    return files(package) / file


@lru_cache(maxsize=256)
def loaded(reference: str) -> Any:
    """What `module:attribute` refers to.

    UserError where there is no such thing, or where its module cannot be imported: both are mistakes of a world.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # any failure of another package's module, which may not end the lab
        why = " ".join(f"{type(error).__name__}: {error}{_within(error, module)}".split())
        what, hint = f"{reference!r} of a world cannot be loaded: {why}", "correct it, or uninstall the world"
        raise UserError(Problem(what, hint=hint)) from error


def _within(error: BaseException, module: str) -> str:
    """Where the package of a module raised an error, in words; nothing where it could not be found."""
    package = module.partition(".")[0]
    frames = [
        (frame.f_globals["__name__"], line)
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package and package != "lab"
    ]
    return " in {} line {}".format(*frames[-1]) if frames else ""


def installed_worlds() -> dict[str, EntryPoint]:
    """Worlds by name; none where the lab's sources are used without being installed."""
    return installed(WORLD_GROUP, "world")


def registration_of(world: str) -> World | None:
    """The registration of a world; None where no such world is installed.

    UserError where its entry point does not refer to a registration, to one of another name, or to one that is not well
    formed.
    """
    entry = installed_worlds().get(world)
    return None if entry is None else _registration(world, entry)


def _registration(world: str, entry: EntryPoint) -> World:
    found = loaded(entry.value)
    if not isinstance(found, World):
        seen = type(found).__name__
        raise UserError(Problem(f"{entry.value} is no world", seen=seen, expected="a lab.registration.world.World"))
    if found.name != world:
        what, hint = f"{entry.value} registers another name", "give entry point and registration one name"
        raise UserError(Problem(what, seen=found.name, expected=world, hint=hint))
    if _checked.get(entry.value) is not found:
        check_registration(found, entry.value)
        _checked[entry.value] = found
    return found


_checked: dict[str, World] = {}
"""Registrations that are well formed, by what their entry points refer to; it takes milliseconds to find out."""


def recorded_world(world: str) -> World:
    """The registration of the world that a recording is of; UserError where it is not installed."""
    found = registration_of(world)
    if found is None:
        known = ", ".join(installed_worlds()) or "none"
        hint = "install the distribution that the system's world comes with"
        what = f"the recording is of a system whose world {world!r} is not installed"
        raise UserError(Problem(what, seen=f"installed: {known}", expected=world, hint=hint))
    return found


def registrations() -> list[World]:
    """The registrations of all installed worlds that can be loaded, by name.

    One that cannot keeps no file of another from working; what is wrong with it is said where its name is used, and by
    `lab doctor`.
    """
    return [found for found in registered().values() if isinstance(found, World)]


def registered() -> dict[str, World | UserError]:
    """Every installed world by name: its registration, or why it cannot be loaded."""
    found: dict[str, World | UserError] = {}
    for name, entry in installed_worlds().items():
        try:
            found[name] = _registration(name, entry)
        except UserError as error:
            found[name] = error
    return found
