"""What is seen of a recording at a time is its cut, part by part, made once for all who look."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lab.errors import UserError
from lab.investigation.queries import logs, metrics, signals, system, traces
from lab.investigation.queries.asking import QueryError, UnknownError
from lab.investigation.view import Cache, View
from lab.recording.cut import cut
from lab.recording.observed import load_observed
from lab.signals import compute_signals
from tests.simulated import observe, scenario

FAULT = {"type": "network-partition", "target": "desk->db", "at": "50s", "for": "30s"}
AT_S = (0.0, 5.0, 50.0, 65.0, 117.5, 120.0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("view")
    observe(scenario(top, duration_s=120, faults=[FAULT])).write(top / "observed")
    return top / "observed"


@pytest.fixture(scope="module")
def view(directory: Path) -> View:
    return View(directory, Cache())


@pytest.mark.parametrize("at_s", AT_S)
def test_every_part_is_that_part_of_the_cut(directory: Path, at_s: float):
    whole, view = cut(load_observed(directory), at_s), View(directory, Cache())
    assert view.system(at_s) == whole.system
    assert (view.alerts(at_s), view.changes(at_s)) == (whole.alerts, whole.changes)
    assert set(view.tables) == set(whole.tables)
    for name in view.tables:
        assert view.table(name, at_s).equals(whole.tables[name]), name
    expected, seen = compute_signals(whole), view.signals(at_s)
    assert {(one.signal, one.subject) for one in seen} == {(one.signal, one.subject) for one in expected}
    for one in seen:
        other = expected.get(one.signal, one.subject)
        np.testing.assert_array_equal(one.values, other.values)


def test_a_table_of_a_cut_of_everything_is_not_cut_again(directory: Path):
    view = View(directory, Cache())
    view.signals(60.0)
    assert view.table("spans", 60.0) is view.observed(60.0).tables["spans"]


def test_a_time_outside_of_the_recording_is_refused(view: View):
    with pytest.raises(UserError, match="after the recording ends"):
        view.alerts(121.0)


def test_what_several_want_at_once_is_made_once():
    cache, made, found = Cache(), [], []

    def make() -> str:
        time.sleep(0.05)
        made.append(1)
        return "made"

    threads = [threading.Thread(target=lambda: found.append(cache.get(("k",), make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), found) == (1, ["made"] * 8)


def test_an_error_is_told_to_all_and_not_kept():
    cache = Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get(("k",), lambda: 1 / 0)
    assert cache.get(("k",), lambda: 5) == 5


def test_the_longest_unused_goes_first():
    cache = Cache(most_bytes=1000)
    for n in range(3):
        cache.get((n,), lambda: np.zeros(50))
        cache.get((0,), lambda: pytest.fail("it was used all the time"))
    assert cache.peek((1,)) is None
    assert cache.peek((2,)) is not None


def test_series_end_with_what_can_be_seen(view: View):
    (one,) = signals.series(view, 60.0, ["client_error_ratio:desk->db"])
    assert one["times_s"][-1] == 60.0
    (rest,) = signals.series(view, 60.0, ["client_error_ratio:desk->db"], since_s=30.0, until_s=40.0)
    assert rest["times_s"] == [30.0, 35.0, 40.0]


def test_a_question_without_an_answer_says_what_was_expected(view: View):
    with pytest.raises(UnknownError, match="unknown signal"):
        signals.series(view, 60.0, ["nonsense:desk"])
    with pytest.raises(QueryError, match="not the name of a series"):
        signals.series(view, 60.0, ["client_error_ratio"])
    with pytest.raises(QueryError, match="too many series"):
        signals.series(view, 60.0, ["client_error_ratio:desk->db"] * 13)
    with pytest.raises(UnknownError, match="unknown trace"):
        traces.trace(view, 60.0, "0" * 32)


def test_the_parts_that_a_fault_cut_off_are_not_well_and_were_before(view: View):
    def of(at_s: float) -> dict[str, str]:
        return {link["name"]: link["health"]["state"] for link in system.system(view, at_s)["links"]}

    assert of(50.0)["desk->db"] == "ok"
    assert of(70.0)["desk->db"] == "bad"
    assert of(120.0)["desk->db"] == "ok"


def test_where_nothing_is_wrong_every_part_is_well(tmp_path: Path):
    observe(scenario(tmp_path, duration_s=200)).write(tmp_path / "observed")
    quiet = View(tmp_path / "observed", Cache())
    for at_s in (70.0, 120.0, 200.0):
        found = system.system(quiet, at_s)
        states = {one["health"]["state"] for one in [*found["components"], *found["links"]]}
        assert states <= {"ok", "unknown"}, at_s


def test_traces_are_found_by_what_happened_in_them(view: View):
    failed = traces.traces(view, 80.0, traces.Wanted(service="desk", status="timeout", order="first"))
    assert failed
    assert all(one["failed_spans"] and one["time_s"] > 45 for one in failed)
    one = traces.trace(view, 80.0, failed[0]["trace_id"])
    assert one["spans"][0]["depth"] == 0
    assert {span["status"] for span in one["spans"]} >= {"timeout"}
    slowest = traces.traces(view, 80.0, traces.Wanted(order="slowest", limit=5))
    assert [t["duration_s"] for t in slowest] == sorted((t["duration_s"] for t in slowest), reverse=True)
    assert not traces.traces(view, 80.0, traces.Wanted(min_duration_s=1e6))


def test_traces_through_a_component_without_spans_of_its_own_are_found_by_the_calls_to_it(view: View):
    spans = view.table("spans", 120.0)
    assert "db" not in spans["service.name"].to_pylist()
    through = {row["trace_id"] for row in spans.to_pylist() if row["peer.service"] == "db"}
    found = traces.traces(view, 120.0, traces.Wanted(service="db", limit=traces.MOST_TRACES))
    assert found
    assert {one["trace_id"] for one in found} <= through
    cut_off = traces.traces(view, 120.0, traces.Wanted(service="db", status="timeout"))
    assert cut_off
    assert all(one["time_s"] > 45 for one in cut_off)


def test_a_span_comes_after_its_parent(view: View):
    first = traces.traces(view, 120.0, traces.Wanted(limit=1))[0]
    spans = traces.trace(view, 120.0, first["trace_id"])["spans"]
    depth: dict[str | None, int] = {None: -1}
    for span in spans:
        assert span["depth"] == depth[span["parent_span_id"]] + 1
        depth[span["span_id"]] = span["depth"]


def test_log_lines_come_newest_first_and_page_by_page(view: View):
    every, _ = logs.logs(view, 120.0, logs.Wanted(severity="WARN", limit=500))
    first, more = logs.logs(view, 120.0, logs.Wanted(severity="WARN", limit=3))
    second, _ = logs.logs(view, 120.0, logs.Wanted(severity="WARN", limit=3, before=first[-1]["id"]))
    assert more
    assert first + second == every[:6]


def test_log_lines_come_oldest_first_where_that_is_asked_for(view: View):
    first, more = logs.logs(view, 120.0, logs.Wanted(severity="WARN", order="first", limit=3))
    then, _ = logs.logs(view, 120.0, logs.Wanted(severity="WARN", order="first", after=first[-1]["id"], limit=3))
    assert more
    ids = [line["id"] for line in first + then]
    assert ids == sorted(set(ids))
    earliest, _ = logs.logs(view, first[0]["time_s"] + 5, logs.Wanted(severity="WARN", limit=500))
    assert earliest[-1] == first[0]


def test_the_number_of_a_log_line_stays_the_same_as_time_goes_on(view: View):
    early = {line["id"]: line["body"] for line in logs.logs(view, 70.0, logs.Wanted(event="call_failed"))[0]}
    late = {line["id"]: line["body"] for line in logs.logs(view, 120.0, logs.Wanted(event="call_failed", limit=500))[0]}
    assert early
    assert early.items() <= late.items()


def test_log_lines_are_found_by_their_text_in_any_case(view: View):
    found, _ = logs.logs(view, 120.0, logs.Wanted(contains="CALL TO DB"))
    assert found
    assert all("call to db" in line["body"].lower() for line in found)


def test_a_metric_is_found_by_the_name_that_the_list_gives(view: View):
    listed = metrics.catalogue(view, 60.0)
    names = [one["of"] for entry in listed for one in entry["series"]]
    assert len(names) == len(set(names)) > 20
    for name in names[:12]:
        (one,) = metrics.series(view, 60.0, [name])
        assert len(one["values"]) > 5, name
        assert max(one["times_s"]) <= 60.0
