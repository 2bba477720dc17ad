"""A debrief of a system with a calendar agrees with it: in when something was seen, and in what was looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.investigation.exercises import courses
from lab.quiz.content import Content
from lab.quiz.page import render
from lab.recording.opening import open_run
from tests.investigating import Client, client, training

pytestmark = pytest.mark.slow

DAY_S = 86_400.0


class Solved:
    """An exercise about datasets that are written again, looked at in its calendar alone, and answered at its end."""

    def __init__(self, directory: Path) -> None:
        (course,) = (one for one in courses() if one.name == "nights")
        (exercise,) = (
            one.id for one in course.exercises if one.scenario.scenario.name == "training-missed-although-here"
        )
        self.client: Client = client(training(directory, [course]))
        self.session = self.client.begin(exercise)
        self.client.post(f"{self.session}/clock", {"jump": "end"})
        self.calendar = self.client.get(f"{self.session}/calendar")["calendar"]
        self.pinned = [one["signal"] for one in self.calendar["differences"] if one["signal"]]
        for name in self.pinned:
            signal, _, subject = name.partition(":")
            ref = {"signal": signal, "subject": subject}
            self.client.post(f"{self.session}/board/pins", {"kind": "chart", "ref": ref, "stance": "for"})
        evidence = [{"signal": "dataset_repeated", "subject": "features"}]
        finding = {"culprit": "features", "kind": "output-kept", "onset": "14 Oct", "evidence": evidence}
        said = {"noticed_by": "people", "why": "No check compares versions."}
        self.client.post(f"{self.session}/submit", {"verdict": "fault", "findings": [finding], "detection": said})
        self.debrief: dict[str, Any] = self.client.get(f"{self.session}/debrief")
        self.postmortem = self.client.ask("GET", f"/api/v1{self.session}/postmortem").text


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Solved:
    return Solved(tmp_path_factory.mktemp("solved"))


def test_every_change_in_the_calendar_could_be_pinned(solved: Solved) -> None:
    assert "dataset_repeated:features" in solved.pinned
    assert len(solved.client.get(f"{solved.session}/board")["pins"]) == len(solved.pinned)


def test_what_the_calendar_showed_was_looked_at(solved: Solved) -> None:
    looked = {f"{one['signal']}:{one['subject']}": one["looked_s"] for one in solved.debrief["evidence"]}
    assert looked["dataset_repeated:features"] is not None


def test_it_is_first_seen_in_the_period_in_which_the_calendar_has_it(solved: Solved) -> None:
    firsts = {one["signal"]: one["first"] for one in solved.calendar["differences"]}
    (first,) = (
        one for one in solved.debrief["evidence"] if (one["signal"], one["subject"]) == ("dataset_repeated", "features")
    )
    period = solved.calendar["periods"][firsts["dataset_repeated:features"]]
    assert first["first_visible_s"] == period["ends_s"], "what an interval tells is known at its end"
    assert f"stood out at end of {period['name']}, " in solved.postmortem


def test_who_noticed_it_and_why_so_late_is_told_beside_what_was_said(solved: Solved) -> None:
    found = solved.debrief["detection"]
    assert (found["alert"], found["noticed_by"]) == (None, "people")
    assert found["noticed_s"] == solved.debrief["times"]["called_s"]
    assert (found["first"]["signal"], found["said"]["noticed_by"]) == ("dataset_repeated", "people")
    assert found["why"][0].startswith("No objective looks at what showed it first, dataset_repeated of ")
    assert any(line.startswith("No job failed") for line in found["why"])


def test_an_incident_that_went_on_is_said_so_in_words(solved: Solved) -> None:
    assert solved.debrief["times"]["mitigate_s"] is None
    assert "Time to mitigate: it was not mended by the end of the recording, end of night 28, " in solved.postmortem


def test_its_costs_add_up(solved: Solved) -> None:
    assert solved.debrief["costs"]
    for one in solved.debrief["costs"]:
        assert abs(one["incident"]) == pytest.approx(abs(one["there"] - one["without"]))
        assert one["until_answer"] + one["after_answer"] == pytest.approx(one["incident"])


def test_on_an_exported_page_it_began_in_a_period(solved: Solved) -> None:
    of = solved.client.app._app.state.training
    one = of._sessions[solved.session.rpartition("/")[2]]
    run = next((of.directory / "runs").rglob("run.json")).parent
    page = render(Content(one.exercise, open_run(run)))
    assert f'<option value="{9 * DAY_S}">night 10, Wed 14 Oct</option>' in page
    assert "in seconds" not in page
