"""Options that choose some of the scenarios that were named: by an expression and by tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.cli import completing
from lab.cli.console import option
from lab.cli.groups import group
from lab.errors import NothingSelectedError, Problem, UserError, nearest

if TYPE_CHECKING:
    from lab.cli.selection import Selection
    from lab.scenario import LoadedScenario


@dataclass(frozen=True)
class Filters:
    """Which scenarios to keep: those that the expression matches and that have every tag."""

    keyword: str | None = None
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.keyword is not None or bool(self.tags)

    def kept(self, scenarios: Sequence[LoadedScenario]) -> tuple[LoadedScenario, ...]:
        """The scenarios that fit; UserError for an expression that is none, NothingSelectedError where none fits."""
        from lab.scenario.expression import parse_expression

        try:
            matches = parse_expression(self.keyword) if self.keyword is not None else lambda _: True
        except ValueError as error:
            what = f"-k {self.keyword!r} is not a valid expression: {error}"
            raise UserError(Problem(what, hint="-k 'network and not (mild or silent)'")) from None
        found = [one for one in scenarios if matches(words_of(one)) and set(self.tags) <= set(one.scenario.tags)]
        if not found:
            raise NothingSelectedError(Problem(f"no scenario fits {self}", hint=self._hint(scenarios)))
        return tuple(found)

    def applied(self, selection: Selection) -> Selection:
        """A selection with the scenarios that fit; one that lost some is no longer the whole suite."""
        scenarios = self.kept(selection.scenarios) if self else selection.scenarios
        return replace(selection, scenarios=scenarios, partial=len(scenarios) < len(selection.scenarios))

    def __str__(self) -> str:
        words = [f"--tag {tag}" for tag in self.tags]
        return " ".join(words if self.keyword is None else [f"-k {self.keyword!r}", *words])

    def _hint(self, scenarios: Iterable[LoadedScenario]) -> str:
        known = {tag for one in scenarios for tag in one.scenario.tags}
        unknown = [tag for tag in self.tags if tag not in known]
        if unknown:
            return f"no scenario here has the tag {unknown[0]!r}; {nearest(unknown[0], known)}".rstrip("; ")
        return "`lab list` shows names and tags"


def words_of(loaded: LoadedScenario) -> tuple[str, ...]:
    """What `-k` looks at: a scenario's name, its tags, and the faults and decoys that it uses."""
    scenario = loaded.scenario
    faults = (fault.type for fault in scenario.faults)
    decoys = (decoy.type for decoy in scenario.decoys)
    return (scenario.name, *scenario.tags, *faults, *decoys)


filter_options = group(
    "filters",
    Filters,
    option(
        "-k",
        "keyword",
        metavar="EXPRESSION",
        help="Only scenarios with these words in name, tags or faults: 'network and not mild'.",
    ),
    option(
        "--tag",
        "tags",
        metavar="TAG",
        multiple=True,
        shell_complete=completing.tags,
        help="Only scenarios with this tag; may be repeated: with all these tags.",
    ),
)
