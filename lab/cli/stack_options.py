"""Options of a run on the real stack, and the stack held up over all runs of a command."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import observability_option, option
from lab.cli.groups import group
from lab.errors import UserError
from lab.testbeds.stack.options import LAB, MODEL_SERVERS

if TYPE_CHECKING:
    from lab.campaign import Job
    from lab.recording.schema import Observability
    from lab.testbeds.stack.options import StackOptions
    from lab.testbeds.stack.session import Session


@dataclass(frozen=True)
class TestbedChoice:
    """Where to run and how much to see of it, as given on the command line."""

    testbed: str
    time_scale: float
    keep: bool
    load_workers: int
    model_server: str = LAB
    observability: Observability | None = None

    def stack(self) -> StackOptions | None:
        """The options of a run on the stack, None on `sim`; UserError where they are given for another testbed."""
        from lab.cli.selection import check_testbed

        check_testbed(self.testbed)
        if self.testbed == "stack":
            from lab.testbeds.stack.options import StackOptions

            return StackOptions(
                self.time_scale, self.keep, load_workers=self.load_workers, model_server=self.model_server
            )
        if self.time_scale != 1.0 or self.keep or self.load_workers != 1 or self.model_server != LAB:
            raise UserError("--time-scale, --keep, --load-workers and --model-server go with --testbed stack")
        return None

    def words(self) -> list[str]:
        """What a command line says to run the same there again."""
        seen = ["--observability", self.observability] if self.observability else []
        stack = ["--testbed", self.testbed, "--time-scale", f"{self.time_scale:g}"]
        stack += ["--model-server", self.model_server] if self.model_server != LAB else []
        return [*seen, *(stack if self.testbed == "stack" else [])]


class _TimeScale(click.FloatRange):
    """A positive number; `nan` is within every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number of scenario seconds.", param, ctx)
        return number


testbed_option = option(
    "--testbed", type=click.Choice(["sim", "stack"]), default="sim", show_default=True, help="Where to run."
)
time_scale_option = option(
    "--time-scale",
    type=_TimeScale(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="On the stack: scenario seconds per real second.",
)
model_server_option = option(
    "--model-server",
    type=click.Choice(MODEL_SERVERS),
    default=LAB,
    show_default=True,
    help="On the stack: the lab's own model server, or the official TensorFlow Serving.",
)
testbed_options = group(
    "where",
    TestbedChoice,
    testbed_option,
    time_scale_option,
    option("--keep", is_flag=True, help="On the stack: leave it up afterwards."),
    option(
        "--load-workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="On the stack: worker processes of the load.",
    ),
    model_server_option,
    observability_option,
)


def tell_of_change(session: Session, model_server: str, load_workers: int) -> None:
    """Says that another model server or number of workers than there is will take its place."""
    running, workers = session.compose.running_model_server(), session.load_workers()
    if running not in ("", model_server):
        click.echo(f"the model server is {running}; {model_server} takes its place (--model-server)", err=True)
    if workers not in (0, load_workers):
        click.echo(f"the load has {workers} worker processes; now it gets {load_workers} (--load-workers)", err=True)


@contextmanager
def stack_up(jobs: Sequence[Job], stack: StackOptions | None, runs_dir: Path) -> Iterator[None]:
    """Holds the stack over all jobs, so that it comes up and goes down once; checks beforehand that it can do them."""
    if stack is None:
        yield
        return
    from lab.recording.keeping import check_room, recording_bytes
    from lab.testbeds.stack.feasible import check_feasible
    from lab.testbeds.stack.run import held
    from lab.testbeds.stack.session import Session

    for job in jobs:
        check_feasible(job.loaded, stack.time_scale)
    needed_bytes = sum(recording_bytes(job.loaded.scenario, stack.time_scale) for job in jobs)
    check_room(runs_dir, needed_bytes, "all of these runs" if len(jobs) > 1 else jobs[0].loaded.scenario.name)
    session = Session(jobs[0].loaded.system)
    # Tells first that Docker, or its Python package, is missing.
    tell_of_change(session, stack.model_server, stack.load_workers)
    click.echo("bringing the stack up (the first time builds its images)", err=True)
    with held(session, stack):
        yield
