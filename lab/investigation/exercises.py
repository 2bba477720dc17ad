"""Courses and exercises: scenarios for people, in an order, with the texts that they read (`*.course.yaml`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field

from lab.errors import Problem, UserError
from lab.files.finding import find_file, shipped_name, shipped_names
from lab.files.texts import Line
from lab.files.yamlmodel import check, in_file_order
from lab.files.yamlsource import Document, read_yaml
from lab.investigation.helps import help_problems
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.load import SUFFIX as SCENARIO_SUFFIX
from lab.scenario.model import KebabName, Level
from lab.systems.files import missing_worlds
from lab.systems.topology import MAX_SEED, SchemaVersion, Strict

SUFFIX = ".course.yaml"
MAX_EXERCISES = 200
OWN = "own"
"""The course of scenarios that were given by themselves."""

Seed: TypeAlias = Annotated[int, Field(ge=0, lt=MAX_SEED)]


class Entry(Strict):
    """One exercise of a course file: a scenario, and the seed if it is not the scenario's own."""

    scenario: str
    seed: Seed | None = None


class CourseFile(Strict):
    """One course file: exercises in the order in which they are best solved."""

    schema_version: SchemaVersion
    name: KebabName
    title: Line
    exercises: tuple[Entry, ...] = Field(min_length=1, max_length=MAX_EXERCISES)


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint, and the points of the score that it costs."""

    text: str
    cost: int


@dataclass(frozen=True, slots=True)
class Exercise:
    """One incident to solve. `id` is `<course>-<number>`: neither it nor the title tells what the matter is.

    `number` counts from 1 within the course. `called_at_s`: the scenario second at which the participant comes to it,
    None where the scenario leaves that open. `scenario` and `seed` are what must not leave the server before the
    debrief.
    """

    id: str
    course: str
    number: int
    title: str
    level: Level
    topics: tuple[str, ...]
    brief: str
    hints: tuple[Hint, ...]
    system: str
    scenario: LoadedScenario
    seed: int
    called_at_s: float | None = None

    @property
    def duration_s(self) -> float:
        """Length of the incident in scenario seconds."""
        return self.scenario.scenario.duration_s


@dataclass(frozen=True, slots=True)
class Course:
    """Exercises in an order; `name` is unique among those that are offered together."""

    name: str
    title: str
    exercises: tuple[Exercise, ...]
    path: Path | None = None
    """The course file; None for scenarios that were given by themselves."""


def courses(given: Sequence[str | Path] = ()) -> list[Course]:
    """The shipped courses, then the given ones: course files by name or path, and scenarios, which form a course.

    UserError with every problem of every file, with its place, and where two courses share a name. Of a shipped course,
    exercises of systems whose world is not installed are left out.
    """
    problems = list[Problem]()
    found = [_shipped(path) for path in shipped_names(SUFFIX).values()]
    own: list[LoadedScenario] = []
    shipped = {course.name for course in found}
    for target in given:
        try:
            if is_course(target):
                course = load_course(target)
                if course.name not in shipped or shipped_name(_path(target), SUFFIX) is None:
                    found.append(course)
            else:
                own.append(load_scenario(target))
                problems += help_problems(own[-1])
        except UserError as error:
            problems += error.problems
    if own:
        exercises = (exercise_of(loaded, OWN, number) for number, loaded in enumerate(own, 1))
        found.append(Course(OWN, "Own scenarios", tuple(exercises)))
    problems += _clashes(found)
    if problems:
        raise UserError(problems)
    return [course for course in found if course.exercises]


def is_course(target: str | Path) -> bool:
    """Whether a path or the name of a shipped course means one."""
    return str(target).endswith(SUFFIX) or (not Path(target).is_file() and str(target) in course_names())


def course_names() -> dict[str, Path]:
    """The shipped courses by their names as lists show them, and by the names of their files as of other kinds."""
    named = shipped_names(SUFFIX)
    return named | {path.name.removesuffix(SUFFIX): path for path in named.values()}


def load_course(path_or_name: str | Path) -> Course:
    """Loads a course file, or a shipped course by name; UserError with every problem of it and of its scenarios."""
    document = read_yaml(_path(path_or_name))
    file, problems = check(document, CourseFile)
    loaded, more = _scenarios(document)
    problems += more
    if file is not None:
        problems += [*_taken(file, document), *_twice(file, loaded, document)]
    if file is None or problems:
        raise UserError(in_file_order(problems))
    return Course(file.name, file.title, tuple(_exercises(file, loaded)), Path(document.file))


def exercise_of(loaded: LoadedScenario, course: str, number: int, seed: int | None = None, title: str = "") -> Exercise:
    """A scenario as an exercise. One without a title for trainees gets a number as its title, if none is given.

    One without a brief gets what blind exercises have: whoever is called has to be told something.
    """
    from lab.investigation.blind import neutral_brief

    scenario = loaded.scenario
    training = scenario.training
    made = Exercise(
        id=f"{course}-{number}", course=course, number=number, title=title or training.title or f"Exercise {number}",
        level=training.level, topics=training.topics, brief=training.brief,
        hints=tuple(Hint(text, training.hint_cost) for text in training.hints),
        system=loaded.system.name, scenario=loaded, seed=scenario.seed if seed is None else seed,
        called_at_s=training.called_at_s,
    )  # fmt: skip
    return made if made.brief else replace(made, brief=neutral_brief(made))


def _path(path_or_name: str | Path) -> Path:
    return course_names().get(str(path_or_name)) or find_file(path_or_name, SUFFIX, "course")


def _shipped(path: Path) -> Course:
    """A shipped course; where a world is missing, without the scenarios that cannot be loaded for it."""
    try:
        return load_course(path)
    except UserError:
        if not missing_worlds():
            raise
    document = read_yaml(path)
    file, problems = check(document, CourseFile)
    if file is None:
        raise UserError(in_file_order(problems))
    return Course(file.name, file.title, tuple(_exercises(file, _scenarios(document)[0])), path)


def _exercises(file: CourseFile, loaded: Sequence[LoadedScenario | None]) -> Iterator[Exercise]:
    for number, (entry, scenario) in enumerate(zip(file.exercises, loaded, strict=True), 1):
        if scenario is not None:
            yield exercise_of(scenario, file.name, number, entry.seed)


def _scenarios(document: Document) -> tuple[list[LoadedScenario | None], list[Problem]]:
    """The scenario of each entry, None where it cannot be loaded, and why."""
    entries = document.get(("exercises",))
    loaded: list[LoadedScenario | None] = []
    problems: list[Problem] = []
    for i, entry in enumerate(entries if isinstance(entries, list) else []):
        name, at = (entry.get("scenario") if isinstance(entry, dict) else None), ("exercises", i, "scenario")
        loaded.append(None)
        if isinstance(name, str):
            try:
                path = find_file(name, SCENARIO_SUFFIX, "scenario", Path(document.file).parent)
                loaded[-1] = scenario = load_scenario(path)
                problems += help_problems(scenario)
            except UserError as error:
                problems += [document.located(at, problem) for problem in error.problems]
    return loaded, problems


def _taken(file: CourseFile, document: Document) -> Iterator[Problem]:
    """A name that a shipped course has, or scenarios that are given by themselves; a copy of the shipped one may."""
    shipped = [read_yaml(path) for path in shipped_names(SUFFIX).values()]
    names = {OWN, *(other.get(("name",)) for other in shipped if other.text != document.text)}
    if file.name in names and not any(Path(other.file).resolve() == Path(document.file).resolve() for other in shipped):
        what, expected = f"the name {file.name!r} is taken", f"none of {', '.join(sorted(map(str, names)))}"
        hint = "rename it: ids of exercises begin with the name"
        yield document.problem(("name",), what, seen=file.name, expected=expected, hint=hint)


def _twice(file: CourseFile, loaded: Sequence[LoadedScenario | None], document: Document) -> Iterator[Problem]:
    first: dict[tuple[Path, int], int] = {}
    for i, (entry, scenario) in enumerate(zip(file.exercises, loaded, strict=True)):
        if scenario is None:
            continue
        seed = scenario.scenario.seed if entry.seed is None else entry.seed
        same = first.setdefault((scenario.path.resolve(), seed), i)
        if same != i:
            what, hint = "the same exercise twice", f"give one of them another seed: it is exercise {same + 1} as well"
            expected = "each scenario once with each seed"
            yield document.problem(
                ("exercises", i), what, seen=f"{entry.scenario} with seed {seed}", expected=expected, hint=hint
            )


def _clashes(found: Iterable[Course]) -> Iterator[Problem]:
    first: dict[str, Course] = {}
    for course in found:
        other = first.setdefault(course.name, course)
        if other is course:
            continue
        what = f"two courses are called {course.name!r}"
        expected = f"another name than that of {other.path}"
        hint = "rename one: ids of exercises begin with the name"
        assert course.path is not None  # none that is read may be called as the one without a file
        yield read_yaml(course.path).problem(("name",), what, expected=expected, hint=hint)
