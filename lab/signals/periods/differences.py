"""What was not as before, since when: the facts of a calendar in the order in which they began, without a cause.

Each subject is compared with what itself was in its first periods, never with what somebody knows of the incident.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from lab.signals.periods.folding import folded
from lab.signals.periods.layout import FIRST, Periods
from lab.signals.periods.levels import (
    CALM_PSI,
    KEYS_MORE,
    MOVED_PSI,
    ROWS_SHARE,
    SHARES_MORE,
    Level,
    Values,
    indicator_level,
    nulls_level,
    usual_level,
)
from lab.signals.periods.shapes import DatasetRow, Difference, DriftRow, IndicatorRow, JobRow, Stack, What

LASTING = 3
"""From so many periods on a difference is one that lasted; others passed."""
BRIDGED = 2
"""So many periods in a row without a difference do not end it: what is back after a weekend was not gone."""


def differences(
    periods: Periods,
    jobs: Sequence[JobRow],
    datasets: Sequence[DatasetRow],
    drift: Sequence[DriftRow],
    stacks: Sequence[Stack],
    indicators: Sequence[IndicatorRow],
    moved: Sequence[IndicatorRow],
) -> tuple[Difference, ...]:
    """All of them, in the order in which they began; of those that began together what comes first upstream.

    What a dataset has only because it is made from another one that has it is told with that one.
    """
    by_dataset: dict[str, list[DriftRow]] = {}
    for row in drift:
        by_dataset.setdefault(row.dataset, []).append(row)
    found = [
        *(one for job in jobs for one in _of_job(job)),
        *(
            one
            for dataset in datasets
            for one in (
                *_of_dataset(dataset, periods.length_s),
                *(moved for row in by_dataset.get(dataset.dataset, ()) for moved in _of_column(row)),
            )
        ),
        *(one for stack in stacks for one in _of_stack(stack)),
        *(one for row in indicators for one in of_indicator(row, row.signal)),
        *(one for row in moved for one in of_indicator(row, f"{row.signal} of {row.subject}")),
    ]
    return folded(found, datasets)


def _stretches(places: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First and last place of each stretch of places, and how many there are in it."""
    start = 0
    for i, place in enumerate(places):
        if i + 1 == len(places) or places[i + 1] - place > BRIDGED + 1:
            yield places[start], place, i + 1 - start
            start = i + 1


def _of_level(subject: str, what: What, values: Values, usual: Level | None, unit: str) -> Iterator[Difference]:
    """Where values left the level that they had at first."""
    if usual is None:
        return
    away = [
        place
        for place, value in enumerate(values)
        if place > usual.since and value is not None and not usual.is_usual(value)
    ]
    for first, last, often in _stretches(away):
        farthest = max((v for v in values[first : last + 1] if v is not None), key=usual.distance)
        detail = "more" if farthest > usual.usual else "fewer"
        began = _began(values, first, usual)
        yield Difference(
            subject, what, detail, began, last, often + first - began, usual.usual, values[began], farthest, unit
        )


def _began(values: Values, first: int, usual: Level) -> int:
    """When a level that was left at a place began to leave: since when it went that way, from half way on.

    A level that stays where it is meanwhile has not begun to leave, however long it has been half way; nor has one that
    is where it was in its first periods.
    """
    value = values[first]
    assert value is not None
    rises = value > usual.high
    half = ((usual.high if rises else usual.low) + usual.usual) / 2
    near = max(half, usual.most) if rises else min(half, usual.least)
    while first > usual.since + 1:
        earlier = values[first - 1]
        if earlier is None or not (near < earlier < value if rises else near > earlier > value):
            break
        value, first = earlier, first - 1
    return first


def of_indicator(row: IndicatorRow, subject: str) -> Iterator[Difference]:
    """Where an indicator, or another signal, left its level."""
    yield from _of_level(subject, "level", row.values, indicator_level(row.values, row.unit, row.window), row.unit)


def _of_job(row: JobRow) -> Iterator[Difference]:
    for outcome in ("failed", "skipped", "missing", "late", "retried"):
        places = [place for place, cell in enumerate(row.cells) if cell is not None and cell.outcome == outcome]
        for first, last, often in _stretches(places):
            delays = [cell.delay_s for cell in row.cells[first : last + 1] if cell and cell.outcome == outcome]
            delay_s = max((one for one in delays if one is not None), default=None) if outcome == "late" else None
            yield Difference(row.job, "runs", outcome, first, last, often, None, None, delay_s, "s")


def _of_dataset(row: DatasetRow, length_s: float) -> Iterator[Difference]:
    cells = row.cells
    known = [cell for cell in cells if cell is not None]
    states = [cell.state for cell in known]
    is_written_each_time = states.count("kept") < len(states) / 2
    odd = ["failed", *(["kept"] if is_written_each_time else []), *([] if row.is_steady else ["repeated"])]
    for state in odd:
        places = [place for place, cell in enumerate(cells) if cell is not None and cell.state == state]
        for first, last, often in _stretches(places):
            yield Difference(row.dataset, "content", state, first, last, often)
    if row.is_steady:
        places = [place for place, cell in enumerate(cells) if cell is not None and cell.content != known[0].content]
        for first, last, often in _stretches(places):
            yield Difference(row.dataset, "content", "another", first, last, often)
    again = [place for place, cell in enumerate(cells) if cell is not None and cell.writes > 1]
    if len(again) < len(cells) / 2:
        for first, last, often in _stretches(again):
            yield Difference(row.dataset, "content", "again", first, last, often)
    other = [place for place, cell in enumerate(cells) if cell is not None and cell.shape != known[0].shape]
    for first, last, _ in _stretches(other):
        begun: dict[int, int] = {}
        for place in other:
            cell = cells[place]
            if cell is not None and first <= place <= last:
                begun.setdefault(cell.shape, place)
        for shape, began in begun.items():
            how = row.schemas[shape] if shape < len(row.schemas) else ""
            if how or began == first:
                often = sum(began <= place <= last for place in other)
                yield Difference(row.dataset, "schema", how, began, last, often)
    written = [cell if cell is not None and cell.writes else None for cell in cells]
    rows = [None if cell is None or cell.version.rows is None else float(cell.version.rows) for cell in written]
    yield from _of_level(row.dataset, "rows", rows, usual_level(rows, share=ROWS_SHARE), "1")
    of_keys: tuple[tuple[What, Values], ...] = (("duplicates", row.duplicates), ("kept", row.kept))
    for what, shares in of_keys:
        yield from _of_level(row.dataset, what, shares, usual_level(shares, more=KEYS_MORE), "ratio")
    ages = [None if cell is None else cell.version.age_s for cell in written]
    yield from _of_level(row.dataset, "freshness", ages, usual_level(ages, more=0.5 * length_s), "s")


def _of_column(row: DriftRow) -> Iterator[Difference]:
    subject = f"{row.dataset}.{row.column}"
    before = [one for one in row.medians if one is not None][:FIRST]
    moved = [place for place, value in enumerate(row.psi) if value is not None and value >= MOVED_PSI]
    for first, last, often in _stretches(moved):
        farthest = max(range(first, last + 1), key=lambda place: row.psi[place] or 0.0)
        after = row.medians[farthest] if before else None
        usual = median(before) if after is not None else None
        detail = f"PSI {row.psi[farthest]:.2g}"
        began = first
        while began and (row.psi[began - 1] or 0.0) >= CALM_PSI:
            began -= 1
        at_first = row.medians[began] if usual is not None else None
        yield Difference(
            subject, "distribution", detail, began, last, often + first - began, usual, at_first, after, row.unit
        )
    yield from _of_level(subject, "nulls", row.nulls, nulls_level(row.nulls), "ratio")


def _of_stack(stack: Stack) -> Iterator[Difference]:
    for subject, values in zip(stack.subjects, stack.values, strict=True):
        level = usual_level(values, more=SHARES_MORE)
        yield from _of_level(f"{stack.signal} of {subject}", "shares", values, level, "ratio")
