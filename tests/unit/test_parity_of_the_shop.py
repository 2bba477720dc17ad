"""Two recordings of the shop: signals of its own are compared as any others are."""

from __future__ import annotations

from dataclasses import replace

from lab.contracts import TrueFault
from lab.runs.signature import Side
from lab.signals import Series
from tests.unit.test_parity import AT_S, UNTIL_S, of, parity, row, side


def corrupted(*series: Series) -> Side:
    parameters = {"column": "age_years", "change": "rename"}
    fault = TrueFault("f1", "schema-corruption", "db", "data", AT_S, UNTIL_S, None, parameters)
    one = side(*series, faults=(fault,))
    return replace(one, system={**one.system, "world": "shop"})


def test_log_lines_that_were_never_written_are_compared_as_none() -> None:
    written = of("contract_violation_ratio", "desk", 0.9)
    found = row(parity(corrupted(written), corrupted()), "contract_violation_ratio")
    assert (found.signs, found.agrees) == ((1, 0), False)
