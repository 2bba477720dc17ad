"""The investigation API: a session from the list to the debrief, and what each endpoint refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.investigation import work
from lab.investigation.blind import neutral_brief
from lab.investigation.clock import Clock
from lab.investigation.training import Training
from tests.investigating import (
    HINTS,
    INSTRUCTOR,
    JOINING,
    KIND,
    NAME,
    RIGHT,
    AtOnce,
    Client,
    Wall,
    answered,
    client,
    course,
    training,
)


def test_the_list_says_what_there_is_and_how_far_one_is(alone: Client, session: str):
    found = alone.get("/exercises")
    assert found["courses"] == [{"name": "own", "title": "Own scenarios", "exercises": ["own-1"]}]
    (one,) = found["exercises"]
    assert (one["system"], one["duration_s"], one["hints"], one["status"]) == ("bookings", 240.0, 2, "ready")
    assert session.endswith(one["session"])


def test_a_new_session_is_paused_where_every_session_begins(alone: Client, session: str):
    found = alone.get(session)
    clock = found["clock"]
    assert (clock["now_s"], clock["as_of_s"], clock["is_paused"], clock["end_s"]) == (12.0, 10.0, True, 240.0)
    assert (found["status"], found["alerts"]["count"], found["hints"]["left"]) == ("ready", 0, 2)


def test_who_is_called_later_comes_later_and_sees_what_was_before(tmp_path: Path, prepared: Any):
    (exercise,) = prepared.exercises
    called = replace(prepared, exercises=(replace(exercise, called_at_s=100.0),))
    alone = client(training(tmp_path, [called]))
    session = alone.begin()
    clock = alone.get(session)["clock"]
    assert (clock["now_s"], clock["start_s"], clock["as_of_s"]) == (100.0, 100.0, 100.0)
    assert alone.get(session)["alerts"]["count"] == 1


def test_the_clock_runs_pauses_and_jumps(alone: Client, session: str, wall: Wall):
    alone.post(f"{session}/clock", {"speed": 10})
    alone.post(f"{session}/clock", {"pause": False})
    wall.now_s += 2
    assert alone.get(session)["clock"]["now_s"] == 32.0
    alone.post(f"{session}/clock", {"pause": True})
    wall.now_s += 100
    assert alone.get(session)["clock"]["now_s"] == 32.0
    assert alone.post(f"{session}/clock", {"jump": "tick"})["clock"]["now_s"] == 35.0
    at_alert = alone.post(f"{session}/clock", {"jump": "next-alert"})
    assert at_alert["alerts"]["count"] == 1
    assert at_alert["clock"]["now_s"] == at_alert["alerts"]["last"]["time_s"]
    assert alone.post(f"{session}/clock", {"jump": "end"})["clock"]["now_s"] == 240.0


def test_a_jump_to_an_alert_that_never_comes_does_not_tell_so(alone: Client, session: str):
    """It goes so far, and then so far again, as if one might come."""
    at_s = [alone.post(f"{session}/clock", {"jump": "next-alert"})["clock"]["now_s"] for _ in range(2)]
    assert at_s == [at_s[0], 240.0]
    long_one = Clock(end_s=2000.0, tick_s=5.0, now_s=100.0)
    assert long_one.next_of([], 0.0, at_most_s=300.0).now_s == 400.0
    assert long_one.next_of([1900.0], 0.0, at_most_s=300.0).now_s == 400.0, "neither does one that comes late"


@pytest.mark.parametrize("change", [{}, {"pause": True, "speed": 10}, {"jump": "back"}, {"speed": 7}, {"speed": -1}])
def test_other_changes_of_the_clock_are_refused(alone: Client, session: str, change: Any):
    assert alone.refused("POST", f"{session}/clock", change)[0] == 422


QUERIES = (
    "/alerts", "/changes", "/system", "/signals", "/series?of=client_error_ratio:desk-%3Edb", "/metrics",
    "/metric-series?of=server.request.count|db", "/traces?order=slowest", "/logs", "/tables", "/jobs", "/versions",
    "/reference",
)  # fmt: skip


def later_times(content: Any, as_of_s: float) -> list[float]:
    """Every `time_s` in an answer that is later than what can be seen."""
    if isinstance(content, dict):
        own = [content["time_s"]] if isinstance(content.get("time_s"), float) and content["time_s"] > as_of_s else []
        listed = [t for t in content.get("times_s", ()) if t > as_of_s]
        return [*own, *listed, *(time for value in content.values() for time in later_times(value, as_of_s))]
    if isinstance(content, list):
        return [time for value in content for time in later_times(value, as_of_s)]
    return []


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_shows_what_comes_after_the_clock(alone: Client, session: str, query: str):
    for _ in range(12):
        found = alone.get(f"{session}{query}")
        as_of_s = alone.get(session)["clock"]["as_of_s"]
        assert later_times(found, as_of_s) == []
        alone.post(f"{session}/clock", {"jump": "tick"})
    alone.post(f"{session}/clock", {"jump": "end"})
    assert alone.get(f"{session}{query}") is not None


def test_nothing_that_is_told_before_the_answer_names_the_fault(alone: Client, session: str, tmp_path: Path):
    alone.post(f"{session}/clock", {"jump": "end"})
    for path in ("/exercises", "/sessions", session, *(session + query for query in QUERIES), f"{session}/remedies"):
        text = alone.ask("GET", f"/api/v1{path}").text
        for secret in (NAME, KIND, HINTS[0], str(tmp_path), "7654321"):
            assert secret not in text, path


def test_hints_come_in_order_at_their_cost_until_none_is_left(alone: Client, session: str):
    assert alone.get(session)["hints"]["next_cost"] == 10
    assert [alone.post(f"{session}/hints")["text"] for _ in HINTS] == list(HINTS)
    assert alone.refused("POST", f"{session}/hints")[0] == 409
    found = alone.get(session)
    assert (found["hints"]["left"], found["score_cost"]) == (0, 20)


def test_a_hint_that_is_asked_for_twice_by_its_number_costs_once(alone: Client, session: str):
    for _ in range(2):
        assert alone.post(f"{session}/hints", {"number": 1})["text"] == HINTS[0]
    assert alone.get(session)["score_cost"] == 10
    assert alone.post(f"{session}/hints", {"number": 2})["text"] == HINTS[1]
    assert alone.refused("POST", f"{session}/hints", {"number": 3})[0] == 409


def test_a_hint_is_not_given_before_those_before_it(alone: Client, session: str):
    assert alone.refused("POST", f"{session}/hints", {"number": 2})[0] == 409
    assert alone.get(session)["score_cost"] == 0


def test_an_answer_is_judged_and_the_debrief_shown(alone: Client, session: str):
    assert alone.refused("GET", f"{session}/debrief")[0] == alone.refused("GET", f"{session}/postmortem")[0] == 403
    assert answered(alone, session, RIGHT)["status"] == "released"
    mine = next(one for one in alone.get(f"{session}/debrief")["answers"] if one["who"] == "you")
    assert mine["outcome"] == "pass"
    cited = mine["findings"][0]["evidence"][0]
    assert cited["baseline"] < 0.05 < cited["observed"], "levels that were left out were looked up"
    assert mine["findings"][0]["boundary"] == "network"
    written = alone.ask("GET", f"/api/v1{session}/postmortem")
    assert written.headers["content-type"] == "text/markdown; charset=utf-8"
    assert written.text.startswith("# ")


def test_a_debrief_that_was_tidied_up_is_written_again(alone: Client, session: str, tmp_path: Path):
    answered(alone, session, RIGHT)
    shutil.rmtree(tmp_path / "debriefs")
    assert alone.refused("GET", f"{session}/debrief")[0] == 403
    assert alone.get(f"{session}/debrief")["answers"][0]["outcome"] == "pass"


def test_a_recording_that_was_tidied_up_is_made_again(alone: Client, session: str, tmp_path: Path):
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.post(f"{session}/actions", {"remedy": "restart", "place": "db"})
    shutil.rmtree(tmp_path / "acted")
    assert alone.get(session)["status"] == "ready"
    assert alone.get(f"{session}/system")


BAD_REFERENCES = [{"a": "\ud800"}, {"\udfff": 1}, {"a": 10**1500}, {"a": [-(10**20)]}, {"a": "x" * 2001}, {"a": 1e400}]


@pytest.mark.parametrize("reference", BAD_REFERENCES, ids=range(len(BAD_REFERENCES)))
def test_a_pin_that_could_not_be_sent_again_is_refused(alone: Client, session: str, reference: Any):
    assert alone.refused("POST", f"{session}/board/pins", {"kind": "log", "ref": reference})[0] in (400, 422)
    alone.post(f"{session}/board/pins", {"kind": "log", "ref": {"at_s": 0.12345678901234567, "ids": [2**53]}})
    assert len(alone.get(f"{session}/board")["pins"]) == 1


FINDING = RIGHT["findings"][0]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/submit", {**RIGHT, "findings": [{**FINDING, "confidence": True}]}, "body.findings.0.confidence"),
        ("/submit", {**RIGHT, "findings": [{**FINDING, "onset_s": "50"}]}, "body.findings.0.onset_s"),
        ("/actions", {"remedy": "restart", "place": "db", "value": True}, "body.value"),
        ("/clock", {"speed": True}, "body.speed"),
        ("/clock", {"pause": "yes"}, "body.pause"),
        ("/board/notes", {"text": "late", "at_s": True}, "body.at_s"),
    ],
)
def test_what_is_of_another_type_is_refused_and_not_read_as_if_it_were_right(
    alone: Client, session: str, path: str, body: Any, where: str
):
    alone.post(f"{session}/clock", {"jump": "end"})
    status, problem = alone.refused("POST", session + path, body)
    assert (status, problem["what"]) == (422, f"{where} is not as it should be")
    assert alone.get(session)["status"] == "ready"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/board/whys", {"whys": ["\0\1"]}), ("/board/notes", {"text": "a\x1b[31m"}),
        ("/board/hypotheses", {"text": "a\x85"}), ("/board/pins", {"kind": "log", "ref": {}, "text": "\x07"}),
        ("/submit", {**RIGHT, "findings": [{**FINDING, "why": ["\0"]}]}),
    ],
)  # fmt: skip
def test_control_characters_are_no_text(alone: Client, session: str, path: str, body: Any):
    status, problem = alone.refused("POST", session + path, body)
    assert (status, "without control characters" in problem["expected"]) == (422, True), problem
    alone.post(f"{session}/board/notes", {"text": "lines\r\nand\ttabs"})


@pytest.mark.parametrize("raw", [b'{"text": "a"} more', b"[[[[", b"{'text': 1}"])
def test_a_body_that_is_no_json_is_told_so(alone: Client, session: str, raw: bytes):
    reply = alone.ask("POST", f"/api/v1{session}/board/notes", raw=raw)
    assert (reply.status, reply.json["problem"]["what"]) == (400, "the body is not JSON")


def test_a_body_that_is_not_said_to_be_json_is_told_how_to_send_it(alone: Client, session: str):
    reply = alone.ask("POST", f"/api/v1{session}/board/notes", raw=b'{"text": "a"}', content_type="text/plain")
    assert reply.status == 422
    assert "Content-Type: application/json" in reply.json["problem"]["hint"]


def test_evidence_is_of_the_time_before_something_was_done(alone: Client, session: str):
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.post(f"{session}/actions", {"remedy": "restart", "place": "db"})
    answered(alone, session, RIGHT)
    (cited,) = alone.get(f"{session}/debrief")["answers"][0]["findings"][0]["evidence"]
    values = alone.get(f"{session}/series", of="client_error_ratio:desk->db")["series"][0]
    worst = [v for t, v in zip(values["times_s"], values["values"], strict=True) if v is not None and 55 < t <= 80]
    assert cited["observed"] == pytest.approx(sum(worst) / len(worst), rel=0.5)
    assert "until_s" not in cited


def test_what_the_picture_of_the_system_tells_counts_as_looked_at(alone: Client, session: str):
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.get(f"{session}/system")
    answered(alone, session, RIGHT)
    looked = {
        f"{one['signal']}:{one['subject']}": one["looked_s"] for one in alone.get(f"{session}/debrief")["evidence"]
    }
    assert looked["client_error_ratio:desk->db"] is not None


def test_an_answer_is_given_once(alone: Client, session: str):
    answered(alone, session, {"verdict": "healthy"})
    for path, body in (("/submit", RIGHT), ("/hints", None), ("/actions", {"remedy": "restart", "place": "db"})):
        assert alone.refused("POST", f"{session}{path}", body)[0] == 409
    assert alone.get(f"{session}/alerts"), "one can still look"


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ({"verdict": "maybe"}, "body.verdict"),
        ({"verdict": "fault"}, "not a diagnosis"),
        ({"verdict": "healthy", "findings": RIGHT["findings"]}, "not a diagnosis"),
        ({"verdict": "fault", "findings": [{"culprit": "nobody", "kind": KIND}]}, "no element of this system"),
        ({"verdict": "fault", "findings": [{"culprit": "db", "kind": "bad-luck"}]}, "unknown kind of fault"),
        ({"verdict": "fault", "findings": [{"culprit": "db", "kind": KIND, "confidence": 2}]}, "confidence"),
        (
            {"verdict": "fault", "findings": [{**RIGHT["findings"][0], "onset_s": None}]},
            "evidence without levels",
        ),
        ({"verdict": "fault", "findings": [{**RIGHT["findings"][0], "onset_s": 241}]}, "no time of the incident"),
        ({"verdict": "fault", "findings": [{**RIGHT["findings"][0], "onset_s": -1}]}, "no time of the incident"),
    ],
)
def test_what_is_no_diagnosis_is_refused_and_can_be_corrected(alone: Client, session: str, answer: Any, what: str):
    alone.post(f"{session}/clock", {"jump": "end"})
    status, problem = alone.refused("POST", f"{session}/submit", answer)
    assert (status, what in problem["what"]) == (422, True), problem
    alone.post(f"{session}/submit", RIGHT)


def test_a_session_of_somebody_else_is_not_there(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    people = [Client(joining.app, joining.post("/participants", {"name": name})["token"]) for name in ("Ann", "Bo")]
    session = people[0].post("/sessions", {"exercise": "own-1"})["id"]
    assert people[0].get(f"/sessions/{session}")["id"] == session
    for path in ("", "/alerts", "/board", "/debrief"):
        status, problem = people[1].refused("GET", f"/sessions/{session}{path}")
        assert (status, problem["what"]) == (404, "unknown session")
    assert people[1].refused("GET", "/sessions/nonsense")[1] == problem, "as any other"


def test_in_a_group_the_instructor_releases_the_debrief(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    ann = Client(joining.app, joining.post("/participants", {"name": "Ann"})["token"])
    teacher = Client(joining.app, INSTRUCTOR)
    session = ann.begin()
    assert answered(ann, session, RIGHT)["status"] == "answered"
    assert ann.refused("GET", f"{session}/debrief")[0] == 403
    (row,) = teacher.get("/group")["sessions"]
    assert (row["name"], row["status"], row["outcome"]) == ("Ann", "answered", "pass")
    (ranked,) = teacher.get("/group")["scoreboard"]
    assert (ranked["name"], ranked["answered"], ranked["right"], ranked["points"]) == ("Ann", 1, 1, 100)
    (bins,) = (one["bins"] for one in teacher.get("/group")["calibration"])
    assert bins == [{"confidence": 0.9, "right": 1.0, "count": 1}]
    assert teacher.post("/group/release", {}) == {"sessions": 1}
    assert ann.get(session)["status"] == "released"
    assert ann.get(f"{session}/debrief")
    exported = teacher.ask("GET", "/api/v1/group/export?format=csv").text.splitlines()
    assert exported[0].startswith("participant,exercise")
    assert exported[1].startswith(f"Ann,own-1,1,True,{session.rpartition('/')[2]},20")


def test_what_is_exported_says_which_attempt_counts(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    ann = Client(joining.app, joining.post("/participants", {"name": "＝Ann"})["token"])
    for given in (None, RIGHT, RIGHT):
        session = ann.begin()
        if given:
            answered(ann, session, given)
    teacher = Client(joining.app, INSTRUCTOR)
    rows = json.loads(teacher.ask("GET", "/api/v1/group/export?format=json").text)["sessions"]
    assert [(row["attempt"], row["counts"]) for row in rows] == [(1, False), (2, True), (3, False)]
    lines = teacher.ask("GET", "/api/v1/group/export?format=csv").text.splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["'＝Ann"] * 3, "no spreadsheet takes it for a formula"


def test_only_the_instructor_sees_the_group(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    ann = Client(joining.app, joining.post("/participants", {"name": "Ann"})["token"])
    for one in (joining, ann):
        assert one.refused("GET", "/group")[0] == 404
        assert one.refused("POST", "/group/release", {})[0] == 404
        assert one.refused("GET", "/group/export")[0] == 404


def test_a_name_is_taken_once_and_before_anything_else(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    assert joining.get("/me")["role"] == "joining"
    assert joining.refused("GET", "/exercises")[0] == 409
    joining.post("/participants", {"name": "Ann"})
    assert joining.refused("POST", "/participants", {"name": " ann "})[0] == 409
    for name in ("<b>", "A\u200bnn", "\u202ennA", "A\x85nn", "A\u2028nn"):
        assert joining.refused("POST", "/participants", {"name": name})[0] == 422


def test_a_blind_session_tells_nothing_of_its_exercise_before_the_debrief(alone: Client):
    session = f"/sessions/{alone.post('/sessions', {'blind': 3})['id']}"
    told = alone.get(session)["exercise"]
    assert (told["id"], told["title"], told["level"], told["topics"]) == (None, None, None, [])
    assert alone.get("/exercises")["exercises"][0]["session"] is None
    assert "complain" not in told["brief"]
    assert "bookings" in told["brief"]
    found = answered(alone, session, RIGHT)["exercise"]
    assert (found["id"], found["brief"]) == ("own-1", "People complain.")


def test_briefs_of_blind_exercises_are_alike(prepared: Any):
    (one,) = prepared.exercises
    briefs = [neutral_brief(replace(one, brief=brief, called_at_s=100.0)) for brief in ("Slow.", "Wrong.")]
    assert briefs[0] == briefs[1]
    assert briefs[0].startswith("You are called to bookings at 01:40.")
    for slo in one.scenario.system.slos:
        assert slo.sli in briefs[0]


WRONG_PARAMETERS = {
    "/traces?limit=0": ("query.limit", "'0'", "Input should be greater than or equal to 1"),
    "/traces?order=odd": ("query.order", "'odd'", "Input should be 'slowest', 'latest' or 'first'"),
    "/traces?min_duration_s=-1": ("query.min_duration_s", "'-1'", "Input should be greater than or equal to 0"),
    "/traces?service=": ("query.service", "''", "String should have at least 1 character"),
    "/logs?since_s=nan": ("query.since_s", "'nan'", "Input should be a finite number"),
    "/logs?before=x": ("query.before", "'x'", "Input should be a valid integer, unable to parse string as an integer"),
}


@pytest.mark.parametrize("query", WRONG_PARAMETERS)
def test_a_parameter_that_is_wrong_is_told_with_what_was_expected(alone: Client, session: str, query: str):
    status, problem = alone.refused("GET", session + query)
    where, seen, expected = WRONG_PARAMETERS[query]
    assert (status, problem["what"]) == (422, f"{where} is not as it should be")
    assert (problem["seen"], problem["expected"]) == (seen, expected)


def test_after_a_restart_all_is_as_it_was_and_the_clock_stands(prepared: Any, tmp_path: Path, wall: Wall):
    of = training(tmp_path, [prepared], wall=wall)
    before = client(of)
    session = before.begin()
    before.post(f"{session}/clock", {"jump": "next-alert"})
    before.post(f"{session}/clock", {"pause": False})
    before.post(f"{session}/hints")
    before.post(f"{session}/board/notes", {"text": "it hurts"})
    wall.now_s += 3
    as_it_was = before.get(session)
    of.close()
    wall.now_s += 1000
    after = client(training(tmp_path, [prepared], wall=wall))
    found = after.get(session)
    assert found["clock"]["is_paused"]
    assert found["clock"]["now_s"] == as_it_was["clock"]["now_s"]
    assert (found["hints"], found["status"]) == (as_it_was["hints"], "ready")
    assert after.get(f"{session}/board")["notes"][0]["text"] == "it hurts"


def test_after_a_restart_lists_tell_sessions_as_they_stood(prepared: Any, tmp_path: Path):
    """Before anybody opens one: its recording is looked for then."""
    of = training(tmp_path, [prepared], is_group=True)
    joining = client(of, JOINING)
    token = joining.post("/participants", {"name": "Ann"})["token"]
    ann = Client(joining.app, token)
    for given in (None, RIGHT):
        session = ann.begin()
        if given:
            answered(ann, session, given)
    of.close()
    again = training(tmp_path, [prepared], is_group=True, workers=AtOnce(held=True))
    teacher = client(again, INSTRUCTOR)
    assert [row["status"] for row in teacher.get("/group")["sessions"]] == ["ready", "answered"]
    assert teacher.post("/group/release", {}) == {"sessions": 1}
    later = training(tmp_path, [prepared], is_group=True, workers=AtOnce(held=True))
    listed = Client(client(later, INSTRUCTOR).app, token).get("/sessions")
    assert [(one["status"], one["score"]) for one in listed] == [("ready", None), ("released", 100)]


def test_a_running_clock_is_kept_every_few_seconds(prepared: Any, tmp_path: Path, wall: Wall):
    of = training(tmp_path, [prepared], wall=wall)
    alone = client(of)
    session = alone.begin()
    alone.post(f"{session}/clock", {"pause": False})
    wall.now_s += 20
    of.keep_running()
    assert client(training(tmp_path, [prepared], wall=wall)).get(session)["clock"]["now_s"] == 32.0


def test_a_session_of_a_scenario_that_has_changed_is_not_shown(prepared: Any, tmp_path: Path):
    of = training(tmp_path, [prepared])
    client(of).post("/sessions", {"exercise": "own-1"})
    other = course(tmp_path, duration_s=200)
    later = training(tmp_path, [other])
    assert client(later).get("/sessions") == []
    assert len(later.past) == 1


def test_while_an_incident_is_prepared_there_is_nothing_to_see(prepared: Any, tmp_path: Path):
    workers = AtOnce(held=True)
    alone = client(training(tmp_path, [prepared], workers=workers))
    session = alone.begin()
    assert alone.get(session)["status"] == "preparing"
    assert alone.get(session)["progress"]["share"] is None, "there is a part for each fault"
    assert alone.refused("GET", f"{session}/system")[0] == 409
    assert alone.refused("POST", f"{session}/clock", {"pause": False})[0] == 409
    workers.go_on()
    assert alone.get(session)["status"] == "ready"


def test_what_failed_is_told_and_can_be_tried_again(prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    good = work.prepared
    monkeypatch.setattr(work, "prepared", lambda *_: 1 / 0)
    alone = client(training(tmp_path, [prepared]))
    session = alone.begin()
    assert alone.get(session)["status"] == "failed"
    monkeypatch.setattr(work, "prepared", good)
    assert alone.post(f"{session}/retry")["status"] == "ready"


class TestActions:
    """What is done to the system changes what comes, and nothing that was."""

    @pytest.fixture
    def at_alert(self, alone: Client, session: str) -> str:
        alone.post(f"{session}/clock", {"jump": "next-alert"})
        return session

    def remedy_at(self, alone: Client, session: str, place: str) -> dict[str, Any]:
        return min(
            (
                one for one in alone.get(f"{session}/remedies")
                if any(p["place"] == place and p["value"] is None for p in one["places"])
            ),
            key=lambda one: one["cost_s"],
        )  # fmt: skip

    def test_the_past_stays_and_the_clock_moves_on_by_what_it_takes(self, alone: Client, at_alert: str):
        remedy = self.remedy_at(alone, at_alert, "db")
        name = "client_error_ratio:desk->db"
        before = alone.get(f"{at_alert}/series", of=name)["series"][0]["values"]
        now_s = alone.get(at_alert)["clock"]["now_s"]
        done = alone.post(f"{at_alert}/actions", {"remedy": remedy["name"], "place": "db"})
        found = alone.get(at_alert)
        assert done["done_s"] == now_s + remedy["cost_s"] == found["clock"]["now_s"]
        assert (found["status"], len(found["actions"])) == ("ready", 1)
        assert alone.get(f"{at_alert}/series", of=name)["series"][0]["values"][: len(before)] == before

    def test_what_takes_longer_than_the_incident_is_refused(self, alone: Client, session: str):
        alone.post(f"{session}/clock", {"jump": "end"})
        remedy = self.remedy_at(alone, session, "db")
        given = {"remedy": remedy["name"], "place": "db"}
        assert alone.refused("POST", f"{session}/actions", given)[0] == 409
        assert alone.get(session)["actions"] == []

    @pytest.mark.parametrize(
        "given",
        [
            {"remedy": "prayer", "place": "db"},
            {"remedy": "restart", "place": "nowhere"},
            {"remedy": "restart", "place": "db", "value": 5},
            {"remedy": "restart", "place": "db", "more": 5},
        ],
    )
    def test_what_there_is_not_is_refused(self, alone: Client, session: str, given: Any):
        assert alone.refused("POST", f"{session}/actions", given)[0] == 422

    def test_what_cannot_be_played_is_undone_and_told(
        self, alone: Client, at_alert: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(work, "played_again", lambda *_: 1 / 0)
        remedy = self.remedy_at(alone, at_alert, "db")
        alone.post(f"{at_alert}/actions", {"remedy": remedy["name"], "place": "db"})
        found = alone.get(at_alert)
        assert (found["status"], found["actions"], bool(found["problem"])) == ("ready", [], True)


def test_the_api_is_described_for_those_who_ask(alone: Client):
    described = alone.ask("GET", "/api/openapi.json").json
    operations = {o["operationId"] for path in described["paths"].values() for o in path.values()}
    assert {"get_session", "set_clock", "get_series", "find_traces", "act", "submit", "get_debrief"} <= operations
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path}"


class TestFullDisk:
    """What cannot be kept has not happened; reading goes on."""

    @pytest.fixture
    def of(self, prepared: Any, tmp_path: Path) -> Training:
        return training(tmp_path, [prepared])

    @pytest.fixture
    def begun(self, of: Training) -> tuple[Client, str]:
        alone = client(of)
        session = alone.begin()
        alone.post(f"{session}/clock", {"jump": "next-alert"})
        return alone, session

    def is_full(self, of: Training, is_full: bool = True) -> None:
        of.store._db.execute(f"PRAGMA query_only = {'on' if is_full else 'off'}")

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/hints", None), ("/submit", RIGHT), ("/actions", {"remedy": "restart", "place": "db"}),
            ("/clock", {"jump": "tick"}), ("/board/notes", {"text": "it hurts"}), ("/board/whys", {"whys": ["why"]}),
        ],
    )  # fmt: skip
    def test_a_change_is_told_not_to_have_happened_and_can_be_made_later(
        self, of: Training, begun: tuple[Client, str], path: str, body: Any
    ):
        alone, session = begun
        before = alone.get(session), alone.get(f"{session}/board")
        self.is_full(of)
        status, problem = alone.refused("POST", session + path, body)
        assert (status, problem["what"]) == (503, "this could not be kept")
        assert (alone.get(session), alone.get(f"{session}/board")) == before
        self.is_full(of, False)
        alone.post(session + path, body)
        assert (alone.get(session), alone.get(f"{session}/board")) != before

    @pytest.mark.parametrize("query", ["/alerts", "/logs", "/series?of=client_error_ratio:desk-%3Edb"])
    def test_one_can_look_all_the_same(self, of: Training, begun: tuple[Client, str], query: str):
        alone, session = begun
        self.is_full(of)
        assert alone.get(session + query)


def test_actions_are_played_again_after_a_restart(prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def ready(of: Training) -> dict[str, Any]:
        found: dict[str, Any] = client(of).get(session)
        return found

    first = training(tmp_path, [prepared])
    alone = client(first)
    session = alone.begin()
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.post(f"{session}/actions", {"remedy": "restart", "place": "db"})
    seen = alone.get(f"{session}/series", of="client_error_ratio:desk->db")["series"]
    first.close()
    good = work.played_again
    monkeypatch.setattr(work, "played_again", lambda *_: 1 / 0)
    broken = training(tmp_path, [prepared])
    assert (ready(broken)["status"], len(ready(broken)["actions"])) == ("failed", 1), "what was done stays done"
    monkeypatch.setattr(work, "played_again", good)
    assert client(broken).post(f"{session}/retry")["status"] == "ready"
    assert client(broken).get(f"{session}/series", of="client_error_ratio:desk->db")["series"] == seen


def test_after_a_restart_nothing_is_seen_of_an_incident_without_ones_actions(prepared: Any, tmp_path: Path):
    """It would be the other history, up to a time that is long past them."""
    first = training(tmp_path, [prepared])
    alone = client(first)
    session = alone.begin()
    alone.post(f"{session}/clock", {"jump": "next-alert"})
    alone.post(f"{session}/actions", {"remedy": "restart", "place": "db"})
    name = "client_error_ratio:desk->db"
    seen = alone.get(f"{session}/series", of=name)["series"]
    first.close()
    workers = AtOnce(held=True)
    again = client(training(tmp_path, [prepared], workers=workers))
    assert again.get(session)["status"] == "preparing"
    workers.waiting.pop(0)()  # the incident without them is there
    found = again.get(session)
    assert (found["status"], found["alerts"]["count"]) == ("preparing", 0)
    assert again.refused("GET", f"{session}/series?of={name.replace('>', '%3E')}")[0] == 409
    assert again.refused("POST", f"{session}/clock", {"pause": False})[0] == 409
    workers.go_on()
    assert again.get(session)["status"] == "ready"
    assert again.get(f"{session}/series", of=name)["series"] == seen


def test_a_parameter_that_an_endpoint_does_not_know_is_refused_with_those_that_it_knows(alone: Client, session: str):
    status, problem = alone.refused("GET", f"{session}/traces?of=desk")
    assert (status, problem["what"], problem["seen"]) == (422, "unknown query parameter", "of")
    assert {"service", "since_s", "until_s", "order"} <= set(problem["expected"].removeprefix("one of ").split(", "))
    status, problem = alone.refused("GET", f"{session}/logs?sinces=100")
    assert (status, problem["hint"]) == (422, "did you mean 'since_s'?; see /api/openapi.json")
    assert alone.refused("GET", "/exercises?limit=5")[1]["expected"] == "no parameter"


def test_no_endpoint_leaves_an_unknown_parameter_out(alone: Client, session: str):
    paths = alone.ask("GET", "/api/openapi.json").json["paths"]
    asked = [(path, method) for path, methods in paths.items() for method in methods]
    assert len(asked) > 30
    for path, method in asked:
        filled = path.replace("{session}", session.rpartition("/")[2]).replace("{", "").replace("}", "")
        reply = alone.ask(method.upper(), f"{filled}?nobody_knows=1", {} if method != "get" else None)
        assert reply.status in {403, 404, 409, 422}, (path, method)
        assert reply.status != 422 or reply.json["problem"]["seen"] == "nobody_knows", (path, method, reply.text)
