"""The testbeds that are installed, and one that was chosen together with its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.metadata import EntryPoint
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from lab.errors import LabError, Problem, UserError, nearest
from lab.plugins import distribution, installed
from lab.registration.failures import failed_world
from lab.testbeds.driver import DEFAULT, GROUP, Driver, DriverOptions

if TYPE_CHECKING:
    from lab.scenario import LoadedScenario


def entries() -> dict[str, EntryPoint]:
    """The installed testbeds by name; nothing is imported. UserError naming both where two have one name."""
    return installed(GROUP, "testbed")


def load_driver(name: str) -> Driver[Any]:
    """The driver of a testbed; UserError where there is none of this name, or where it cannot be loaded, and why."""
    found = entries()
    if name not in found:
        raise UserError(Problem(f"testbed {name!r} is not installed", hint=nearest(name, found)))
    driver = _loaded(found[name])
    if isinstance(driver, Problem):
        raise UserError(driver)
    return driver


def drivers() -> dict[str, Driver[Any] | Problem]:
    """Every installed testbed by name: its driver, or why it cannot be loaded."""
    return {name: _loaded(entry) for name, entry in entries().items()}


@cache
def _loaded(entry: EntryPoint) -> Driver[Any] | Problem:
    try:
        made = entry.load()
        driver = made() if isinstance(made, type) else made
    except (Exception, SystemExit) as error:  # any failure of another package's module
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return _unloadable(entry, why, "ask its author, or uninstall its distribution")
    if not isinstance(driver, Driver):
        return _unloadable(entry, f"{entry.value} is no driver", "name a subclass of lab.testbeds.driver.Driver")
    if getattr(driver, "name", None) != entry.name:
        why = f"its driver calls itself {getattr(driver, 'name', None)!r}"
        return _unloadable(entry, why, "give the class and its entry point one name")
    return _check_options(entry, driver) or driver


def _check_options(entry: EntryPoint, driver: Driver[Any]) -> Problem | None:
    options = getattr(driver, "options", None)
    if not (isinstance(options, type) and issubclass(options, DriverOptions)):
        return _unloadable(entry, "its `options` are no DriverOptions", "subclass lab.testbeds.driver.DriverOptions")
    required = [name for name, info in options.model_fields.items() if info.is_required()]
    if required:
        return _unloadable(entry, f"its option {required[0]!r} has no default", "give every option a default")
    return None


def _unloadable(entry: EntryPoint, why: str, hint: str) -> Problem:
    return Problem(f"testbed {entry.name!r} of {distribution(entry)} cannot be loaded: {why}", hint=hint)


@dataclass(frozen=True)
class Chosen:
    """A testbed and validated options for it; light, so that jobs can carry it to other processes."""

    name: str
    options: DriverOptions

    @property
    def driver(self) -> Driver[Any]:
        return load_driver(self.name)

    def problems(self, loaded: LoadedScenario) -> list[Problem]:
        """All that keeps a scenario from working there, or its faults from showing; nothing is started."""
        with self.named("checking a scenario"):
            return [*self.driver.check(loaded, self.options), *_lacking(self, loaded)]

    def needed_bytes(self, loaded: LoadedScenario) -> int:
        """About what a recording of a scenario takes."""
        from lab.recording.keeping import recording_bytes

        return recording_bytes(self.driver.requests(loaded, self.options), loaded.system.observe.sampling)

    @contextmanager
    def named(self, doing: str) -> Iterator[None]:
        """Names the testbed, or the world, in errors that are neither the lab's nor a file's: LabError, exit code 3."""
        try:
            yield
        except LabError:
            raise
        except Exception as error:
            from lab.recording.keeping import is_no_room

            # Neither a full disk nor a file that may not be read is the driver's mistake.
            if isinstance(error, OSError) and (error.filename is not None or is_no_room(error)):
                raise
            hint = "\n  hint:     `lab --debug …` or LAB_DEBUG=1 shows where"
            who = failed_world(error) or self.place
            raise LabError(f"{who} failed while {doing}: {type(error).__name__}: {error}{hint}") from error

    @property
    def place(self) -> str:
        """The testbed and the distribution that it comes with, for messages."""
        return f"testbed {self.name!r} of {distribution(entries()[self.name])}"

    def recorded(self) -> dict[str, Any]:
        """The options that a recording follows from, by name."""
        return self.options.recorded()


def choose(name: str = DEFAULT, given: Mapping[str, Any] | None = None) -> Chosen:
    """A testbed with these options, all others at their defaults. UserError with each that cannot be."""
    driver = load_driver(name)
    try:
        return Chosen(name, driver.options.model_validate(_meant(driver, given or {})))
    except ValidationError as error:
        raise UserError([_option_problem(name, driver, one) for one in error.errors()]) from None


def _option_problem(name: str, driver: Driver[Any], error: Any) -> Problem:
    option = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return Problem(f"testbed {name!r} has no option {option!r}", hint=nearest(option, driver.options.model_fields))
    expected = error["msg"].removeprefix("Input should be ").partition(", unable to parse")[0]
    return Problem(f"bad value for option {option!r} of testbed {name!r}", seen=repr(error["input"]), expected=expected)


def _meant(driver: Driver[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were given, with choices in place of their names: a command line has only texts."""
    fields = driver.options.model_fields
    names = {name: spellings(without_none(info.annotation)) for name, info in fields.items()}
    return {
        name: names[name][value] if isinstance(value, str) and value in names.get(name, {}) else value
        for name, value in given.items()
    }


def is_list(kind: Any) -> bool:
    """Whether a value of this type is several: its option may be repeated."""
    return get_origin(without_none(kind)) in (list, tuple, set, frozenset)


def spellings(kind: Any) -> dict[str, Any]:
    """The values of a choice (a `Literal`, an `Enum`) by how they are written; empty for other types."""
    if get_origin(kind) is Literal:
        return {str(value): value for value in get_args(kind)}
    return {str(one.value): one for one in kind} if isinstance(kind, type) and issubclass(kind, Enum) else {}


def without_none(kind: Any) -> Any:
    """The type of a value that may be missing: `int` for `int | None`."""
    rest = [one for one in get_args(kind) if one is not NoneType]
    return rest[0] if get_origin(kind) in (Union, UnionType) and len(rest) == 1 else kind


def _lacking(chosen: Chosen, loaded: LoadedScenario) -> list[Problem]:
    """What the scenario pulls and the testbed cannot, each with the testbeds that can."""
    from lab.scenario.plan import plan

    problems: dict[Problem, None] = {}
    for act in plan(loaded).timeline:
        value = act.value if act.event != "revert" else None
        reason = chosen.driver.cannot(loaded.system, act.element, value) if value is not None else ""
        if value is not None and reason:
            others = {name: one for name, one in drivers().items() if isinstance(one, Driver)}
            able = [name for name, one in others.items() if not one.cannot(loaded.system, act.element, value)]
            hint = f"the testbeds that can: {', '.join(able)}" if able else "no installed testbed can"
            problems[Problem(f"{act.lever} of {act.element}: {reason}", str(loaded.path), hint=hint)] = None
    return list(problems)
