"""Signals as a data frame, whose errors say what there is."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lab.errors import nearest
from lab.signals import SignalTable
from lab.signals.catalogue import known_signals


class SignalFrame(pd.DataFrame):  # type: ignore[misc]  # pandas has no types here
    """Every signal by the end of its scrape interval (`time_s`): a column for each signal and subject.

    What is taken from it is a plain data frame. A KeyError for what is not there says what is.
    """

    @classmethod
    def of(cls, table: SignalTable) -> SignalFrame:
        """The signals of a recording, sorted by name and subject."""
        columns = {(one.signal, one.subject): pd.Series(one.values, one.times_s) for one in table}
        frame = pd.DataFrame(columns).sort_index(axis=1)
        frame.columns = pd.MultiIndex.from_tuples(list(frame.columns), names=["signal", "subject"])
        return cls(frame.rename_axis(index="time_s"))

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError:
            raise KeyError(_why_missing(key, self)) from None


def _why_missing(key: Any, frame: pd.DataFrame) -> str:
    signal, subject = (*key, None)[:2] if isinstance(key, tuple) and key else (key, None)
    subjects = [of for name, of in frame.columns if name == signal]
    if subjects:
        return f"no subject {subject!r} of signal {signal!r}; it has {', '.join(map(repr, subjects))}"
    known = known_signals()
    if signal in known:
        level = known[signal].level
        return f"signal {signal!r} is not in this recording: never seen, or less recorded than observability {level}"
    return f"no signal {signal!r}; {nearest(str(signal), known)} (docs/signals.md)"
