"""`--testbed`, and the options of each installed testbed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import annotated_types
import click
from click.core import ParameterSource

from lab.cli import completing
from lab.cli.console import option, show_problem
from lab.errors import Problem, UserError, nearest
from lab.plugins import OWN, distribution
from lab.testbeds.driver import DEFAULT, Driver
from lab.testbeds.installed import Chosen, choose, drivers, entries, is_list, spellings, without_none

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from lab.registration.observability import Observability

TESTBED = "testbed"
"""The parameter by which a command is given the chosen testbed."""


class TestbedName(click.ParamType[str]):
    """The name of an installed testbed."""

    __test__ = False
    name = "testbed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = entries()
        if value not in found:
            known = ", ".join(map(repr, found))
            self.fail(f"{value!r} is not one of {known}. {nearest(str(value), found)}", param, ctx)
        return str(value)


class _AnyDriversValue(click.ParamType[Any]):
    """What at least one of the testbeds with this option takes; the chosen one is asked when it is known."""

    name = "value"

    def __init__(self, types: Iterable[click.ParamType[Any]]) -> None:
        self._types = list(types)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        refused: click.BadParameter | None = None
        for one in self._types:
            try:
                one.convert(value, param, ctx)
            except click.BadParameter as error:
                refused = refused or error
            else:
                return value
        assert refused is not None
        raise refused


class DriverOption(click.Option):
    """An option of one or more testbeds. `by_driver`: for each, the option as its help shows it."""

    def __init__(self, by_driver: Mapping[str, click.Option]) -> None:
        one = next(iter(by_driver.values()))
        defaults = [shown.default for shown in by_driver.values()]
        kind: dict[str, Any] = {"is_flag": True} if one.is_flag else {
            "type": _AnyDriversValue(shown.type for shown in by_driver.values()), "multiple": one.multiple,
        }  # fmt: skip
        super().__init__(
            [*one.opts, str(one.name)] if not one.secondary_opts else _declared(one),
            default=one.default if all(default == one.default for default in defaults) else None,
            show_envvar=True,
            **kind,
        )
        self.by_driver = dict(by_driver)


def _declared(shown: click.Option) -> list[str]:
    return [str(shown.name), f"{shown.opts[0]}/{shown.secondary_opts[0]}"]


class TestbedCommand(click.Command):
    """A command with a `--testbed`: it has the options of every installed testbed, and gets the chosen one.

    Its function gets `testbed`, a `Chosen`. A testbed that cannot be loaded, or whose option the command has already,
    is named with the reason in the help, and refused where it is chosen.
    """

    __test__ = False

    def __init__(self, name: str | None, **more: Any) -> None:
        super().__init__(name, **more)
        self.drivers: dict[str, Driver[Any]] = {}
        self.unusable: dict[str, Problem] = {}
        own = {text for param in self.params for text in (*param.opts, param.name)}
        found: dict[str, dict[str, click.Option]] = {}
        # The lab's own first: what is installed beside them takes nothing away from them.
        for testbed, driver in sorted(drivers().items(), key=lambda item: distribution(entries()[item[0]]) != OWN):
            if isinstance(driver, Problem):
                self.unusable[testbed] = driver
                continue
            shown = [_shown(field, info) for field, info in driver.options.model_fields.items()]
            if taken := _taken(testbed, shown, own, found):
                self.unusable[testbed] = taken
                continue
            self.drivers[testbed] = driver
            for one in shown:
                found.setdefault(str(one.name), {})[testbed] = one
        self.params += [DriverOption(by_driver) for by_driver in found.values()]

    def invoke(self, ctx: click.Context) -> Any:
        ctx.params[TESTBED] = self._chosen(ctx, ctx.params[TESTBED], self._given(ctx))
        return super().invoke(ctx)

    def _given(self, ctx: click.Context) -> dict[DriverOption, tuple[Any, bool]]:
        """The values that were given for options of testbeds, and whether on the command line itself."""
        given = {}
        for param in self.params:
            if isinstance(param, DriverOption):
                value, source = ctx.params.pop(str(param.name)), ctx.get_parameter_source(str(param.name))
                if source not in (None, ParameterSource.DEFAULT):
                    given[param] = value, source is ParameterSource.COMMANDLINE
        return given

    def _chosen(self, ctx: click.Context, name: str, given: Mapping[DriverOption, tuple[Any, bool]]) -> Any:
        """The testbed with the options given for it; UserError for options of others on the command line.

        Settings of a file or of the environment for another testbed apply only to runs on that one.
        """
        refused = [
            _belongs_elsewhere(param, f"--testbed {name}")
            for param, (_, is_typed) in given.items()
            if is_typed and name not in param.by_driver
        ]
        if refused:
            raise UserError(refused)
        return self._choose(name, given)

    def _choose(self, name: str, given: Mapping[DriverOption, tuple[Any, bool]]) -> Chosen:
        if name in self.unusable:
            raise UserError(self.unusable[name])
        return choose(name, {str(param.name): value for param, (value, _) in given.items() if name in param.by_driver})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [p.get_help_record(ctx) for p in self.get_params(ctx) if not isinstance(p, DriverOption)]
        with formatter.section("Options"):
            formatter.write_dl([record for record in own if record is not None])
        for name in self.drivers:
            if records := list(self._records(name, ctx)):
                with formatter.section(f"Options with --testbed {name}"):
                    formatter.write_dl(records)
        for problem in self.unusable.values():
            formatter.write_paragraph()
            formatter.write_text(problem.what)

    def _records(self, testbed: str, ctx: click.Context) -> Iterator[tuple[str, str]]:
        for param in self.params:
            if isinstance(param, DriverOption) and testbed in param.by_driver:
                record = param.by_driver[testbed].get_help_record(ctx)
                if record is not None:
                    yield record


class EveryTestbedCommand(TestbedCommand):
    """The same, for a command that goes through all testbeds unless one is named: it gets a tuple of them."""

    def _chosen(self, ctx: click.Context, name: str | None, given: Mapping[DriverOption, tuple[Any, bool]]) -> Any:
        if name is not None:
            return (super()._chosen(ctx, name, given),)
        refused = [_belongs_elsewhere(param, "no --testbed") for param, (_, is_typed) in given.items() if is_typed]
        if refused:
            raise UserError(refused)
        for problem in self.unusable.values():
            show_problem(problem)
        return tuple(self._choose(one, given) for one in self.drivers)


def _belongs_elsewhere(param: DriverOption, seen: str) -> Problem:
    having = " or ".join(f"--testbed {other}" for other in param.by_driver)
    return Problem(f"{param.opts[0]} goes with {having}", seen=seen)


def _taken(
    testbed: str, shown: Iterable[click.Option], own: set[Any], found: Mapping[str, Mapping[str, click.Option]]
) -> Problem | None:
    """Why the options of a testbed cannot be those of this command; None where they can."""
    for one in shown:
        names = {*one.opts, *one.secondary_opts, one.name}
        if names & own:
            what = f"testbed {testbed!r} cannot be used here: the command has an option {one.opts[0]} already"
            return Problem(what, hint="ask its author for another name")
        for other, theirs in found.get(str(one.name), {}).items():
            if _form(one) != _form(theirs):
                what = f"testbed {testbed!r} cannot be used: its {one.opts[0]} has another form than that of {other!r}"
                expected = "in both a flag, in both a value, or in both a value that may be repeated"
                return Problem(what, expected=expected, hint="uninstall one of the two")
    return None


def _form(shown: click.Option) -> tuple[Any, ...]:
    return shown.is_flag, shown.secondary_opts, shown.multiple


def _shown(field: str, info: FieldInfo) -> click.Option:
    """A field of a driver's options as an option of the command line."""
    word = field.replace("_", "-")
    if info.annotation is bool:
        names = f"--{word}/--no-{word}" if info.default else f"--{word}"
        return click.Option(
            [field, names], is_flag=True, default=bool(info.default), show_default=bool(info.default), show_envvar=True,
            help=info.description,
        )  # fmt: skip
    kind, default = info.annotation, info.get_default(call_default_factory=True)
    is_repeated = is_list(kind)
    return click.Option(
        [field, f"--{word}"], type=click.STRING if is_repeated else _type(info), multiple=is_repeated,
        default=tuple(default or ()) if is_repeated else default, show_default=True, show_envvar=True,
        help=f"{info.description or ''} May be repeated.".strip() if is_repeated else info.description,
    )  # fmt: skip


def _type(info: FieldInfo) -> click.ParamType[Any]:
    """The type of the command line for a field: its limits are shown; what it cannot say, pydantic checks."""
    kind = without_none(info.annotation)
    if names := spellings(kind):
        return click.Choice(list(names))
    limits: dict[str, Any] = {}
    for mark in info.metadata:
        if isinstance(mark, annotated_types.Gt | annotated_types.Ge):
            limits |= {"min": getattr(mark, "gt", None) or getattr(mark, "ge", 0)}
            limits |= {"min_open": isinstance(mark, annotated_types.Gt)}
        if isinstance(mark, annotated_types.Lt | annotated_types.Le):
            limits |= {"max": getattr(mark, "lt", None) or getattr(mark, "le", 0)}
            limits |= {"max_open": isinstance(mark, annotated_types.Lt)}
    if kind is int:
        return click.IntRange(**limits) if limits else click.INT
    if kind is float:
        return click.FloatRange(**limits) if limits else click.FLOAT
    return click.STRING


testbed_option = option(
    "--testbed", TESTBED, type=TestbedName(), default=DEFAULT, show_default=True, metavar="NAME",
    shell_complete=completing.testbeds, help="Where to run; the options of each testbed are below.",
)  # fmt: skip


def option_words(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Options of a testbed as words of a command line, without those at their defaults."""
    words: list[str] = []
    for name, value in options.items():
        word = name.replace("_", "-")
        if value == defaults.get(name):
            continue
        if isinstance(value, list):
            words += [part for one in value for part in (f"--{word}", str(one))]
        elif isinstance(value, bool):
            words.append(f"--{word}" if value else f"--no-{word}")
        else:
            words += [f"--{word}", f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def place_words(testbed: Chosen, observability: Observability | None = None) -> list[str]:
    """What a command line says to run the same there again."""
    seen = ["--observability", observability] if observability else []
    if testbed.name == DEFAULT and not testbed.recorded():
        return list(seen)
    options = option_words(testbed.recorded(), type(testbed.options)().recorded())
    return [*seen, "--testbed", testbed.name, *options]
