"""`lab plan`: the dry run of scenarios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli import completing
from lab.cli.console import json_option, observability_option
from lab.cli.filters import Filters, filter_options
from lab.cli.testbed_options import TestbedCommand, option_words, testbed_option
from lab.files.units import format_duration, time_text

if TYPE_CHECKING:
    from lab.injection.dry_run import PlannedAct
    from lab.injection.faults import Witness
    from lab.registration.observability import Observability
    from lab.scenario import LoadedScenario
    from lab.scenario.plan import Plan
    from lab.systems.topology import Component
    from lab.testbeds.installed import Chosen

_EPILOG = """\b
Examples:
  lab plan mine.scenario.yaml
  lab plan mine.scenario.yaml --json
  lab plan mine.suite.yaml -k network      the scenarios of a suite
  lab plan mine.scenario.yaml --testbed stack --time-scale 5
"""


@click.command(cls=TestbedCommand, epilog=_EPILOG)
@click.argument("targets", metavar="FILE_OR_SUITE...", nargs=-1, required=True, shell_complete=completing.scenarios)
@filter_options
@testbed_option
@observability_option
@json_option
def command(
    *, targets: tuple[str, ...], filters: Filters, testbed: Chosen, observability: Observability | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what scenarios would do, without doing it.

    FILE_OR_SUITE is a scenario file, a directory of them, a suite, or the name of a shipped scenario or suite. Prints
    which levers would be pulled and reverted and when, and the truth that engines would be graded against. It refuses
    what the testbed cannot do, and what could not be seen there (a time scale at which a symptom drowns in noise).
    """
    from lab.cli.console import stdout, write_json
    from lab.cli.selection import select
    from lab.runs.preparing import check
    from lab.scenario.plan import plan

    selection = filters.applied(select(targets)).seen_by(observability)
    check(testbed, selection.scenarios)
    planned = [(loaded, plan(loaded)) for loaded in selection.scenarios]
    if as_json:
        documents = [_document(*one, testbed) for one in planned]
        single = len(targets) == 1 and selection.suite is None and not Path(targets[0]).is_dir()
        write_json(documents[0] if single else {"schema_version": 1, "plans": documents})
        return
    for number, one in enumerate(planned):
        if number:
            stdout().print()
        _print(*one, testbed)


def _document(loaded: LoadedScenario, planned: Plan, testbed: Chosen) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "scenario": loaded.scenario.name,
        "system": loaded.system.name,
        "testbed": testbed.name,
        "testbed_options": testbed.recorded(),
        "duration_s": loaded.scenario.duration_s,
        "timeline": [act.to_json() for act in planned.timeline],
        "truth": planned.truth.to_json(),
        "witnesses": {fault: [asdict(w) for w in witnesses] for fault, witnesses in planned.witnesses.items()},
    }


def _print(loaded: LoadedScenario, planned: Plan, testbed: Chosen) -> None:
    from lab.cli.console import print_table, stdout, table
    from lab.cli.texts import columns, effect_text
    from lab.content.stack import lacking
    from lab.judging.witness import BEFORE_MIN_INTERVALS
    from lab.scenario.plan import extra_load
    from lab.systems.calendar import Calendar, told_end, told_time, told_window

    scenario, console = loaded.scenario, stdout()
    requests = round(scenario.requests + sum(one.requests for one in extra_load(planned.timeline)))
    come = f"about {requests} requests" if loaded.system.users else "driven by jobs"
    console.print(f"{scenario.name}: {scenario.title or 'no title'}", style="bold", soft_wrap=True)
    where = " ".join([testbed.name, *option_words(testbed.recorded(), type(testbed.options)().recorded())])
    console.print(f"{loaded.system.name} on {where}, {time_text(scenario.duration_s)}, {come}")
    without = lacking(loaded.system) if loaded.system.world else None
    console.print(f"{without.what}\n" if without else "", soft_wrap=True)
    schedules = [(name, _schedule(job)) for name, job in loaded.system.scheduled_jobs.items()]
    if schedules:
        console.print("Jobs", style="bold")
        console.print(f"{columns(schedules, indent=2)}\n", soft_wrap=True)
    calendar = Calendar.of(loaded.system)
    shown = table("at", "what", "lever", "element", "value")
    shown.columns[0].justify = "right"
    for act in planned.timeline:
        told = told_end if act.event == "revert" or act.at_s >= scenario.duration_s else told_time
        shown.add_row(told(act.at_s, calendar), act.event, act.lever, act.element, _value(act))
    if planned.timeline:
        print_table(console, "Timeline", shown)
    else:
        console.print("Nothing would be pulled: this is a control.\n")
    console.print("Truth", style="bold")
    for fault in planned.truth.faults:
        when = told_window(fault.injected_s, fault.reverted_s, calendar)
        console.print(f"  {fault.id}: {fault.kind} of {fault.culprit} ({fault.boundary}) {when}", soft_wrap=True)
        rows = [("shows by", effect_text(witness)) for witness in planned.witnesses[fault.id]]
        if not _can_be_seen(planned.witnesses[fault.id], loaded.system.observability):
            seen = f"observability is {loaded.system.observability}, where none of these exists"
            rows.append(("note", f"{seen}: the case would be inconclusive"))
        if fault.injected_s < BEFORE_MIN_INTERVALS * loaded.system.scrape_interval_s:
            has_twin = testbed.driver.is_repeatable
            decides = "only the twin can show its effect" if has_twin else "its effect cannot be shown"
            rows.append(("note", f"it is injected too early to compare before and during; {decides}: inject it later"))
        console.print(columns(rows), soft_wrap=True)
    for decoy in planned.truth.decoys:
        console.print(
            f"  {decoy.id}: {decoy.kind} of {decoy.element} at {told_time(decoy.at_s, calendar)} is benign",
            soft_wrap=True,
        )
    if planned.truth.degraded is not None:
        degraded = planned.truth.degraded
        places = " or ".join(sorted(degraded.answerable))
        expected = f"nothing is injected: {degraded.cause}, and an SLO is to break"
        console.print(f"  {expected}: right answers are 'unsure', and {places} (resource or external)", soft_wrap=True)
    elif planned.truth.is_control:
        console.print("  nothing is injected: the right answer is 'healthy'")


def _can_be_seen(witnesses: Iterable[Witness], level: Observability) -> bool:
    from lab.registration.observability import seen_at
    from lab.signals.catalogue import spec_of

    return any(seen_at(level, spec_of(witness.signal).level) for witness in witnesses)


def _value(act: PlannedAct) -> str:
    if act.value is None:
        return "neutral"
    return ", ".join(f"{key}={value}" for key, value in act.value.to_json().items())


def _schedule(job: Component) -> str:
    """When a job runs: `every 1d, 1h into it, after extract; ended after 2h, up to 2 more attempts`."""
    text = f"every {format_duration(job.period_s)}"
    text += f", {format_duration(job.starts_s)} into it" if job.starts_s else ""
    text += f", after {' and '.join(job.needs)}" if job.needs else ""
    text += f"; ended after {format_duration(job.timeout_s)}" if job.timeout_s else ""
    return text + (f"; up to {job.retries} more attempt{'s' * (job.retries > 1)}" if job.retries else "")
