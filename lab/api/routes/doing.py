"""What a participant does: remedies, hints, the answer; and what they are told in the end."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from lab.api import answers
from lab.api.asking import Own, OwnAnswered, Somebody, Trainings
from lab.api.models import ActionDone
from lab.investigation.vocabulary import vocabulary

router = APIRouter(tags=["acting and answering"])


@router.get("/vocabulary", operation_id="get_vocabulary")
def get_vocabulary(_: Somebody) -> answers.Vocabulary:
    """The words of a diagnosis: boundaries, kinds of faults, verdicts."""
    return answers.Vocabulary.model_validate(vocabulary())


@router.get("/sessions/{session}/remedies", operation_id="list_remedies")
def list_remedies(own: Own, training: Trainings) -> list[answers.RemedyAnswer]:
    """What can be done about an incident of this system, where, and how long it takes."""
    return [answers.RemedyAnswer.model_validate(one) for one in training.playing.remedies(own)]


@router.post("/sessions/{session}/actions", operation_id="act", status_code=202)
def act(given: answers.NewAction, own: Own, training: Trainings) -> ActionDone:
    """Does a remedy. The clock moves on by what it takes; then the incident goes on with it, for better or worse."""
    done = training.playing.act(own, given.remedy, given.place, given.value)
    return ActionDone.model_validate(done, from_attributes=True)


@router.post("/sessions/{session}/hints", operation_id="take_hint")
def take_hint(own: Own, training: Trainings, given: answers.WantedHint | None = None) -> answers.HintAnswer:
    """Takes the next hint, at the cost that the session tells. Asked by its number, the same hint costs once."""
    return answers.HintAnswer.model_validate(training.take_hint(own, given.number if given else None))


@router.post("/sessions/{session}/submit", operation_id="submit")
def submit(given: answers.GivenDiagnosis, own: Own, training: Trainings) -> answers.Submitted:
    """Submits the diagnosis, once. It is graded as an engine's is."""
    training.concluding.submit(own, given.model_dump())
    return answers.Submitted(status=own.status)


@router.get("/sessions/{session}/debrief", operation_id="get_debrief")
def get_debrief(own: OwnAnswered, training: Trainings) -> answers.Debrief:
    """The truth, beside the answer, its grades, what was done and what engines said. 403 before it is released."""
    return answers.Debrief.model_validate(training.concluding.debrief(own))


@router.get("/sessions/{session}/postmortem", operation_id="get_postmortem", response_class=PlainTextResponse)
def get_postmortem(own: OwnAnswered, training: Trainings) -> Response:
    """A blameless post-mortem as Markdown: filled in as far as it can be, or as you kept it. 403 before the debrief."""
    text = training.drafts.read(own).text
    headers = {"content-disposition": 'attachment; filename="postmortem.md"'}
    return Response(text, media_type="text/markdown; charset=utf-8", headers=headers)


@router.get("/sessions/{session}/postmortem/draft", operation_id="get_postmortem_draft")
def get_postmortem_draft(own: OwnAnswered, training: Trainings) -> answers.PostmortemDraft:
    """The post-mortem to go on with, and its revision, which a change must name."""
    return answers.PostmortemDraft.model_validate(training.drafts.read(own), from_attributes=True)


@router.put("/sessions/{session}/postmortem", operation_id="keep_postmortem")
def keep_postmortem(given: answers.PostmortemChange, own: OwnAnswered, training: Trainings) -> answers.PostmortemDraft:
    """Keeps your version of the post-mortem. 409 where another was kept since the revision that it was made from."""
    found = training.drafts.write(own, given.text, given.revision)
    return answers.PostmortemDraft.model_validate(found, from_attributes=True)
