"""Cells of a calendar: colour, sign and words for one job, dataset or column in one period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.report.format import quantity, significant
from lab.signals.periods.levels import CALM_PSI, MOVED_PSI
from lab.signals.periods.shapes import (
    DatasetCell,
    DatasetRow,
    DriftRow,
    InUseRow,
    JobCell,
    JobRow,
    Outcome,
    Period,
    Sign,
    Stack,
    State,
)

FULL_PSI = 1.5
"""From here on the colour is as strong as it gets."""
COLOURS = 8
"""Of schemas, versions and parts of a whole: then they come again."""

SIGNS: dict[Outcome | State, tuple[str, str]] = {
    "ok": ("", "ok"),
    "retried": ("↻", "failed, then succeeded"),
    "late": ("»", "late"),
    "failed": ("✗", "failed"),
    "skipped": ("–", "did not start"),
    "missing": ("?", "due, and not seen"),
    "new": ("", "new content"),
    "repeated": ("=", "the same content as before"),
    "kept": ("", "not written; what was there before still is"),
}
"""What stands in a cell, and what it means: colour is never the only sign."""


COLUMN_SIGNS: dict[Sign, tuple[str, str]] = {
    "": ("", ""),
    "new": ("+", "a new column"),
    "gone": ("−", "the column is gone"),
    "type": ("T", "another type"),
    "null": ("∅", "more rows than usual have no value"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: `css` for its colour, the sign in it, words for who points at it, and its measures as CSS variables.

    `marks`: what of it the key to the calendar explains. `writes`: how often a dataset was written, where that is more
    than once, else 0; it stands under the sign.
    """

    css: str
    sign: str
    tip: str
    style: str = ""
    marks: tuple[str, ...] = ()
    writes: int = 0


EMPTY = Cell("", "", "")


def job_cells(row: JobRow, periods: Sequence[Period]) -> tuple[Cell, ...]:
    """How a job ended, period by period."""
    return tuple(_job(cell) if cell else EMPTY for cell, _ in zip(row.cells, periods, strict=True))


def _job(cell: JobCell) -> Cell:
    sign, word = SIGNS[cell.outcome]
    runs = [
        f"{one.ended} {one.text}" + ("" if one.duration_s is None else f" after {quantity(one.duration_s, 's')}")
        for one in cell.attempts
    ]
    late = f", {quantity(cell.delay_s, 's')} later than usual" if cell.outcome == "late" else ""
    return Cell(cell.outcome, sign, "; ".join([word + late, *runs]), marks=(cell.outcome,))


def dataset_cells(row: DatasetRow, periods: Sequence[Period]) -> tuple[Cell, ...]:
    """The last version of a dataset, period by period."""
    most = max((cell.version.rows for cell in row.cells if cell), default=0) or 1
    # What is the same most of the time is coloured by its content, whatever is made anew each time by its schema.
    is_steady = row.is_steady
    found = []
    for place, _ in enumerate(periods):
        cell = row.cells[place]
        found.append(
            EMPTY if cell is None else _dataset(cell, most, cell.content if is_steady else cell.shape, is_steady)
        )
    return tuple(found)


def _dataset(cell: DatasetCell, most: int, colour: int, is_steady: bool) -> Cell:
    sign, word = SIGNS[cell.state]
    version = cell.version
    facts = [word, version.version, f"{version.rows:,} rows", f"schema {version.schema}", f"written {version.written}"]
    full = round(100 * version.rows / most)
    often = f"written {cell.writes} times" if cell.writes > 1 else ""
    if cell.behind:
        sign = sign or f"−{cell.behind}"
        facts.append(f"its data ends {cell.behind} {'period' if cell.behind == 1 else 'periods'} earlier than usual")
    css = f"{'behind ' if cell.behind else ''}{cell.state}{' steady' if is_steady else ''} s{colour % COLOURS}"
    shown = sign if not is_steady or cell.behind or cell.state == "failed" else ""
    marks = ("unwritten" if cell.state == "failed" else cell.state if shown or cell.state != "repeated" else "new",)
    tip = ", ".join(filter(None, [*facts, often]))
    also = [mark for mark, is_drawn in (("behind", cell.behind), ("again", often)) if is_drawn]
    return Cell(css, shown, tip, f"--h:{full}%", (*marks, *also), cell.writes if often else 0)


def in_use_cells(row: InUseRow) -> tuple[Cell, ...]:
    """Which one was in use, period by period: a colour for each, its number where it came."""
    found, before = [], None
    order = list(dict.fromkeys(number for number in row.numbers if number is not None))
    for number in row.numbers:
        if number is None:
            found.append(EMPTY)
            continue
        sign = "" if number == before else str(number)
        css = f"{'new' if sign else 'same'} s{order.index(number) % COLOURS}"
        found.append(Cell(css, sign, f"{number} in use", marks=("in-use",)))
        before = number
    return tuple(found)


def drift_cells(row: DriftRow, periods: Sequence[Period]) -> tuple[Cell, ...]:
    """How far a column's values lie from the first ones, period by period."""
    return tuple(_drift(row, place) for place, _ in enumerate(periods))


def _drift(row: DriftRow, place: int) -> Cell:
    psi, nulls, median, befell = row.psi[place], row.nulls[place], row.medians[place], row.signs[place]
    if psi is None and nulls is None and not befell:
        return EMPTY
    strength = round(100 * min(1.0, (psi or 0.0) / FULL_PSI))
    sign, words = COLUMN_SIGNS[befell]
    facts = [words] if words else []
    facts += [f"PSI {significant(psi, 2)}"] if psi is not None else []
    facts += [f"median {quantity(median, row.unit)}"] if median is not None else []
    facts += [f"null {quantity(nulls, 'ratio')}"] if nulls else []
    has_drift = psi is not None and psi >= CALM_PSI
    css = "sign" if befell else "moved" if (psi or 0.0) >= MOVED_PSI else ""
    marks = (f"column-{befell}",) if befell else ("drift",) if has_drift else ()
    return Cell(
        css, sign or (_short(psi) if psi is not None and has_drift else ""), ", ".join(facts), f"--h:{strength}%", marks
    )


def _short(psi: float) -> str:
    """Two characters or three, as there is room for: `.3`, `1.6`, `12`."""
    return f"{psi:.0f}" if psi >= 9.95 else f"{psi:.1f}".removeprefix("0")


def pile_cells(stack: Stack, periods: Sequence[Period]) -> tuple[Cell, ...]:
    """The parts of a whole, period by period; `style` has their heights, `colour:percent` each."""
    cells = []
    for place, _ in enumerate(periods):
        known = [(i, values[place]) for i, values in enumerate(stack.values)]
        parts = [(i % COLOURS, value) for i, value in known if value is not None]
        whole = sum(value for _, value in parts) or 1.0
        tip = ", ".join(f"{stack.subjects[i]} {quantity(value, 'ratio')}" for i, value in known if value is not None)
        style = " ".join(f"{colour}:{100 * value / whole:.1f}" for colour, value in parts)
        cells.append(Cell("pile" if parts else "", "", tip, style))
    return tuple(cells)
