"""The board of a session: hypotheses, pins, notes, whys."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path

from lab.api import answers
from lab.api.asking import Own, Trainings
from lab.investigation.session import Session
from lab.investigation.training import Training

router = APIRouter(prefix="/sessions/{session}/board", tags=["board"])

ItemId = Annotated[str, Path(max_length=40, description="id of something on the board")]


def _now_s(training: Training, session: Session) -> float:
    return session.clock.at(training.wall())


@router.get("", operation_id="get_board")
async def get_board(own: Own) -> answers.BoardAnswer:
    """Everything on the board. Its version, which the session tells too, grows with each change."""
    with own.lock:
        return answers.BoardAnswer.model_validate(own.board.content())


@router.post("/hypotheses", operation_id="add_hypothesis", status_code=201)
def add_hypothesis(given: answers.NewHypothesis, own: Own, training: Trainings) -> answers.Hypothesis:
    """Puts a hypothesis on the board."""
    return answers.Hypothesis.model_validate(training.boards.put(own, "hypotheses", given.model_dump()))


@router.patch("/hypotheses/{item}", operation_id="change_hypothesis")
def change_hypothesis(
    item: ItemId, given: answers.HypothesisChange, own: Own, training: Trainings
) -> answers.Hypothesis:
    """Changes a hypothesis: what is left out stays, null takes away."""
    changes = _changes(given, kept=("text", "state"))
    return answers.Hypothesis.model_validate(training.boards.put(own, "hypotheses", changes, item))


@router.delete("/hypotheses/{item}", operation_id="remove_hypothesis", status_code=204)
def remove_hypothesis(item: ItemId, own: Own, training: Trainings) -> None:
    """Takes a hypothesis off; its pins and parts stay, and belong to none."""
    training.boards.drop(own, "hypotheses", item)


@router.post("/pins", operation_id="add_pin", status_code=201)
def add_pin(given: answers.NewPin, own: Own, training: Trainings) -> answers.Pin:
    """Pins a chart, trace, line, alert, change or distribution as evidence.

    409 for a signal, or a table's column, that was not shown to this session: a pin counts as a look at it.
    """
    training.looking.refuse_unseen(own, given.ref)
    content, now_s = given.model_dump(), _now_s(training, own)
    content["at_s"] = now_s if given.at_s is None else given.at_s
    content["pinned_s"] = now_s if own.is_open else None
    return answers.Pin.model_validate(training.boards.put(own, "pins", content))


@router.patch("/pins/{item}", operation_id="change_pin")
def change_pin(item: ItemId, given: answers.PinChange, own: Own, training: Trainings) -> answers.Pin:
    """Changes whether a pin speaks for or against, of what, and its text."""
    changes = _changes(given, kept=("stance", "text"))
    return answers.Pin.model_validate(training.boards.put(own, "pins", changes, item))


@router.delete("/pins/{item}", operation_id="remove_pin", status_code=204)
def remove_pin(item: ItemId, own: Own, training: Trainings) -> None:
    """Takes a pin off."""
    training.boards.drop(own, "pins", item)


@router.post("/notes", operation_id="add_note", status_code=201)
def add_note(given: answers.NewNote, own: Own, training: Trainings) -> answers.Note:
    """Writes a note, at the session's time."""
    at_s = _now_s(training, own) if given.at_s is None else given.at_s
    content = {"text": given.text, "at_s": at_s, "wall": time.time()}
    return answers.Note.model_validate(training.boards.put(own, "notes", content))


@router.patch("/notes/{item}", operation_id="change_note")
def change_note(item: ItemId, given: answers.NoteChange, own: Own, training: Trainings) -> answers.Note:
    """Writes another text."""
    return answers.Note.model_validate(training.boards.put(own, "notes", given.model_dump(), item))


@router.delete("/notes/{item}", operation_id="remove_note", status_code=204)
def remove_note(item: ItemId, own: Own, training: Trainings) -> None:
    """Takes a note off."""
    training.boards.drop(own, "notes", item)


@router.post("/whys", operation_id="set_whys")
def set_whys(given: answers.Whys, own: Own, training: Trainings) -> answers.BoardAnswer:
    """Sets the chain of whys, in place of the one that was there."""
    training.boards.set_whys(own, given.whys)
    return answers.BoardAnswer.model_validate(own.board.content())


def _changes(given: answers.HypothesisChange | answers.PinChange, kept: tuple[str, ...]) -> dict[str, object]:
    """What was given; of what cannot be taken away, null means that it stays."""
    changes = given.model_dump(exclude_unset=True)
    return {name: value for name, value in changes.items() if value is not None or name not in kept}
