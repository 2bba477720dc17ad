"""A backfill makes good what was extracted wrongly, once its cause is gone, and changes nothing where nothing was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lab.injection.levers import ConfigSet, JobBackfill, LeverValue, PartitionDelay, TableColumn
from tests.segments import Ended, Nights

DAYS, AT, MENDED = 12, 4, 9
CENTS = TableColumn(change="rescale", factor=100.0)
WRONG: dict[str, tuple[str, LeverValue]] = {
    "late": ("orders/orders", PartitionDelay(seconds=7200.0)),
    "in cents": ("orders/orders.amount", CENTS),
}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return Nights(tmp_path_factory.mktemp("quiet"), DAYS).ended()


def spend(run: Ended) -> npt.NDArray[np.float64]:
    return np.array(run.means("features", "spend_28d_eur"))


@pytest.mark.parametrize("name", WRONG)
def test_what_was_read_wrongly_is_right_from_the_next_night_on(name: str, quiet: Ended, tmp_path: Path) -> None:
    element, value = WRONG[name]
    nights = Nights(tmp_path, DAYS).until(AT).pull(element, value).until(MENDED)
    nights.pull(element, None, type(value)).act("extract", JobBackfill())
    run = nights.ended()
    off = np.abs(spend(run) / spend(quiet) - 1)
    assert off[:AT].max() == 0
    assert off[AT + 1 : MENDED].min() > 0.02
    assert off[MENDED:].max() < 1e-9
    assert run.times_of("backfill") == [MENDED]


def test_it_mends_no_cause(quiet: Ended, tmp_path: Path) -> None:
    element, value = WRONG["in cents"]
    run = Nights(tmp_path, DAYS).until(AT).pull(element, value).until(MENDED).act("extract", JobBackfill()).ended()
    assert (spend(run)[MENDED:] > 40 * spend(quiet)[MENDED:]).all()


@pytest.mark.parametrize("job", ["extract", "features"])
def test_where_nothing_was_wrong_it_changes_nothing(job: str, quiet: Ended, tmp_path: Path) -> None:
    run = Nights(tmp_path, DAYS).until(MENDED).act(job, JobBackfill()).ended()
    assert np.array_equal(spend(run), spend(quiet))


def test_rows_that_were_written_twice_are_there_once(quiet: Ended, tmp_path: Path) -> None:
    nights = Nights(tmp_path, DAYS).until(AT)
    for key, value in (("steps.write_extract.timeout_s", 200.0), ("steps.write_extract.retries", 5)):
        nights.pull(f"extract/{key}", ConfigSet(value=value))
    nights.pull("extract/settings.write_mode", ConfigSet(value=1)).until(MENDED)
    for key in ("steps.write_extract.timeout_s", "steps.write_extract.retries", "settings.write_mode"):
        nights.pull(f"extract/{key}", None, ConfigSet)
    run = nights.act("extract", JobBackfill()).ended()
    assert spend(run)[MENDED - 1] > 1.02 * spend(quiet)[MENDED - 1]
    assert np.allclose(spend(run)[MENDED:], spend(quiet)[MENDED:])
