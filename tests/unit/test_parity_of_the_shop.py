"""Two recordings of the shop: signals of its own are compared as any others are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.contracts import TrueFault
from lab.errors import UserError
from lab.runs.parity import compared
from lab.runs.signature import Side
from lab.signals import Series
from tests.unit.test_parity import AT_S, UNTIL_S, absent, of, parity, row, side


def of_the_shop(*series: Series, fault: TrueFault) -> Side:
    one = side(*series, faults=(fault,))
    return replace(one, system={**one.system, "world": "shop"})


def corrupted(*series: Series) -> Side:
    parameters = {"column": "age_years", "change": "rename"}
    fault = TrueFault("f1", "schema-corruption", "db", "data", AT_S, UNTIL_S, None, parameters)
    return of_the_shop(*series, fault=fault)


def test_log_lines_that_were_never_written_are_compared_as_none() -> None:
    written = of("contract_violation_ratio", "desk", 0.9)
    found = row(parity(corrupted(written), corrupted()), "contract_violation_ratio")
    assert (found.signs, found.agrees) == ((1, 0), False)


def test_a_signal_beyond_what_the_system_lets_see_is_reported_as_such() -> None:
    stale = TrueFault("f1", "stale-cache", "cache", "integration", AT_S, UNTIL_S, None, {"fraction": 1.0})
    one = of_the_shop(of("row_age_mean_s", "cache", 60.0), fault=stale)
    why = absent(parity(one, one))["entry_age_p95_s"]
    assert why == "not in either recording: it is seen at observability rich, and this system has usual"


def test_a_fault_without_its_parameter_is_refused_with_what_to_do() -> None:
    fault = TrueFault("f1", "schema-corruption", "db", "data", AT_S, UNTIL_S, None, {"change": "rename"})
    one = of_the_shop(fault=fault)
    with pytest.raises(UserError, match="without its parameter 'column'"):
        compared((one, one))
