"""Where the traces of a fault may be: on the culprit, on what calls it, and on the shortest ways to the symptom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders.paths import elements_between, lies_on_the_way
from lab.contracts import Case, Evidence
from tests.grading_cases import HEALTHY, case

LINKS = (
    "users->web", "web->cart", "web->search", "cart->stock", "search->stock", "stock->db", "web->ads", "ads->log",
    "log->stock", "robot->nest",
)  # fmt: skip
"""Two ways of the same length lead from users to the stock, one that is longer (over ads), and one leads nowhere."""
SYMPTOM = "users->web"


def market(symptom: str = SYMPTOM, holders: frozenset[str] = frozenset()) -> Case:
    neighbours: dict[str, frozenset[str]] = {}
    for link in LINKS:
        ends = frozenset(link.split("->"))
        neighbours[link] = ends
        for end in ends:
            neighbours[end] = neighbours.get(end, frozenset()) | {link}
    return replace(case(HEALTHY), neighbours=neighbours, symptom=symptom, column_holders=holders)


WAY_FROM_STOCK = {
    "stock", "cart->stock", "search->stock", "cart", "search", "web->cart", "web->search", "web", SYMPTOM, "users",
}  # fmt: skip


@pytest.mark.parametrize(
    ("culprit", "between"),
    [
        ("web", {"web", SYMPTOM, "users"}),
        (SYMPTOM, {"web", SYMPTOM, "users"}),
        ("users", {"web", SYMPTOM, "users"}),
        ("cart", {"cart", "web->cart", "web", SYMPTOM, "users"}),
        ("web->cart", {"cart", "web->cart", "web", SYMPTOM, "users"}),
        ("stock", WAY_FROM_STOCK | {"log->stock"}),
        ("db", WAY_FROM_STOCK | {"db", "stock->db"}),
        ("stock->db", WAY_FROM_STOCK | {"db", "stock->db"}),
        ("log", {"log", "ads->log", "ads", "web->ads", "web", SYMPTOM, "users"}),
        ("nest", {"nest", "robot->nest", SYMPTOM, "web", "users"}),
    ],
)
def test_every_shortest_way_counts_and_a_longer_one_does_not(culprit: str, between: set[str]) -> None:
    assert elements_between(culprit, market()) == between


def test_an_element_that_does_not_exist_lies_nowhere() -> None:
    assert elements_between("gremlins", market()) == frozenset()


def cited(subject: str, signal: str = "client_error_ratio") -> Evidence:
    return Evidence(signal, subject, 0.0, 1.0)


@pytest.mark.parametrize(
    ("subject", "lies"),
    [("cart", True), ("web->cart", True), ("search", False), ("cart.basket", True), ("cart.basket.items", True),
     ("search.index", False), ("robot", False), ("elsewhere", False)],
)  # fmt: skip
def test_a_signal_is_about_its_element_whatever_part_of_it_is_named(subject: str, lies: bool) -> None:
    assert lies_on_the_way(cited(subject), "cart", market()) is lies


@pytest.mark.parametrize(
    ("culprit", "holders", "lies"),
    [
        ("db", {"db"}, True),
        ("stock", {"db"}, False),
        ("cart", {"db"}, False),
        ("users", {"db"}, True),
        ("cart", set(), True),
        ("gremlins", set(), False),
        ("gremlins", {"db"}, False),
    ],
    ids=["its holder", "beside", "far from it", "whom it describes", "not held", "no element", "no element, held"],
)
def test_a_column_is_about_who_hands_it_out_and_whom_it_describes(culprit: str, holders: set[str], lies: bool) -> None:
    column = cited("age_years", "feature_drift_psi")
    assert lies_on_the_way(column, culprit, market(holders=frozenset(holders))) is lies


def test_a_signal_of_an_unknown_kind_on_an_unknown_subject_is_judged_as_a_column() -> None:
    assert lies_on_the_way(cited("age_years", "of-another-distribution"), "cart", market())


def test_a_signal_of_the_host_is_about_no_element() -> None:
    assert not lies_on_the_way(cited("host.cpu", "cpu_steal_ratio"), "cart", market())
