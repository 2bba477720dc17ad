"""The fault registry: a fault is a generator over levers, plus what is true about it.

A module of the `lab.injectors` entry-point group defines faults with the decorators below; importing it is
all it takes. The first parameter after `testbed` is the target element, keyword-only parameters are `with:`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, TypeAlias

from pydantic import BaseModel, ConfigDict, create_model

from lab.contracts import Boundary
from lab.errors import Problem, UserError, nearest
from lab.plugins import claimed_twice, distribution, installed
from lab.registration.signals import Witness
from lab.registration.world import World, registrations

if TYPE_CHECKING:
    from lab.injection.levers import Claim, Testbed
    from lab.systems.topology import System

__all__ = [
    "FaultFunction", "FaultType", "Parameters", "Witness", "decoy", "fault", "fault_type", "fault_types",
    "witnesses_anywhere", "witnesses_of",
]  # fmt: skip

FaultFunction: TypeAlias = "Callable[Concatenate[Testbed, str, ...], Iterator[None]]"
"""Injects: called with a testbed, the target and the parameters by name; what comes after its `yield` reverts."""

Defaults: TypeAlias = "Callable[[System, str], Mapping[str, object]]"
"""Of a system and a target: values for parameters that a scenario leaves out, and that are None by themselves."""


class Parameters(BaseModel):
    """What a scenario gives a fault under `with:`, validated, with defaults. Each fault has a subclass of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: ClassVar[str] = ""
    """The name of the fault that these are for."""

    def __reduce__(self) -> tuple[Callable[[str, dict[str, Any]], Parameters], tuple[str, dict[str, object]]]:
        """By the fault's name: no module holds the class, and jobs carry scenarios to other processes."""
        return _parameters_of, (self.fault, dict(self))


def _parameters_of(fault: str, values: dict[str, Any]) -> Parameters:
    return fault_type(fault).parameters.model_construct(**values)


@dataclass(frozen=True, slots=True)
class FaultType:
    """A registered fault or decoy: name, truth, parameters and the function that pulls the levers.

    `announced_differently`: the change log or the model registry reads otherwise than for a harmless event.
    """

    name: str
    boundary: Boundary | None
    target_kinds: frozenset[str]
    witnesses: tuple[Witness, ...]
    recovery_s: float
    parameters: type[Parameters]
    doc: str
    module: str
    function: FaultFunction
    announced_differently: bool = False
    defaults: Defaults | None = None

    @property
    def is_decoy(self) -> bool:
        return self.boundary is None

    @property
    def announcement(self) -> str:
        """How the change log and the model registry read during this fault, in words."""
        return "reveals this fault" if self.announced_differently else "looks the same as for a harmless change"

    def completed(self, parameters: Parameters, system: System, target: str) -> Parameters:
        """With what the system knows for parameters that a scenario leaves out."""
        given = self.defaults(system, target) if self.defaults else {}
        return parameters.model_copy(
            update={name: value for name, value in given.items() if getattr(parameters, name) is None}
        )

    @contextmanager
    def inject(self, testbed: Testbed, target: str, parameters: Parameters) -> Iterator[Claim]:
        """A context: entering injects, leaving reverts. `parameters` is an instance of this fault's own model.

        Where others have set every lever that it held, leaving does nothing: nor does what comes after its `yield`.
        """
        parameters = self.completed(parameters, testbed.system, target)
        context = contextmanager(self.function)(testbed, target, **dict(parameters))
        with testbed.holds.claimed() as claim:
            context.__enter__()
        try:
            yield claim
        except BaseException as error:
            if not context.__exit__(type(error), error, error.__traceback__):
                raise
        else:
            if claim.is_over:
                context.__exit__(GeneratorExit, GeneratorExit(), None)
            else:
                context.__exit__(None, None, None)


GROUP = "lab.injectors"
TARGETS = frozenset({"users", "service", "database", "cache", "model", "job", "component", "link"})
"""What a fault may be for: kinds of components, any component, or links."""
_registered: dict[str, FaultType] = {}


def _parameters_model(name: str, function: FaultFunction) -> type[Parameters]:
    signature = inspect.signature(function, eval_str=True)
    fields: dict[str, Any] = {}
    for parameter in list(signature.parameters.values())[2:]:
        if parameter.annotation is inspect.Parameter.empty:
            what = f"parameter {parameter.name!r} of {name!r} has no type"
            expected, hint = "an annotation, such as Duration, Ratio or Rate of lab.files.units", function.__module__
            raise UserError(Problem(what, expected=expected, hint=f"correct {hint}"))
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    model = create_model("".join(part.title() for part in name.split("-")), __base__=Parameters, **fields)
    model.fault = name
    return model


def _register(
    name: str,
    boundary: Boundary | None,
    target: str,
    witnesses: tuple[Witness, ...],
    recovery_s: float,
    announced_differently: bool = False,
    defaults: Defaults | None = None,
) -> Callable[[FaultFunction], FaultFunction]:
    def decorate(function: FaultFunction) -> FaultFunction:
        other = _registered.get(name)
        if other is not None and (other.module, other.function.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise UserError(claimed_twice("fault", name, _place(other.module), _place(function.__module__)))
        kinds = frozenset(target.split("|"))
        if unknown := sorted(kinds - TARGETS):
            what, seen = f"{name!r} has a target of no kind that there is", ", ".join(unknown)
            expected, hint = f"of {', '.join(sorted(TARGETS))}, several as a|b", f"correct {function.__module__}"
            raise UserError(Problem(what, seen=seen, expected=expected, hint=hint))
        _registered[name] = FaultType(
            name=name,
            boundary=boundary,
            target_kinds=kinds,
            witnesses=witnesses,
            recovery_s=recovery_s,
            parameters=_parameters_model(name, function),
            doc=inspect.cleandoc(function.__doc__ or ""),
            module=function.__module__,
            function=function,
            announced_differently=announced_differently,
            defaults=defaults,
        )
        return function

    return decorate


def fault(
    name: str,
    *,
    boundary: Boundary,
    target: str,
    witnesses: tuple[Witness, ...],
    recovery_s: float,
    announced_differently: bool = False,
    defaults: Defaults | None = None,
) -> Callable[[FaultFunction], FaultFunction]:
    """Registers a fault. `target` is a component kind, several as `a|b`, `component` for any, or `link`.

    The culprit is the target. `recovery_s` states how long after the revert SLIs may stay off. `announced_differently`
    declares that the change log or the model registry may show the fault. Without it, they must read as they do for a
    harmless event. `witnesses` name signals of every system; a world adds those of its own. `defaults` gives what a
    scenario leaves out and the system knows.
    """
    return _register(name, boundary, target, witnesses, recovery_s, announced_differently, defaults)


def decoy(
    name: str, *, target: str, recovery_s: float = 0.0, defaults: Defaults | None = None
) -> Callable[[FaultFunction], FaultFunction]:
    """Registers a benign event: it has no boundary, and blaming it is an error."""
    return _register(name, None, target, (), recovery_s, defaults=defaults)


def _place(module: str) -> str:
    """A module that registers faults, with the distribution whose entry point names it."""
    of = {entry.value: distribution(entry) for entry in installed(GROUP, "module of fault").values()}
    return f"{module} of {of.get(module, 'unknown distribution')}"


@cache
def _load() -> None:
    for entry in installed(GROUP, "module of fault").values():
        try:
            import_module(entry.value)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # any failure of another package's module
            seen = f"{type(error).__name__}: {error}, in {entry.value}"
            what = f"plug-in {entry.name!r} of lab.injectors cannot be loaded"
            hint = "correct it, or uninstall the package it comes with"
            raise UserError(Problem(what, seen=seen, hint=hint)) from error


def fault_types() -> dict[str, FaultType]:
    """All registered faults and decoys by name, sorted."""
    _load()
    return dict(sorted(_registered.items()))


def witnesses_of(kind: FaultType, world: World | None) -> tuple[Witness, ...]:
    """By what a fault shows in systems of a world: what it declares for every system, then what the world adds."""
    return (*kind.witnesses, *(world.witnesses.get(kind.name, ()) if world else ()))


def witnesses_anywhere(kind: FaultType) -> dict[Witness, tuple[str, ...]]:
    """By what a fault shows: each witness, with the installed worlds that add it where not every system shows it."""
    found: dict[Witness, tuple[str, ...]] = dict.fromkeys(kind.witnesses, ())
    for world in registrations():
        for witness in world.witnesses.get(kind.name, ()):
            if witness not in kind.witnesses:
                found[witness] = (*found.get(witness, ()), world.name)
    return found


def fault_type(name: str) -> FaultType:
    """One fault or decoy by name; UserError with the nearest name otherwise."""
    types = fault_types()
    if name not in types:
        raise UserError(f"unknown fault {name!r}; {nearest(name, types)}")
    return types[name]
