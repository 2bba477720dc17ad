"""A function that kernels call by its address: the same answers both ways, its own tables, and failures told."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from lab import called, compiled, kernels
from lab.called import Called, Function, load_function
from lab.compiled import call_function
from lab.content.operations import ASK_OWN, ASK_SLOT, ASK_VERSION, ASK_WORDS, SLOT_KEY, SLOT_WORDS
from lab.errors import UserError
from tests.deciding import DECIDE, points

ASKED = np.zeros(ASK_WORDS, np.int64)
ASKED[[ASK_OWN, ASK_VERSION]] = 30, 2


def asked_by(of: Called) -> int:
    """What it answers."""
    return call_function(of.function, of.tables)


def test_it_answers_by_the_tables_that_it_was_given_last():
    of = Called(DECIDE, "interpreted", ASKED)
    of.use(points())
    assert asked_by(of) == 2 * (30 + 0)
    of.use(points()._replace(version_f=np.array([0.0, 0.0, 5.0])))
    assert asked_by(of) == 5 * 30


def test_tables_may_be_written_in_place():
    mine = points()
    of = Called(DECIDE, "interpreted", ASKED, mine)
    mine.version_f[2] = 7.0
    assert asked_by(of) == 7 * 30


def test_a_branch_has_a_question_and_tables_of_its_own():
    asked = ASKED.copy()
    of = Called(DECIDE, "interpreted", ASKED, points())
    other = of.branch(asked)
    asked[ASK_OWN] = 40
    of.use(points()._replace(version_f=np.zeros(3)))
    assert (asked_by(of), asked_by(other)) == (0, 80)


def test_what_nobody_holds_any_more_is_forgotten():
    of = Called(DECIDE, "interpreted", ASKED, points())
    number = of.tables
    assert number in compiled.answers
    del of
    gc.collect()
    assert number not in compiled.answers


def test_compiled_it_lies_where_its_words_say(monkeypatch: pytest.MonkeyPatch):
    """Called as a kernel does, through a C function pointer."""
    import ctypes

    monkeypatch.setenv("LAB_KERNEL", "auto")
    load_function(DECIDE)
    if DECIDE.entry not in called._addresses:
        pytest.skip("nothing is compiled here")
    asked = ASKED.copy()
    of, other = Called(DECIDE, "compiled", asked, points()), Called(DECIDE, "interpreted", asked, points())
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(of.function)
    buyer = ASK_SLOT + SLOT_KEY
    for n in range(200):
        asked[:] = np.random.default_rng(n).integers(0, 3, ASK_WORDS)
        asked[[buyer, buyer + SLOT_WORDS]] = n % 10, n % 4
        assert function(of.tables) == asked_by(other)


def failing(*_: Any) -> int:
    raise kernels.NotCompiledError("no numba today")


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Function:
    """A function that was never compiled, and that cannot be."""
    monkeypatch.setattr(kernels, "compiled_function", failing)
    return Function(lambda tables, asked: 0, {}, "these answers")


def test_what_cannot_be_compiled_is_interpreted_and_says_so_once(unknown, monkeypatch, capsys):
    monkeypatch.setenv("LAB_KERNEL", "auto")
    load_function(unknown)
    load_function(unknown)
    assert capsys.readouterr().err.count("these answers: interpreted, with the same results") == 1
    assert unknown.entry not in called._addresses


def test_who_asks_for_compiled_kernels_is_told_why_it_is_not(unknown, monkeypatch):
    monkeypatch.setenv("LAB_KERNEL", "compiled")
    with pytest.raises(UserError, match="these answers cannot be compiled: no numba today"):
        load_function(unknown)
