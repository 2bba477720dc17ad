"""Suites: scenarios × seeds × engines, with the thresholds that decide the exit code (`*.suite.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from lab.engines import beside, engine_problems
from lab.errors import Problem, UserError, nearest
from lab.files.finding import find_file
from lab.files.units import ratio
from lab.files.yamlmodel import check, in_file_order
from lab.files.yamlsource import Document, read_yaml
from lab.judging.grading import METRIC_GRADERS, metric_graders
from lab.scenario import LoadedScenario, distinguished, load_scenario
from lab.scenario.model import KebabName
from lab.systems.topology import MAX_SEED, SchemaVersion, Strict

SUFFIX = ".suite.yaml"
MAX_SEEDS = 10_000
INCONCLUSIVE_RATIO = "inconclusive_ratio"
UNANSWERED_RATIO = "unanswered_ratio"
DEGRADED_MISSED_RATIO = "degraded_missed_ratio"
METRICS = (*METRIC_GRADERS, DEGRADED_MISSED_RATIO, UNANSWERED_RATIO, INCONCLUSIVE_RATIO)
"""What thresholds may be about: shares of the graded cases, 0 to 1. Plug-in graders add theirs, see `metric_names`."""

TIME_TO_DIAGNOSIS = "time_to_diagnosis"
_WHERE_INSTEAD = "`lab diagnose --every 30s RUN` shows it"

_THRESHOLD = re.compile(
    r"\s*(?:(?P<engine>[a-z][a-z0-9-]*(?::\S+)?)\.)?(?P<metric>[A-Za-z0-9_]+)\s*(?P<op>>=|<=|>|<)\s*(?P<value>[0-9.]+\s*%?)\s*"
)

_SHARE_FORM = r"0*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%|0*(1(\.0*)?|\.[0-9]+|0\.?)"
_THRESHOLD_FORM = rf"^\s*([a-z][a-z0-9-]*(:\S+)?\.)?({'|'.join(METRICS)})\s*(>=|<=|>|<)\s*({_SHARE_FORM})\s*$"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A metric of one engine (None: of every engine) and the side of a value it must be on."""

    engine: str | None
    metric: str
    op: Literal[">=", "<=", ">", "<"]
    value: float

    def __str__(self) -> str:
        return f"{self.engine + '.' if self.engine else ''}{self.metric} {self.op} {self.value:g}"

    def holds(self, measured: float) -> bool:
        """Whether a measured value is on the right side."""
        if self.op in (">=", "<="):
            return measured >= self.value if self.op == ">=" else measured <= self.value
        return measured > self.value if self.op == ">" else measured < self.value


def metric_names() -> tuple[str, ...]:
    """Every metric a threshold may be about here: ours, then those of installed plug-in graders."""
    return tuple(dict.fromkeys((*METRICS, *metric_graders())))


def parse_threshold(text: Any) -> Threshold:
    """`culprit_top1 >= 0.85`, `false_alarm_ratio <= 5%` or `rules.kind > 0.5`; ValueError otherwise."""
    if isinstance(text, str) and TIME_TO_DIAGNOSIS in text:
        raise ValueError(f"{TIME_TO_DIAGNOSIS} is no threshold: it would reward guessing early; {_WHERE_INSTEAD}")
    found = _THRESHOLD.fullmatch(text) if isinstance(text, str) and len(text) < 200 else None
    if not found:
        raise ValueError("expected a metric, one of >= <= > <, and a share: culprit_top1 >= 0.85")
    if found["metric"] not in metric_names():
        raise ValueError(f"unknown metric {found['metric']!r}; {nearest(found['metric'], metric_names())}")
    value = found["value"].strip()
    share = ratio(value if value.endswith("%") else _number(value))
    return Threshold(found["engine"], found["metric"], found["op"], share)  # type: ignore[arg-type]


ALL_ANSWERED = Threshold(None, UNANSWERED_RATIO, "<=", 0.0)
"""What a suite asks for that says nothing about unanswered cases."""


def with_default(thresholds: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """A suite's thresholds, with `ALL_ANSWERED` where it sets some and none of them is about unanswered cases."""
    limits = tuple(thresholds)
    silent = limits and not any(limit.metric == UNANSWERED_RATIO for limit in limits)
    return (*limits, ALL_ANSWERED) if silent else limits


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a share: 85%, or a number from 0 to 1") from None


def expand_seeds(value: Any) -> tuple[int, ...]:
    """Seeds from `[1, 2, 3]` or `{from: 1, count: 10}`; ValueError otherwise."""
    seeds = value
    if isinstance(value, dict) and set(value) == {"from", "count"} and all(type(v) is int for v in value.values()):
        if not 1 <= value["count"] <= MAX_SEEDS:
            raise ValueError(f"expected a count from 1 to {MAX_SEEDS}")
        seeds = range(value["from"], value["from"] + value["count"])
    elif not isinstance(value, list) or not value or len(value) > MAX_SEEDS or not all(type(v) is int for v in value):
        raise ValueError("expected a list of seeds [1, 2, 3], or {from: 1, count: 10}")
    if any(not 0 <= seed < MAX_SEED for seed in seeds):
        raise ValueError("expected seeds from 0 to 2^63 - 1")
    if len(set(seeds)) < len(seeds):
        raise ValueError("expected each seed once")
    return tuple(seeds)


_SEED = {"type": "integer", "minimum": 0, "exclusiveMaximum": MAX_SEED}
_SEED_RANGE = {
    "type": "object",
    "properties": {"from": _SEED, "count": {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS}},
    "required": ["from", "count"],
    "additionalProperties": False,
}
_SEEDS = {"anyOf": [{"type": "array", "items": _SEED, "minItems": 1, "uniqueItems": True}, _SEED_RANGE]}


class Suite(Strict):
    """One suite file. Without seeds every scenario runs with its own."""

    schema_version: SchemaVersion
    name: KebabName
    title: str = ""
    scenarios: tuple[str, ...] = Field(min_length=1, max_length=1000)
    seeds: Annotated[tuple[int, ...], PlainValidator(expand_seeds), WithJsonSchema(_SEEDS)] = ()
    engines: tuple[str, ...] = Field(default=("rules",), min_length=1)
    thresholds: tuple[
        Annotated[
            Threshold,
            PlainValidator(parse_threshold),
            WithJsonSchema({"type": "string", "pattern": _THRESHOLD_FORM, "examples": ["culprit_top1 >= 0.85"]}),
        ],
        ...,
    ] = ()


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite with its scenarios loaded, in the order of the file."""

    suite: Suite
    scenarios: tuple[LoadedScenario, ...]
    path: Path
    text: str


def load_suite(path_or_name: str | Path) -> LoadedSuite:
    """Loads a suite file, or a shipped suite by name; UserError with every problem of it and of its scenarios."""
    path = find_file(path_or_name, SUFFIX, "suite")
    document = read_yaml(path)
    suite, problems = check(document, Suite)
    scenarios, scenario_problems = _scenarios(document, path.parent)
    problems += [*scenario_problems, *_engine_problems(document, path.parent)]
    if suite is not None:
        problems += _threshold_problems(document, suite)
    if suite is None or problems:
        raise UserError(in_file_order(problems))
    return LoadedSuite(_placed(suite, path.parent), scenarios, path, document.text)


def _placed(suite: Suite, directory: Path) -> Suite:
    """The suite with its rules files named from here: in the file they are named from beside it."""
    engines = tuple(beside(engine, directory) for engine in suite.engines)
    limits = tuple(replace(t, engine=t.engine and beside(t.engine, directory)) for t in suite.thresholds)
    return suite.model_copy(update={"engines": engines, "thresholds": limits})


def _scenarios(document: Document, directory: Path) -> tuple[tuple[LoadedScenario, ...], list[Problem]]:
    names, problems = document.get(("scenarios",)), []
    loaded: dict[tuple[str, str], LoadedScenario] = {}
    for i, name in enumerate(names if isinstance(names, list) else []):
        if not isinstance(name, str):
            continue
        try:
            found = load_scenario(find_file(name, ".scenario.yaml", "scenario", directory))
        except UserError as error:
            problems += [document.located(("scenarios", i), problem) for problem in error.problems]
            continue
        known = found.system.name, found.scenario.name
        if known in loaded:
            what = f"scenario {found.scenario.name!r} is listed twice"
            hint = "runs are distinguished by system and scenario name"
            problems.append(document.problem(("scenarios", i), what, hint=hint))
        loaded.setdefault(known, found)
    return distinguished(list(loaded.values())), problems


def _engine_problems(document: Document, directory: Path) -> list[Problem]:
    names, problems = document.get(("engines",)), []
    for i, name in enumerate(names if isinstance(names, list) else []):
        for problem in engine_problems(beside(name, directory)) if isinstance(name, str) else ():
            problems.append(document.located(("engines", i), problem))
    return problems


def _threshold_problems(document: Document, suite: Suite) -> list[Problem]:
    return [
        document.problem(
            ("thresholds", i),
            f"engine {limit.engine!r} is not in this suite",
            hint=nearest(limit.engine, suite.engines),
        )
        for i, limit in enumerate(suite.thresholds)
        if limit.engine is not None and limit.engine not in suite.engines
    ]
