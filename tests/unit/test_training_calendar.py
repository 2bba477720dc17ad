"""The calendar, datasets and lineage of a session: as they could be seen at a time, and how versions differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.investigation.exercises import Course, exercise_of
from lab.investigation.queries import calendar, datasets
from lab.investigation.queries.asking import UnknownError
from lab.investigation.session import Done
from lab.investigation.view import Cache, View
from lab.scenario import load_scenario
from lab.signals.periods.citing import shown
from tests.calendars import DAY_S, HOUR_S, UNIT_CHANGED, Weeks, observed_of
from tests.investigating import Client, client, training
from tests.simulated import SYSTEMS

END_S = 28 * DAY_S
BEFORE_IT_S = 12 * DAY_S


def view_of(directory: Path, weeks: Weeks) -> View:
    """The recording as a session sees it."""
    observed_of(weeks).write(directory / "observed")
    return View(directory / "observed", Cache())


@pytest.fixture(scope="module")
def view(weeks_world: None, tmp_path_factory: pytest.TempPathFactory) -> View:
    return view_of(tmp_path_factory.mktemp("calendar"), UNIT_CHANGED)


def test_a_calendar_has_only_what_could_be_seen(view: View) -> None:
    early = calendar.calendar(view, BEFORE_IT_S + HOUR_S)
    assert len(early.periods) == 13
    assert {one.subject for one in early.differences} == {"features", "publish", "published"}
    assert [one.text for one in early.moments] == ["published-age of publish", "orders 4.2 is live"]


def test_what_a_calendar_shows_is_told_as_signals(view: View) -> None:
    """Cells and changes alike: so that who saw them in it can cite them."""
    found, signals = calendar.calendar(view, END_S), view.signals(END_S)
    names = set(shown(found))
    assert {"dataset_repeated:raw_visits", "dataset_rows:features", "column_median:raw_orders.amount_eur"} <= names
    of = {(one.subject, one.what): one.signal for one in found.differences}
    assert of["raw_orders.amount_eur", "distribution"] == "column_drift_psi:raw_orders.amount_eur"
    assert of["raw_visits", "content"] == "dataset_repeated:raw_visits"
    assert of["raw_customers", "schema"] == "dataset_schema_changed:raw_customers"
    told = [one for one in found.differences if one.signal]
    assert {one.signal for one in told} <= names
    assert all(signals.get(*one.signal.split(":")) is not None for one in told)


def test_a_calendar_of_a_time_is_made_once(view: View) -> None:
    assert calendar.calendar(view, BEFORE_IT_S) is calendar.calendar(view, BEFORE_IT_S)


def test_ones_own_actions_are_among_its_moments_once_they_are_done(view: View) -> None:
    done = [
        Done("a1", 20 * DAY_S, 20.5 * DAY_S, "backfill", "Backfill", "features"),
        Done("a2", 26 * DAY_S, 27 * DAY_S, "restart", "Restart", "score"),
    ]
    found = calendar.calendar(view, 22 * DAY_S, done)
    assert [(one.at_s, one.text) for one in found.moments if one.kind == "action"] == [
        (20.5 * DAY_S, "Backfill: features")
    ]
    assert not [one for one in calendar.calendar(view, 22 * DAY_S).moments if one.kind == "action"]


@pytest.mark.usefixtures("weeks_world")
def test_where_there_is_no_calendar_it_says_so(tmp_path: Path) -> None:
    plain = view_of(tmp_path, Weeks(calendar=None, nights=8))
    with pytest.raises(UnknownError, match="this system has no calendar"):
        calendar.calendar(plain, 8 * DAY_S)
    assert datasets.datasets(plain, 8 * DAY_S)[0]["versions"][0]["written"] == ""


def test_a_dataset_has_its_versions_latest_first_as_they_were_written_by_then(view: View) -> None:
    (orders,) = datasets.datasets(view, BEFORE_IT_S, "raw_orders")
    assert orders["job"] == "extract"
    times_s = [one["written_s"] for one in orders["versions"]]
    assert len(times_s) == 12
    assert times_s == sorted(times_s, reverse=True)
    assert orders["versions"][0]["written"] == "night 12, Fri 16 Oct 03:12"


def test_a_version_tells_which_columns_are_not_like_those_of_the_version_before(view: View) -> None:
    (orders,) = datasets.datasets(view, END_S, "raw_orders")
    of_night = {round(one["written_s"] // DAY_S): one["before"] for one in orders["versions"]}
    assert of_night[0] is None
    assert of_night[11]["moved"] == of_night[13]["moved"] == []
    (moved,) = of_night[12]["moved"]
    assert moved["column"] == "amount_eur"
    assert moved["after"]["q50"] == pytest.approx(100 * moved["before"]["q50"], rel=0.05)


@pytest.mark.usefixtures("weeks_world")
@pytest.mark.parametrize("how", ["new", "gone", "type", "null"])
def test_what_befell_a_column_in_a_night_is_told_of_the_version_of_that_night(tmp_path: Path, how: str) -> None:
    found = datasets.datasets(view_of(tmp_path, Weeks(befell={"features.recency_d": (12, how)})), END_S, "features")
    before = next(one["before"] for one in found[0]["versions"] if one["written_s"] // DAY_S == 12)
    moved = [one["column"] for one in before["moved"]]
    told = {"new": before["added"], "gone": before["removed"], "type": before["retyped"], "null": moved}
    assert told[how] == ["recency_d"]
    assert before["is_profiled"]


def test_content_that_was_there_before_and_another_schema_are_told(view: View) -> None:
    (visits,) = datasets.datasets(view, END_S, "raw_visits")
    again = next(one for one in visits["versions"] if one["is_repeated"])
    assert again["written_s"] // DAY_S == 22
    assert again["before"]["is_same"]
    (customers,) = datasets.datasets(view, END_S, "raw_customers")
    others = [
        one["written_s"] // DAY_S for one in customers["versions"] if one["before"] and one["before"]["is_other_schema"]
    ]
    assert others == [18]


def test_lineage_leads_from_a_run_to_what_it_read_and_wrote(view: View) -> None:
    (features,) = datasets.datasets(view, END_S, "features")
    last = features["versions"][0]
    (event,), more = datasets.lineage(view, END_S, trace_id=last["trace_id"])
    assert not more
    assert event["outputs"] == [{"dataset": "features", "version": last["version"]}]
    read = {one["dataset"]: one["version"] for one in event["inputs"]}
    (orders,) = datasets.datasets(view, END_S, "raw_orders")
    assert read["raw_orders"] == orders["versions"][0]["version"]
    assert (event["job"], event["at"]) == ("features", last["written"])


def test_lineage_is_found_by_job_and_dataset_and_told_up_to_the_time(view: View) -> None:
    found, more = datasets.lineage(view, 2 * DAY_S, job="features")
    assert [one["time_s"] // DAY_S for one in found] == [1, 0]
    assert not more
    about, more = datasets.lineage(view, 2 * DAY_S, dataset="scores", limit=2)
    assert ([one["job"] for one in about], more) == (["publish", "score"], True)


def test_an_unknown_dataset_or_job_is_refused(view: View) -> None:
    with pytest.raises(UnknownError, match="unknown dataset"):
        datasets.datasets(view, END_S, "row.orders")
    with pytest.raises(UnknownError, match="unknown dataset"):
        datasets.lineage(view, END_S, dataset="row.orders")
    with pytest.raises(UnknownError, match="unknown job"):
        datasets.lineage(view, END_S, job="feature")


@pytest.fixture(scope="module")
def weeks_client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A training on a week of a system of jobs whose file has a calendar."""
    top = tmp_path_factory.mktemp("api")
    text = (SYSTEMS / "chained.system.yaml").read_text(encoding="utf-8")
    calendar_text = "warmup: 1d\ncalendar: {begins: 2026-10-05, zone: Europe/Berlin, period: day}"
    (top / "chained.system.yaml").write_text(text.replace("warmup: 1d", calendar_text), encoding="utf-8")
    (top / "week.scenario.yaml").write_text(
        "schema_version: 1\nname: week\nsystem: chained.system.yaml\nduration: 7d\ntraining: {brief: Look.}\n",
        encoding="utf-8",
    )
    exercise = exercise_of(load_scenario(top / "week.scenario.yaml"), "own", 1, 7)
    return client(training(top, [Course("own", "Own scenarios", (exercise,))]))


def test_the_api_tells_the_calendar_of_a_session_and_notes_the_look(weeks_client: Client) -> None:
    session = weeks_client.begin()
    assert weeks_client.get(session)["calendar"] == {
        "period": "day", "period_s": DAY_S, "begins": "2026-10-05", "zone": "Europe/Berlin",
    }  # fmt: skip
    weeks_client.post(f"{session}/clock", {"jump": "end"})
    told = weeks_client.get(f"{session}/calendar")
    assert told["as_of_s"] == 7 * DAY_S
    assert [row["job"] for row in told["calendar"]["jobs"]] == ["extract", "clean", "sum-up", "plan"]
    assert [cell["outcome"] for cell in told["calendar"]["jobs"][0]["cells"]] == ["ok"] * 7
    assert told["story"]["opening"] == "Nothing that was looked at here changed for longer."
    short = weeks_client.get(f"{session}/calendar", part="differences")["calendar"]
    assert weeks_client.get(f"{session}/calendar", part="differences")["story"] is None
    assert (short["jobs"], short["differences"]) == ([], told["calendar"]["differences"])
    trace_id = told["calendar"]["jobs"][0]["cells"][0]["attempts"][0]["trace_id"]
    assert weeks_client.get(f"{session}/traces/{trace_id}")["spans"]


def test_what_a_session_saw_in_its_calendar_it_can_pin(weeks_client: Client) -> None:
    session = weeks_client.begin()
    pin = {"kind": "chart", "ref": {"signal": "job_duration_s", "subject": "clean"}, "stance": "for"}
    status, problem = weeks_client.refused("POST", f"{session}/board/pins", pin)
    assert (status, problem["what"]) == (409, "this signal was not shown to this session")
    (row,) = (one for one in weeks_client.get(f"{session}/calendar")["calendar"]["jobs"] if one["job"] == "clean")
    assert "job_duration_s" in row["signals"]
    weeks_client.post(f"{session}/board/pins", pin)


def test_an_onset_is_given_as_people_tell_it(weeks_client: Client) -> None:
    session = weeks_client.begin()
    read = weeks_client.get(f"{session}/moment", of="Thu 8 Oct 04:00")
    assert read == {"at_s": 3 * DAY_S + 2 * HOUR_S, "told": "day 4, Thu 8 Oct 04:00"}
    weeks_client.post(f"{session}/clock", {"jump": "end"})
    finding = {"culprit": "clean", "kind": "output-kept", "onset": "day 4"}
    answer = {"verdict": "fault", "findings": [finding]}
    for wrong, said in ((finding | {"onset": "day 9"}, "day 1 to day 7"), (finding | {"onset_s": 5}, "an onset twice")):
        status, problem = weeks_client.refused("POST", f"{session}/submit", answer | {"findings": [wrong]})
        assert status == 422
        assert said in problem["what"]
    weeks_client.post(f"{session}/submit", answer)
    of = weeks_client.app._app.state.training
    assert of._sessions[session.rpartition("/")[2]].answer["findings"][0]["onset_s"] == 3 * DAY_S


def test_where_jobs_write_no_datasets_the_api_tells_none(weeks_client: Client) -> None:
    session = weeks_client.begin()
    assert weeks_client.get(f"{session}/datasets")["datasets"] == []
    assert weeks_client.get(f"{session}/lineage")["events"] == []


def test_the_api_has_no_calendar_of_a_system_without_one(alone: Client, session: str) -> None:
    assert alone.get(session)["calendar"] is None
    reply = alone.ask("GET", f"/api/v1{session}/calendar")
    assert (reply.status, reply.json["problem"]["what"]) == (404, "this system has no calendar")
