"""How reasons are worded: numbers as people write them, and sentences of which each is because of the next."""

from __future__ import annotations

import pytest

from lab.engines.rules.words import chained, humanised


@pytest.mark.parametrize(
    ("signal", "value", "text"),
    [
        ("error_ratio", 0.0, "0 %"),
        ("error_ratio", 0.2744, "27.4 %"),
        ("dataset_rows", 12_581.4, "12,581"),
        ("column_drift_psi", 6e-33, "0"),
        ("column_mean", 2.8125, "2.81"),
        ("self_time_mean_s", 0.0123, "12.3 ms"),
        ("self_time_mean_s", 60.0, "60 s"),
        ("job_start_delay_s", 4182.0, "69.7 min"),
        ("dataset_age_s", 561_600.0, "6.5 d"),
    ],
)
def test_a_level_is_told_as_people_write_it(signal: str, value: float, text: str) -> None:
    assert humanised(signal, value) == text


def test_what_opens_a_chain_is_no_reason_and_what_is_told_of_several_is_told_once() -> None:
    chain = [[], ["because a is late", "because b is late"], ["because c stands still"], ["so c is broken"]]
    assert chained(chain) == ["a is late", "and b is late", "because c stands still", "so c is broken"]
