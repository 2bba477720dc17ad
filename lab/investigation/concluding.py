"""How sessions end: the answer is taken, judged, and the debrief shown when it may be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lab.investigation import work
from lab.investigation.answering import diagnosis
from lab.investigation.past import PastSession
from lab.investigation.playing import played
from lab.investigation.queries.asking import UnknownError
from lab.investigation.refusals import NotYetError, RefusedError
from lab.investigation.session import Session, new_clock

if TYPE_CHECKING:
    from lab.investigation.training import Training


Answered: TypeAlias = Session | PastSession
"""What may have a debrief."""


class Concluding:
    """The answers in the sessions of a training, and their debriefs."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def submit(self, one: Session, answer: Mapping[str, Any]) -> None:
        """Takes the answer, once: a diagnosis as JSON. It is judged while others work.

        QueryError for what is no diagnosis, RefusedError where no answer can be given now.
        """
        _refuse_unanswerable(one)
        assert one.view is not None
        wall = self._training.wall
        # What was done about it is no evidence of what was wrong: levels are of the time before.
        acted_s = min((done.done_s for done in one.actions), default=None)
        named = {name: value for name, value in answer.items() if name != "detection"}
        given = diagnosis(one.view, one.clock.as_of(wall()), named, acted_s)  # takes a while, so not under the lock
        with one.lock:
            _refuse_unanswerable(one)
            wall_s = wall()
            with self._training.keeping.changing(one):
                one.answer, one.answered_at_s = json.loads(json.dumps(given.to_json())), one.clock.at(wall_s)
                one.detection = answer.get("detection")
                one.clock = one.clock.paused(wall_s)
            self.judge(one)

    def judge(self, one: Session) -> None:
        """Has the answer judged, and the debrief written."""
        training = self._training
        assert one.incident is not None
        one.status = "answered"
        one.is_withheld = training.is_group and one.exercise.id not in training.released
        one.job = training.workers.submit(
            work.concluded, one.exercise, one.incident, training.directory, self.record(one), played(one),
            self._directory(one.id), then=partial(self._is_judged, one), failed=partial(training.failed, one),
        )  # fmt: skip

    def _is_judged(self, one: Session, found: Mapping[str, Any]) -> None:
        with one.lock:
            one.job, one.is_judged = None, True
            points = found.get("score", {}).get("points")
            one.score = float(points) if isinstance(points, int | float) else None
            answers: Iterable[Mapping[str, Any]] = found.get("answers", ())
            one.outcome = next((answer.get("outcome") for answer in answers if answer.get("who") == "you"), None)
            self._training.settle(one)
            self._training.keeping.keep_later(one)

    def record(self, one: Session) -> dict[str, Any]:
        """All that was done in a session, for its debrief."""
        store = self._training.store
        with one.lock:
            who = next((who for who in store.participants() if who.id == one.participant), None)
            return {
                "id": one.id,
                "participant": who.name if who else "",
                **one.state(),
                "start_s": new_clock(one.exercise).now_s,
                "board": one.board.content(),
                "looks": self._training.looking.kept(one),
            }

    def debrief(self, one: Answered) -> dict[str, Any]:
        """The debrief; NotYetError before it is released, UnknownError where it is not kept any more."""
        found: dict[str, Any] = json.loads(self._debriefed(one, "debrief.json"))
        return found

    def postmortem(self, one: Answered) -> str:
        """The post-mortem as the lab writes it, Markdown; errors as of the debrief."""
        return self._debriefed(one, "postmortem.md")

    def file(self, session: str, name: str) -> str:
        """What a debrief wrote; FileNotFoundError where it is not there."""
        return (self._directory(session) / name).read_text(encoding="utf-8")

    def judged(self, one: Session) -> dict[str, Any] | None:
        """The debrief of an answer that was judged, for the instructor; None before."""
        file = self._directory(one.id) / "debrief.json"
        if not one.is_judged or not file.is_file():
            return None
        found: dict[str, Any] = self._training.cache.get(
            ("debrief", one.id), lambda: json.loads(file.read_text(encoding="utf-8"))
        )
        return found

    def _debriefed(self, one: Answered, file: str) -> str:
        if one.status != "released":
            what = "the answer comes first" if one.is_open else "the debrief is not released yet"
            raise NotYetError(what, seen=one.status)
        try:
            return self.file(one.id, file)
        except FileNotFoundError:
            if not isinstance(one, Session):
                raise UnknownError("the debrief is not kept any more") from None
            with one.lock:  # somebody tidied up: it is written again
                one.is_judged = False
                if one.job is None:
                    self._training.settle(one)
            raise NotYetError("the answer is judged once more", hint="ask again in a moment") from None

    def _directory(self, session: str) -> Path:
        return self._training.directory / "debriefs" / session


def _refuse_unanswerable(one: Session) -> None:
    one.refuse_answered("an answer was given already")
    if one.view is None or one.status != "ready":
        raise RefusedError("not now", seen=one.status, expected="an incident that is ready")
