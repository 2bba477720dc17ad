"""Recording by blocks: the bytes of a recording do not depend on how it came about, and memory not on its length."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clock import NS
from lab.errors import RunAbortedError
from lab.recording import blocks
from lab.recording.blocks import BlockRecorder
from lab.recording.cut import cut
from lab.recording.ids import Ids
from lab.recording.observed import Observed
from lab.recording.rundir import checksums
from lab.recording.sides import SERVER
from lab.recording.spool import Spool
from lab.streams import Streams
from tests.disks import disk
from tests.recorded_runs import VISIT, chain, key_of, made_up, system

pytestmark = pytest.mark.usefixtures("records_world")

ROOT = Path(__file__).parents[2]
END_NS = 600 * NS
SAMPLED = {"traces": 0.1, "slow_s": 0.05, "records": 0.5}
MODES = pytest.mark.parametrize("sampling", [{}, SAMPLED], ids=["whole", "sampled"])


def rows_between(begin_s: float, end_s: float) -> dict[str, np.ndarray]:
    """An answer for every request that arrived between two times."""
    n = np.arange(int(begin_s * 20), int(end_s * 20))
    columns = dict.fromkeys(("subject", "rank", "version"), n % 5)
    names = np.array(["front", "orders"])[n % 2]
    return {"time_s": n / 20, "request": n, "service.name": names, "score": n % 7 / 7, **columns}


def written(observed: Observed, place: Path) -> dict[str, str]:
    observed.write(place)
    return checksums(place)


def told(recorder: BlockRecorder, second: int) -> None:
    """A line of a component, and a gauge, at a second of the scenario."""
    recorder.log(second * NS + 1, "front", "INFO", "version_loaded", second * 20, 3)
    recorder.sample([(second * NS, "front", "process.cpu.utilization", "", second / 600)])


@pytest.fixture(
    scope="module", params=[({}, 1 << 18), ({}, 2_000), (SAMPLED, 2_000)], ids=["whole", "short blocks", "sampled"]
)
def at_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, int, dict]:
    """Settings of sampling, the sides that end a block, and the checksums of a recording whose sides came at once."""
    sampling, block_sides = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_SIDES", block_sides)
        recorder = chain(observability="rich", **sampling)
        recorder.take(made_up(1, 0, 12_000))
        for second in range(5, 600, 5):
            told(recorder, second)
        recorder.rows("answers", rows_between(0, 600))
        return sampling, block_sides, written(recorder.observed(END_NS), tmp_path_factory.mktemp("w") / "observed")


@given(data=st.data())
@settings(max_examples=12)
def test_bytes_do_not_depend_on_steps_looks_order_memory_or_branches(
    at_once: tuple[dict, int, dict], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sampling, block_sides, expected = at_once
    recorder = chain(observability="rich", **sampling)
    limit = data.draw(st.sampled_from([1_000, 500_000, 64_000_000]))
    recorder._sides, recorder._lines = Spool(limit), Spool(limit)
    stops_s = sorted({*data.draw(st.lists(st.integers(1, 599), max_size=12)), 600})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_SIDES", block_sides)
        for begin_s, end_s in zip([0, *stops_s], stops_s, strict=False):
            recorder = stepped(recorder, begin_s, end_s, data)
        observed = recorder.observed(END_NS)
    assert written(observed, tmp_path_factory.mktemp("steps") / "observed") == expected


def stepped(recorder: BlockRecorder, begin_s: int, end_s: int, data: st.DataObject) -> BlockRecorder:
    """A recorder that goes on from one time to another, and is then disturbed in a drawn way."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    # Everything is handed over when its request has arrived: ends lie ahead, and commits come late.
    recorder.take(rng.permutation(made_up(1, begin_s * 20, (end_s - begin_s) * 20)))
    for second in range(5, 600, 5):
        if begin_s <= second < end_s:
            told(recorder, second)
    recorder.rows("answers", rows_between(begin_s, end_s))
    what = data.draw(st.sampled_from(["commit", "look", "branch", "other branch", "nothing"]))
    if what == "commit":
        recorder.commit(end_s * NS)
    elif what == "look":
        assert recorder.observed(end_s * NS).tables["spans"].num_rows > 0
    elif what.endswith("branch"):
        branch = recorder.branch(Ids([key_of(1)], Streams(1)))
        going_on, other = (recorder, branch) if what == "branch" else (branch, recorder)
        other.take(made_up(2, end_s * 20, 50))  # what the other goes on with is its own
        other.commit(end_s * NS)
        return going_on
    return recorder


@pytest.mark.parametrize("scrape_interval_s", [90.0, 250.0, 600.0])
def test_blocks_end_between_scrapes_that_are_far_apart(
    scrape_interval_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So memory does not grow with the interval: nothing waits for the scrape but durations, for their percentiles."""
    monkeypatch.setattr(blocks, "BLOCK_SIDES", 3_000)
    rare = system(scrape_interval_s=scrape_interval_s)
    whole, parts = (BlockRecorder(rare, 0, END_NS, Ids([key_of(1)], Streams(1))) for _ in ("at once", "by minutes"))
    whole.take(made_up(1, 0, 12_000))
    for minute in range(10):
        parts.take(made_up(1, minute * 1_200, 1_200))
        parts.commit((minute + 1) * 60 * NS)
        assert sum(map(len, parts._pending)) < 3_000 + 600  # those that end later
    one, other = whole.observed(END_NS), parts.observed(END_NS)
    for name in ("spans", "metrics", "logs"):
        assert one.tables[name].to_pylist() == other.tables[name].to_pylist(), name


def test_a_look_shows_what_a_cut_at_that_time_shows() -> None:
    recorder, at_s = chain(observability="rich"), 301.5
    recorder.take(made_up(1, 0, 12_000))
    recorder.commit(round(at_s * NS))
    seen = recorder.observed(round(at_s * NS))
    later = cut(recorder.observed(END_NS), at_s)
    for name in ("spans", "metrics", "logs"):
        assert seen.tables[name].to_pylist() == later.tables[name].to_pylist(), name


def test_what_a_restart_cut_off_is_forgotten_and_what_had_ended_is_not() -> None:
    recorder, now_ns = chain(), 300 * NS
    sides = made_up(1, 0, 60_000, per_s=200)
    recorder.take(sides)
    recorder.commit(now_ns)
    recorder.forget_unfinished([VISIT], now_ns)
    spans = recorder.observed(END_NS).tables["spans"].num_rows
    lost = (sides["edge"] == VISIT) & (sides["side"] == SERVER) & (sides["end_ns"] > now_ns)
    assert lost.sum() > 5
    whole = chain()
    whole.take(sides)
    assert spans == whole.observed(END_NS).tables["spans"].num_rows - lost.sum()


@MODES
def test_metrics_alone_are_those_of_the_recording(sampling: dict) -> None:
    recorder = chain(observability="rich", **sampling)
    recorder.take(made_up(1, 0, 12_000))
    recorder.commit(330 * NS)
    assert recorder.metrics(END_NS).equals(recorder.observed(END_NS).tables["metrics"])


def test_a_block_ends_at_the_scrape_that_finds_many_sides() -> None:
    quiet, busy = chain(), chain()
    for recorder, per_s in ((quiet, 20), (busy, 2000)):
        recorder.take(made_up(1, 0, per_s * 40, per_s=per_s))
    assert not quiet.commit(40 * NS)
    assert busy.commit(40 * NS)
    assert len(list(busy._sides)) == 1, "after 25 s: six sides of each of 2,000 requests a second"


def test_row_groups_end_with_blocks(tmp_path: Path) -> None:
    recorder = chain()
    recorder.take(made_up(1, 0, 12_000 * 3, per_s=60))
    recorder.observed(END_NS).write(tmp_path / "observed")
    with pq.ParquetFile(tmp_path / "observed" / "spans.parquet") as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert len(groups) > 1
        first = file.read_row_group(0)
    assert 131_072 <= groups[0] < 131_072 + 60 * 60 * 8
    ends = np.array(first["time_s"]) + np.array(first["duration_s"])
    assert ends.max() % 60 > 59, "the first group ends at a whole minute"


def test_parts_in_files_are_the_parts() -> None:
    held, filed = Spool(10**9), Spool(100)
    for number in range(5):
        for spool in (held, filed):
            spool.append(np.arange(number * 7))
    assert [part.tolist() for part in held] == [part.tolist() for part in filed]
    assert isinstance([*filed][-1], np.memmap)


def test_what_comes_after_its_block_was_closed_is_an_error() -> None:
    recorder = chain()
    recorder.commit(120 * NS)
    recorder.take(made_up(1, 2_400, 10))
    recorder.log(120 * NS, "front", "INFO", "version_loaded", -1, 3)
    with pytest.raises(ValueError, match="span side that ends"):
        recorder.take(made_up(1, 2_380, 1))
    with pytest.raises(ValueError, match="log line"):
        recorder.log(120 * NS - 1, "front", "INFO", "version_loaded", -1, 3)


def test_a_full_disk_ends_the_run_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with disk(tmp_path / "small") as small:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        with pytest.raises(RunAbortedError, match=r"could not be put aside.*space.*TMPDIR"):
            Spool(1_000).append(np.zeros(10**7, np.uint8))


MEMORY = """
import sys
import numpy as np
from lab.clock import NS
from lab.recording.blocks import BlockRecorder
from lab.recording.ids import Ids
from lab.streams import Streams
from tests.recorded_runs import key_of, made_up, system

def held_mb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon"))

COUNT, PER_S, AT_ONCE = int(sys.argv[1]), 100, 6_000
recorder = BlockRecorder(system(traces=0.01), 0, COUNT // PER_S * NS, Ids([key_of(1)], Streams(1)))
held = []
for first in range(0, COUNT, AT_ONCE):
    recorder.take(made_up(1, first, AT_ONCE, per_s=PER_S, failing=0.0))
    recorder.commit((first + AT_ONCE) // PER_S * NS)
    n = np.arange(first, first + AT_ONCE)
    whole = dict.fromkeys(("subject", "rank", "version"), n % 5)
    parts = {f"input.{name}": n / 7 for name in "abcdefghij"}
    recorder.rows("answers", {"time_s": n / PER_S, "request": n, "service.name": np.full(AT_ONCE, "front"),
                                  "score": n % 7 / 7, **whole, **parts})
    held.append(held_mb())
rows = 0
for group in recorder.observed(COUNT // PER_S * NS).tables.groups("answers"):
    rows += group.num_rows
    held.append(held_mb())
print(rows, held[100_000 // AT_ONCE], max(held))
"""


@pytest.mark.parametrize(
    ("count", "more_mb"),
    [pytest.param(10**6, 110, marks=pytest.mark.slow), pytest.param(10**7, 250, marks=pytest.mark.long)],
)
def test_memory_stays_while_many_requests_are_recorded(count: int, more_mb: float, records_world: Path) -> None:
    """Of the traces 1 % is kept, of the answers every one, 128 bytes each: these go to a file above 64 MB.

    So there is hardly more memory than after 10^5 requests, until all row groups were made. Of 10^7 requests there are
    also 38 MB of sides, which stay in memory, and metrics of 20,000 scrape intervals.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(count)], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(records_world)},
    )  # fmt: skip
    rows, first_mb, most_mb = map(float, done.stdout.split())
    assert rows >= count
    assert most_mb < first_mb + more_mb


def test_a_table_of_which_there_was_nothing_to_tell_is_there_and_empty() -> None:
    recorder = chain()
    recorder.take(made_up(1, 0, 100))
    answers = recorder.observed(END_NS).tables["answers"]
    assert answers.num_rows == 0
    assert answers.column_names == ["time_s", "trace_id", "service.name", "subject", "rank", "version", "score"]
