"""The desk's lever, and how it is pulled on the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lab.injection.levers import LeverTable, LeverValue, Place
from lab.systems.topology import System

if TYPE_CHECKING:
    from chaos_lab_desk.content import Desk


class QuestionsMisrouted(LeverValue, lever="questions.misroute", on={"service"}, content=True, kept="leased"):
    """Sends a share of the questions to people who know nothing of their topic."""

    fraction: Annotated[float, Field(gt=0, le=1, examples=[0.5])]


def _read(desk: Desk, place: Place) -> QuestionsMisrouted | None:
    return desk.misrouted


def _write(desk: Desk, place: Place, value: QuestionsMisrouted | None) -> None:
    desk.misrouted = value


def _cannot(system: System, place: Place, value: QuestionsMisrouted) -> str:
    """Only of the component that does `take_question`."""
    doing = system.performers["take_question"]
    return "" if place.element == doing else f"{place.element} has no such content; {doing} has"


LEVERS: LeverTable[Desk] = LeverTable("sim")
LEVERS.lever(QuestionsMisrouted, _read, _write, _cannot)
