"""`lab answer`: a person's own answer to a recording, graded as an engine's is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import GivenPath, json_option, option
from lab.contracts import Boundary

if TYPE_CHECKING:
    from lab.contracts import Diagnosis, Evidence
    from lab.recording.rundir import RunDirectory

_EPILOG = """\b
Examples:
  lab answer RUN --culprit cache --kind stale-cache --onset 160s --confidence 80%
  lab answer RUN --culprit 'front->orders' --kind network-partition --evidence 'client_error_ratio:front->orders'
  lab answer RUN --healthy --as anna
  lab answer RUN --from diagnosis.json --json
"""


class _Parsed(click.ParamType[float]):
    """What one of `lab.files.units` reads, with its words for what it cannot read."""

    def __init__(self, name: str, reader: str, example: str) -> None:
        self.name, self._reader, self._example = name, reader, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from lab.files import units

        if not isinstance(value, str):
            return value
        try:
            return getattr(units, self._reader)(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a {self.name}: {error}, such as {self._example}")


@dataclass(frozen=True)
class Given:
    """What the command line says of one cause; nothing where the answer is that there is none."""

    culprit: str | None
    kind: str | None
    boundary: str | None
    onset_s: float | None
    confidence: float | None
    evidence: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        named = self.culprit or self.kind or self.boundary or self.evidence or self.why
        return not named and self.onset_s is None and self.confidence is None


@click.command(epilog=_EPILOG)
@click.argument("target", metavar="RUN", type=GivenPath())
@option("--culprit", metavar="ELEMENT", help="What is to blame: a component, or a link as caller->called.")
@option("--kind", metavar="KIND", help="What is wrong with it: one of `lab faults`.")
@option(
    "--boundary",
    type=click.Choice([str(one) for one in Boundary]),
    help="Where the blame lies. [default: as the kind has it]",
)
@option(
    "--onset",
    "onset",
    metavar="TIME",
    help="When it began: 160s, 05:12, 9d12h; of a system with a calendar also the number of a period, '15 Oct', "
    "'Wed 14 Oct 12:00'.",
)
@option(
    "--confidence",
    type=_Parsed("share", "ratio", "80%"),
    metavar="SHARE",
    help="How sure you are. [default: 100%]",
)
@option(
    "--evidence",
    multiple=True,
    metavar="SIGNAL:SUBJECT",
    help="A signal that shows it; its levels before and since the onset are looked up. May be repeated.",
)
@option("--why", multiple=True, metavar="TEXT", help="A line of your reasoning, symptom first. May be repeated.")
@option("--healthy", is_flag=True, help="Answer that nothing is wrong.")
@option("--unsure", is_flag=True, help="Answer that you cannot tell.")
@option(
    "--from",
    "source",
    type=GivenPath(dir_okay=False),
    metavar="FILE",
    help="A diagnosis as JSON instead, for several causes (`lab schema diagnosis`).",
)
@option("--as", "name", default="you", show_default=True, metavar="NAME", help="Your name beside the engines'.")
@json_option
def command(
    *, target: Path, culprit: str | None, kind: str | None, boundary: str | None, onset: str | None,
    confidence: float | None, evidence: tuple[str, ...], why: tuple[str, ...], healthy: bool, unsure: bool,
    source: Path | None, name: str, as_json: bool,
) -> int:  # fmt: skip
    """Answer what is wrong in a recording yourself, and be graded.

    RUN is a run directory. The answer is kept with the recording as person:NAME, beside the answers of engines, and
    graded by the same graders: `lab grade RUN` gives the same. What is printed tells the truth of the case.
    """
    from lab import __version__
    from lab.cli.console import stdout, write_json
    from lab.cli.grade import print_axes
    from lab.cli.reports import refresh_pages
    from lab.cli.results import campaign_json
    from lab.cli.verdicts import print_cases
    from lab.errors import UserError
    from lab.investigation.judging import judged, unknown_names, untimely
    from lab.recording.opening import open_run
    from lab.runs.campaign import JobResult, conclude
    from lab.systems.moments import moment_s, told

    run = open_run(target)
    onset_s = None if onset is None else moment_s(onset, run.calendar, run.duration_s)
    given = Given(culprit, kind, boundary, onset_s, confidence, evidence, why)
    diagnosis = _diagnosis(run, given, healthy=healthy, unsure=unsure, source=source)
    problems = unknown_names(diagnosis.findings, run.neighbours)
    problems += [
        problem for one in diagnosis.findings for problem in untimely(one.onset_s, run.duration_s, run.calendar)
    ]
    if problems:
        raise UserError(problems)
    case = judged(run, diagnosis, _checked_name(name))
    campaign = conclude([JobResult(run.scenario, run.seed, str(run.path), (case,))])
    if as_json:
        document = {"problems": [], "exit_code": int(campaign.exit_code)}
        write_json({"schema_version": 1, "lab_version": __version__, **campaign_json(campaign), **document})
    else:
        if onset_s is not None:
            click.echo(f"onset understood as {told(onset_s, run.calendar)}")
        print_cases(stdout(), campaign.results)
        print_axes(stdout(), case)
    refresh_pages([run])
    return campaign.exit_code


def _checked_name(name: str) -> str:
    from lab.contracts import LONGEST_NAME
    from lab.errors import UserError

    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UserError(f"--as is {name!r:.80}, expected a name of at most {LONGEST_NAME} printable characters")
    return name.strip()


def _diagnosis(run: RunDirectory, given: Given, *, healthy: bool, unsure: bool, source: Path | None) -> Diagnosis:
    from lab.contracts import Diagnosis, Verdict
    from lab.errors import UserError

    ways = [
        way
        for way, said in (("--culprit and --kind", not given.is_empty), ("--healthy", healthy), ("--unsure", unsure),
                          ("--from", source is not None))
        if said
    ]  # fmt: skip
    if len(ways) != 1:
        seen = " and ".join(ways) + " contradict each other" if ways else "nothing is answered"
        raise UserError(f"{seen}; give --culprit and --kind, or --healthy, or --unsure, or --from FILE")
    if source is not None:
        return _read(source)
    if healthy or unsure:
        return Diagnosis(Verdict.HEALTHY if healthy else Verdict.UNSURE)
    return _of_one(run, given)


def _of_one(run: RunDirectory, given: Given) -> Diagnosis:
    from lab.contracts import Diagnosis, Finding, Verdict
    from lab.errors import Problem, UserError
    from lab.investigation.judging import boundary_of

    if given.culprit is None or given.kind is None:
        missing = "--culprit" if given.culprit is None else "--kind"
        hint = "`lab faults` lists the kinds, observed/system.json the elements"
        raise UserError(Problem(f"{missing} is missing", expected="both --culprit and --kind", hint=hint))
    own = boundary_of(given.kind)
    cited = _evidence(run, given)
    confidence = 1.0 if given.confidence is None else given.confidence
    finding = Finding(given.culprit, given.boundary or own, given.kind, given.onset_s, confidence, cited, given.why)
    return Diagnosis(Verdict.FAULT, (finding,))


def _evidence(run: RunDirectory, given: Given) -> tuple[Evidence, ...]:
    from lab.errors import Problem, UserError
    from lab.investigation.judging import cited
    from lab.signals import load_recorded

    if not given.evidence:
        return ()
    if given.onset_s is None:
        what = "--evidence needs --onset: a signal's levels before and since then are what it shows"
        raise UserError(Problem(what, expected="a time such as 160s"))
    observed, signals = load_recorded(run.observed)
    found = []
    for text in given.evidence:
        signal, _, subject = text.partition(":")
        found.append(cited(signals, signal, subject, given.onset_s, observed.end_s))
    return tuple(found)


def _read(source: Path) -> Diagnosis:
    import json

    from lab.contracts import Diagnosis, DiagnosisError
    from lab.errors import Problem, UserError
    from lab.files.yamlsource import read_text

    try:
        return Diagnosis.from_json(json.loads(read_text(source)))
    except (ValueError, RecursionError) as error:  # DiagnosisError is a ValueError
        what = "not a diagnosis" if isinstance(error, DiagnosisError) else "not JSON"
        hint = "`lab schema diagnosis` shows the form"
        raise UserError(Problem(f"{what}: {error}", str(source), hint=hint)) from error
