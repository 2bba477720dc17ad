"""A rules file as data: a fault tree whose conditions speak of signals and kinds of elements, never of names or times.

A cause is looked for on `each` link, component of a kind, or feature column. Its first condition is scanned for and
gives the window; the others compare that window with the rest of the recording. `docs/rules.md` describes the language.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lab.contracts import Boundary
from lab.engines.rules.names import TESTS, name_problems
from lab.engines.shifts import Shift
from lab.errors import Problem, UserError, nearest
from lab.files.yamlmodel import check, in_file_order
from lab.files.yamlsource import Document, parse_yaml, read_text
from lab.registration.clock import Amount, amount
from lab.signals.catalogue import known_signals, spec_of
from lab.systems.topology import ComponentKind, SchemaVersion, Strict

EXAMPLES = ["6ms", "0.8 periods", "2.5 per interval"]
OF_CHANGES = frozenset({"by", "times", "z", "share", "anywhere", "abrupt", "sporadic"})
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Least = Annotated[float, Field(ge=0)]


def _known_signal(name: str) -> str:
    known = known_signals()
    if name not in known:
        raise ValueError(f"unknown signal {name!r}; {nearest(name, known)}")
    return name


class _Installed:
    """In a schema, one of the signals of this installation: they are asked for when the schema is."""

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": sorted(known_signals())}


Signal = Annotated[str, AfterValidator(_known_signal), _Installed()]


def _of_the_signal(value: Any, info: ValidationInfo) -> Amount:
    """A change in the unit of the condition's signal, or in the system's time."""
    signal = next((info.data[test] for test in TESTS if info.data.get(test)), None)
    if signal is None:  # reported already, or a list of conditions, which has no change of its own
        signal = "job_last_success_age_s" if isinstance(value, str) else "error_ratio"
    return amount(value, spec_of(signal).unit)


def _by_signal(given: Any) -> Any:
    """The amounts of a mapping of signals, each in its signal's unit."""
    if not isinstance(given, dict):
        return given
    found, known = {}, known_signals()
    for name, value in given.items():
        try:
            found[name] = amount(value, known[name].unit if name in known else "")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


_AMOUNT = WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "examples": EXAMPLES}]})
Change = Annotated[Amount, PlainValidator(_of_the_signal), _AMOUNT]
Noise = Annotated[Amount, PlainValidator(lambda given: given), _AMOUNT]


class Condition(Strict):
    """One test of a signal over a window: exactly one of rises, falls, steady, level, any."""

    rises: Signal | None = Field(None, description="The signal's level is higher in the window than outside.")
    falls: Signal | None = Field(None, description="It is lower.")
    steady: Signal | None = Field(None, description="It is recorded, and not higher.")
    level: Signal | None = Field(
        None, description="Its level in the window is `at_most` so much, whatever it is outside."
    )
    any: tuple[Condition, ...] = Field((), description="One of these conditions holds.")
    of: str = Field("", description="Whose signal: names in braces are bound by the cause, * is any text.")
    but: str = Field("", description="Subjects of `of` that do not count, such as the element itself.")
    share: float = Field(0.0, ge=0, le=1, description="The least share of the subjects that must have moved.")
    by: Change = Field(
        Amount(0.0),
        description="The least change: in the signal's unit (6ms, 0.04), periods of a job, or entries per interval.",
        json_schema_extra={"default": 0.0},
    )
    at_most: Change = Field(
        Amount(0.0),
        description="With `level`: the greatest level, written as `by` is.",
        json_schema_extra={"default": 0.0},
    )
    times: Least = Field(0.0, description="The least change relative to the level outside: 0.2 is a fifth.")
    z: Least = Field(5.0, description="The least change in standard errors.")
    anywhere: bool = Field(False, description="Scan the whole recording instead of comparing the window.")
    abrupt: bool = Field(False, description="Most of the change came within 6 scrape intervals of the onset.")
    sporadic: bool = Field(
        False,
        description="It comes and goes: the window is from the first interval to the last that is `by` from the usual.",
    )
    needed: bool = Field(False, description="Under `unless`: without this signal the cause is not judged.")

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        named = [signal for test in TESTS if (signal := getattr(self, test))]
        if len(named) + bool(self.any) != 1:
            raise ValueError(f"expected exactly one of {', '.join(TESTS)}, any")
        if named and not self.of:
            raise ValueError(f"expected `of`: whose {named[0]}?")
        if ("at_most" in self.model_fields_set) != (self.level is not None):
            raise ValueError("`level` and `at_most` go together: how high may it be at most?")
        if self.level and (told := sorted(self.model_fields_set & OF_CHANGES)):
            raise ValueError(f"{', '.join(told)}: of a change; a level has `at_most` only")
        if self.sporadic and not (self.asks_for_change and self.by.value > 0):
            raise ValueError("`sporadic` needs rises or falls, and `by`: how far is one interval from the usual?")
        return self

    @property
    def signal(self) -> str:
        return next((signal for test in TESTS if (signal := getattr(self, test))), "")

    @property
    def asks_for_change(self) -> bool:
        """Whether its signal has to move; else it may stay as it is, or must."""
        return bool(self.rises or self.falls)

    @property
    def gives_window(self) -> bool:
        """Whether a window can be scanned for by it."""
        return all(option.gives_window for option in self.any) if self.any else self.asks_for_change


class Because(Strict):
    """A sentence of the why-chain, used if its signal moved over the window (`only` one way), or if it has none.

    `times`: by at least so much of its level. `cites`: the signal is evidence as well, where the sentence is used.
    """

    moved: Signal | None = None
    only: Literal["rises", "falls"] | None = None
    of: str = ""
    says: Text
    z: Least = 4.0
    times: Least = 0.0
    cites: bool = False

    @model_validator(mode="after")
    def _of_whom(self) -> Because:
        if self.moved and not self.of:
            raise ValueError(f"expected `of`: whose {self.moved}?")
        return self

    def is_told(self, shift: Shift) -> bool:
        """Whether a signal moved as the sentence says."""
        is_enough = abs(shift.z) >= self.z and abs(shift.change) >= self.times * abs(shift.baseline)
        return is_enough and self.only in (None, "rises" if shift.change > 0 else "falls")


class Cause(Strict):
    """One basic event of the fault tree.

    `each: connections` are the links whose calls need a connection of their caller's pool, `each: threads` the
    components that hand out their workers one by one: what has no pool is not tried, and lacks no signal of one.
    `each: dataset` are the datasets that jobs wrote, `each: dataset_column` their columns.
    `derived` narrows `each: column` to columns that the feature contract calls derived from other data, such as
    counts of events, which follow the traffic (true), or to those it does not (false).
    """

    kind: Kind
    boundary: Boundary
    each: (
        Literal["link", "column", "connections", "threads", "dataset", "dataset_column"]
        | ComponentKind
        | tuple[ComponentKind, ...]
    )
    derived: bool | None = None
    culprit: Text
    confidence: float = Field(gt=0, le=1)
    when: tuple[Condition, ...] = Field(min_length=1, max_length=50)
    unless: tuple[Condition, ...] = Field((), max_length=50)
    because: tuple[Because, ...] = Field((), max_length=50)

    @model_validator(mode="after")
    def _window_first(self) -> Cause:
        if not self.when[0].gives_window:
            raise ValueError("the first condition under `when` gives the window: expected rises or falls")
        if any(condition.sporadic for condition in (*self.when[1:], *self.unless)):
            raise ValueError("`sporadic` finds a window: only the first condition under `when` can be")
        return self


class Part(Strict):
    """What a world adds to the rules: any part of a rules file.

    `noise` gives, by signal, the least standard deviation to assume, written as `by` is. `effects` are sentences by
    kind of cause: what else shows a cause of that kind, said before its own reasons.
    """

    schema_version: SchemaVersion
    noise: Annotated[dict[Signal, Noise], BeforeValidator(_by_signal)] = Field(default_factory=dict)
    symptoms: tuple[Because, ...] = Field((), max_length=50)
    effects: dict[Kind, tuple[Because, ...]] = Field(default_factory=dict)
    causes: tuple[Cause, ...] = Field((), max_length=200)


class Tree(Part):
    """A complete rules file."""

    causes: tuple[Cause, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _effects_of_causes(self) -> Tree:
        kinds = {cause.kind for cause in self.causes}
        for kind in self.effects:
            if kind not in kinds:
                raise ValueError(f"`effects` of {kind!r}, which is no cause here; {nearest(kind, kinds)}")
        return self


Rules = TypeVar("Rules", bound=Part)


def load_tree(path: Path) -> Tree:
    """Reads a rules file; UserError with every problem of it, by file, line and column."""
    return parse_tree(read_text(path), str(path))


def known_tree(path: Path) -> Tree:
    """The same, read again only when the text has changed: engines are asked case by case."""
    return _parsed(read_text(path), str(path))


@lru_cache(maxsize=16)
def _parsed(text: str, file: str) -> Tree:
    return parse_tree(text, file)


def parse_tree(text: str, file: str) -> Tree:
    """A rules file's text as a tree; `file` is the name for messages."""
    return parsed(parse_yaml(text, file), Tree)


def parsed(document: Document, form: type[Rules]) -> Rules:
    """A complete file, or a part of one; UserError with every problem of it."""
    rules, problems = check(document, form)
    problems += name_problems(document)
    if rules is None or problems:
        raise UserError(_once_for_each(in_file_order(problems), document))
    return rules


def _once_for_each(problems: list[Problem], document: Document) -> list[Problem]:
    """One problem for a bad `each`, not one for each form that it may have; one with a hint, if any."""
    places = {place for path, place in document.values.items() if path[-1:] == ("each",)}
    kept: dict[object, Problem] = {}
    for number, problem in enumerate(problems):
        place = (problem.line, problem.column)
        key = place if place in places else number
        if key not in kept or (problem.hint and not kept[key].hint):
            kept[key] = problem
    return list(kept.values())
