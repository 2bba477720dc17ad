"""What a scenario says helps against its incident, checked against the remedies that there are."""

from __future__ import annotations

from lab.errors import ParameterError, Problem, UserError
from lab.files.yamlsource import KeyPath, parse_yaml
from lab.investigation.remedies import check
from lab.scenario import LoadedScenario


def help_problems(loaded: LoadedScenario) -> list[Problem]:
    """Entries of `training.remedies` that nobody can do on the scenario's system, each with its place in the file.

    The rooms that load scenarios know no remedies: whoever offers a scenario to people asks here.
    """
    problems: list[Problem] = []
    for i, given in enumerate(loaded.scenario.training.remedies):
        try:
            check(loaded.system, given.remedy, given.place, given.value)
        except UserError as error:
            at: KeyPath = ("training", "remedies", i)
            at = (*at, error.parameter) if isinstance(error, ParameterError) else at
            problems += [_located(loaded, at, problem) for problem in error.problems]
    return problems


def _located(loaded: LoadedScenario, at: KeyPath, problem: Problem) -> Problem:
    document = parse_yaml(loaded.text, str(loaded.path))
    return document.problem(at, problem.what, seen=problem.seen, expected=problem.expected, hint=problem.hint)
