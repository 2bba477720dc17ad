"""Whether a fault showed: a declared signal moved by enough, and by more than chance moves it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from lab.injection.faults import Witness
from lab.judging import witness
from lab.judging.witness import before_during_p, courses, effects
from lab.signals import Series, SignalTable

TIMES_S = np.arange(1, 41) * 5.0
AT_S, UNTIL_S = 100.0, 150.0
DURING = (TIMES_S > AT_S) & (TIMES_S <= UNTIL_S)
SIGNAL, SUBJECT = "client_error_ratio", "a->b"


def noise(seed: int, scale: float = 0.01) -> Any:
    return np.random.default_rng(seed).normal(0.1, scale, len(TIMES_S))


def table(values: Any, signal: str = SIGNAL, subject: str = SUBJECT) -> SignalTable:
    return SignalTable([Series(signal, subject, TIMES_S, values)])


def asked(values: Any, twin: Any, at_least: float) -> Any:
    (said,) = witness.judge_witnesses([Witness(SIGNAL, SUBJECT, at_least)], table(values), table(twin), AT_S, UNTIL_S)
    return said


def test_an_effect_that_is_large_and_not_chance_is_witnessed_from_its_first_interval() -> None:
    twin = noise(1)
    said = asked(twin + 0.5 * DURING, twin, at_least=0.02)
    assert said.shown
    assert said.difference == pytest.approx(0.5)
    assert said.first_s == 105.0


def test_a_fall_is_an_effect_too() -> None:
    twin = noise(1)
    said = asked(twin - 0.05 * DURING, twin, at_least=0.02)
    assert said.shown
    assert said.difference == pytest.approx(-0.05)


def test_subjects_that_are_as_without_the_fault_are_no_tests_that_chance_could_pass() -> None:
    twin = noise(1, scale=0.1)
    values = twin + 0.16 * DURING
    alone = asked(values, twin, at_least=0.02)
    assert alone.shown
    names = [SUBJECT, *(f"a->{number}" for number in range(40))]
    with_fault = SignalTable([Series(SIGNAL, name, TIMES_S, values if name == SUBJECT else twin) for name in names])
    without = SignalTable([Series(SIGNAL, name, TIMES_S, twin) for name in names])
    said = witness.judge_witnesses([Witness(SIGNAL, "*", 0.02)], with_fault, without, AT_S, UNTIL_S)
    assert [one.subject for one in said if one.shown] == [SUBJECT]
    assert 0.01 / len(names) < alone.p_value < 0.01, "of as many tests as there are subjects it would not pass"


def test_an_effect_below_the_least_that_counts_is_not_witnessed() -> None:
    twin = noise(1, scale=0.001)
    said = asked(twin + 0.019 * DURING, twin, at_least=0.02)
    assert said.p_value < 0.001, "it is no chance"
    assert not said.shown
    assert said.first_s is None


def test_an_effect_that_the_recording_cannot_tell_from_noise_is_not_witnessed() -> None:
    twin = noise(1, scale=0.5)
    said = asked(twin + 0.03 * DURING, twin, at_least=0.02)
    assert said.difference >= 0.02, "the twin tells"
    assert not said.shown


def test_what_moves_in_the_twin_as_well_is_not_the_faults_doing() -> None:
    moved = noise(1) + 0.5 * DURING
    assert not asked(moved, moved.copy(), at_least=0.02).shown


def test_an_effect_that_ends_long_before_its_fault_is_told_by_the_part_in_which_it_lasted() -> None:
    """A release that reads clocks wrongly does harm until they are changed; of the whole window that is a quarter."""
    twin, felt = noise(1), (TIMES_S > 60) & (TIMES_S <= 90)
    (said,) = witness.judge_witnesses(
        [Witness(SIGNAL, SUBJECT, 0.02)], table(twin + 0.5 * felt), table(twin), 60.0, float(TIMES_S[-1])
    )
    assert said.shown
    assert said.first_s == 65.0
    (odd,) = witness.judge_witnesses(
        [Witness(SIGNAL, SUBJECT, 0.01)], table(twin + 0.5 * (TIMES_S == 90)), table(twin), 60.0, float(TIMES_S[-1])
    )
    assert not odd.shown, "one interval may be chance"


def test_the_first_effect_is_the_first_interval_that_moves_far_enough_in_the_same_direction() -> None:
    twin = noise(1)
    later = (TIMES_S > 120) & (TIMES_S <= UNTIL_S)
    assert asked(twin + 0.5 * later, twin, at_least=0.02).first_s == 125.0


def test_the_more_signals_are_asked_the_more_each_must_show() -> None:
    twin = noise(1)
    weak = twin.copy()
    weak[np.flatnonzero(DURING)[:5]] += 0.4
    many = SignalTable([Series(SIGNAL, f"{i}->b", TIMES_S, weak) for i in range(200)])
    calm = SignalTable([Series(SIGNAL, f"{i}->b", TIMES_S, twin) for i in range(200)])
    one = asked(weak, twin, at_least=0.02)
    said = witness.judge_witnesses([Witness(SIGNAL, "*", 0.02)], many, calm, AT_S, UNTIL_S)
    assert len(said) == 200
    assert all(single.p_value == one.p_value for single in said)
    assert one.shown == (one.p_value < 0.01)
    assert [single.shown for single in said] == [one.p_value < 0.01 / 200] * 200


def test_a_signal_the_recording_does_not_have_is_not_asked() -> None:
    assert (
        witness.judge_witnesses([Witness(SIGNAL, "b->c", 0.02)], table(noise(1)), table(noise(1)), AT_S, UNTIL_S) == []
    )
    assert witness.judge_witnesses([], table(noise(1)), table(noise(1)), AT_S, UNTIL_S) == []


def test_a_signal_that_the_fault_brought_into_being_was_zero_without_it() -> None:
    values = np.where(DURING, 0.3, np.nan)
    (said,) = witness.judge_witnesses([Witness(SIGNAL, SUBJECT, 0.02)], table(values), SignalTable([]), AT_S, UNTIL_S)
    assert said.shown
    assert said.difference == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("values", "small"),
    [
        (np.where(DURING, 1.0, 0.0), True),
        (np.where(DURING, 1.0, np.nan), True),
        (np.zeros(len(TIMES_S)), False),
        (np.full(len(TIMES_S), np.nan), False),
        (np.where(TIMES_S > AT_S, np.nan, 1.0), False),
        (np.where(TIMES_S > UNTIL_S, 1.0, 0.0), False),
    ],
    ids=["moved", "came into being", "constant", "never there", "gone during", "moved only after"],
)
def test_before_against_during(values: Any, small: bool) -> None:
    p_value = before_during_p(TIMES_S, values, AT_S, UNTIL_S)
    assert (p_value < 0.001) if small else (p_value == 1.0)


def test_chance_rejects_about_as_often_as_it_should() -> None:
    p_values = [before_during_p(TIMES_S, noise(seed), AT_S, UNTIL_S) for seed in range(400)]
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


def test_effects_list_what_moved_and_nothing_else() -> None:
    twin = noise(1)
    signals = SignalTable(
        [
            Series(SIGNAL, "hit", TIMES_S, twin + 0.4 * DURING),
            Series(SIGNAL, "same", TIMES_S, twin),
            Series(SIGNAL, "after", TIMES_S, twin + 0.4 * (TIMES_S > UNTIL_S)),
            Series(SIGNAL, "trembles", TIMES_S, twin + np.random.default_rng(3).normal(0, 0.001, len(TIMES_S))),
            Series("error_ratio", "entry", TIMES_S, twin - 0.05 * DURING),
        ]
    )
    control = SignalTable([Series(s.signal, s.subject, TIMES_S, twin) for s in signals])
    moved = effects(signals, control, AT_S, UNTIL_S)
    assert [(entry["signal"], entry["subject"]) for entry in moved] == [(SIGNAL, "hit"), ("error_ratio", "entry")]
    assert "trembles" not in {entry["subject"] for entry in moved}
    assert moved[0]["with"] - moved[0]["without"] == pytest.approx(0.4)


def test_the_blast_radius_is_sorted_by_size_in_units_of_noise() -> None:
    rng = np.random.default_rng(4)
    loud, faint = rng.normal(50, 10, len(TIMES_S)), rng.normal(0.5, 0.001, len(TIMES_S))
    control = SignalTable([Series(SIGNAL, "loud", TIMES_S, loud), Series(SIGNAL, "faint", TIMES_S, faint)])
    hit = SignalTable(
        [Series(SIGNAL, "loud", TIMES_S, loud + 30 * DURING), Series(SIGNAL, "faint", TIMES_S, faint + 0.1 * DURING)]
    )
    moved = effects(hit, control, AT_S, UNTIL_S)
    assert [entry["subject"] for entry in moved] == ["faint", "loud"], "0.1 is more than 30 where noise is less"
    assert moved[1]["size"] == pytest.approx(30 / loud.std(), rel=1e-6)
    assert all(entry["size"] == round(entry["size"], 9) for entry in moved)


def test_one_odd_interval_of_a_signal_without_noise_is_no_effect() -> None:
    constant = np.zeros(len(TIMES_S))
    odd = constant.copy()
    odd[25] = 0.01
    assert effects(table(odd), table(constant), AT_S, UNTIL_S) == []
    (moved,) = effects(table(constant + 0.01 * DURING), table(constant), AT_S, UNTIL_S)
    assert (moved["without"], moved["with"]) == (0.0, pytest.approx(0.01))


# With little before the fault.


def early(values: Any, twin: Any, at_s: float) -> Any:
    (said,) = witness.judge_witnesses([Witness(SIGNAL, SUBJECT, 0.02)], table(values), table(twin), at_s, at_s + 50)
    return said


@pytest.mark.parametrize("before", [0, 1, 2, 5])
def test_with_fewer_than_six_intervals_before_the_twin_decides(before: int) -> None:
    twin, at_s = noise(1), 5.0 * before
    said = early(twin + 0.5 * ((at_s < TIMES_S) & (at_s + 50 >= TIMES_S)), twin, at_s)
    assert said.shown
    assert said.first_s == at_s + 5


def test_an_early_effect_within_the_signals_own_noise_is_not_shown_however_large_the_least_one() -> None:
    twin = noise(1, scale=0.5)
    during = (TIMES_S > 10) & (TIMES_S <= 60)
    assert not early(twin + 0.3 * during, twin, 10.0).shown
    assert early(twin + 3.0 * during, twin, 10.0).shown
    once = np.where(TIMES_S == 30, 0.9, 0.0)
    assert not early(once, np.zeros(len(TIMES_S)), 10.0).shown, "one odd interval of a signal without noise"


def test_an_early_effect_below_the_least_that_counts_is_not_shown() -> None:
    twin = noise(1, scale=0.001)
    assert not early(twin + 0.019 * (TIMES_S > 10), twin, 10.0).shown


def test_from_six_intervals_on_both_tests_decide() -> None:
    twin = noise(1, scale=0.5)
    drowned = twin + 0.6 * ((TIMES_S > 30) & (TIMES_S <= 80))
    said = early(drowned, twin, 30.0)
    assert said.difference == pytest.approx(0.6)
    assert said.p_value > 0.01, "the recording cannot tell"
    assert not said.shown, "although the twin can"


def test_without_a_counterfactual_twin_too_little_before_shows_nothing() -> None:
    values = noise(1) + 0.5 * (TIMES_S > 10)
    (said,) = witness.judge_witnesses_alone([Witness(SIGNAL, SUBJECT, 0.02)], table(values), 10.0, 60.0)
    assert said.difference == pytest.approx(0.5, abs=0.05)
    assert not said.shown
    (later,) = witness.judge_witnesses_alone(
        [Witness(SIGNAL, SUBJECT, 0.02)], table(noise(1) + 0.5 * DURING), AT_S, UNTIL_S
    )
    assert later.shown


# The first effect, and where the fault ends.


def test_the_first_effect_is_in_the_direction_of_the_whole_effect() -> None:
    twin = noise(1, scale=0.001)
    values = twin + 0.5 * DURING
    values[TIMES_S == 105] = twin[TIMES_S == 105] - 0.3
    assert asked(values, twin, at_least=0.02).first_s == 110.0, "the dip before the rise is not its beginning"


def test_what_happens_after_the_revert_is_no_effect_of_the_fault() -> None:
    twin = noise(1, scale=0.001)
    lingering = asked(twin + 0.5 * (TIMES_S > AT_S), twin, at_least=0.02)
    ended = asked(twin + 0.5 * DURING, twin, at_least=0.02)
    assert lingering == ended
    last = asked(twin + 0.5 * (TIMES_S == UNTIL_S), twin, at_least=0.02)
    assert last.difference == pytest.approx(0.5 / DURING.sum()), "the interval that ends at the revert counts"
    after = asked(twin + 0.5 * (TIMES_S == UNTIL_S + 5), twin, at_least=0.02)
    assert after.difference == pytest.approx(0.0)


def test_where_nothing_is_before_the_fault_a_difference_is_one_from_zero_and_shows_nothing() -> None:
    values = 0.4 + noise(1)
    (said,) = witness.judge_witnesses_alone([Witness(SIGNAL, SUBJECT, 0.02)], table(values), 2.0, 52.0)
    assert said.difference == pytest.approx(values[:10].mean())
    assert not said.shown


# Effects in units of noise.


def constant(without: float, with_fault: float, at_s: float = AT_S) -> list[dict[str, Any]]:
    """The effects on a signal without noise."""
    twin = np.full(len(TIMES_S), without)
    during = (at_s < TIMES_S) & (at_s + 50 >= TIMES_S)
    return effects(table(np.where(during, with_fault, twin)), table(twin), at_s, at_s + 50)


@pytest.mark.parametrize(("without", "with_fault"), [(1.0, 3.0), (3.0, 1.0), (0.0, 0.01), (2.0, -2.0)])
@pytest.mark.parametrize("at_s", [AT_S, 0.0], ids=["later", "from the beginning"])
def test_a_signal_without_noise_is_not_known_better_than_to_a_hundredth_of_its_larger_level(
    without: float, with_fault: float, at_s: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (moved,) = constant(without, with_fault, at_s)
    assert (moved["without"], moved["with"]) == (without, with_fault)
    larger = max(abs(without), abs(with_fault))
    assert moved["size"] == pytest.approx(abs(with_fault - without) / (0.01 * larger))


def test_what_rounding_leaves_is_no_effect() -> None:
    assert constant(0.0, 1e-13) == []
    assert constant(1.0, 1.0 + 1e-13) == []


def test_effects_are_rounded_to_nine_decimals() -> None:
    (moved,) = constant(1 / 3, 2 / 3)
    assert (moved["without"], moved["with"]) == (0.333333333, 0.666666667)


def test_what_differs_from_the_twin_before_the_fault_as_well_is_no_effect() -> None:
    twin = np.full(len(TIMES_S), 0.1)
    restless = twin + np.where(TIMES_S <= AT_S, np.resize([1.0, -1.0], len(TIMES_S)), 0.3)
    restless[2] = np.nan
    assert effects(table(restless), table(twin), AT_S, UNTIL_S) == []
    restless[TIMES_S <= AT_S] = 0.1
    assert len(effects(table(restless), table(twin), AT_S, UNTIL_S)) == 1


def test_a_signal_that_is_missing_throughout_is_no_effect_no_witness_and_no_warning() -> None:
    missing = np.full(len(TIMES_S), np.nan)
    twin = noise(1)
    run = SignalTable([Series(SIGNAL, "gone", TIMES_S, missing), Series(SIGNAL, SUBJECT, TIMES_S, twin + 0.5 * DURING)])
    control = SignalTable([Series(SIGNAL, "gone", TIMES_S, missing), Series(SIGNAL, SUBJECT, TIMES_S, twin)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [entry["subject"] for entry in effects(run, control, AT_S, UNTIL_S)] == [SUBJECT]
        for at_s in (AT_S, 10.0):
            moved, gone = witness.judge_witnesses([Witness(SIGNAL, "*", 0.02)], run, control, at_s, UNTIL_S)
            assert (moved.subject, moved.shown) == (SUBJECT, at_s == AT_S)
            assert (gone.subject, gone.difference, gone.shown) == ("gone", 0.0, False)


@pytest.mark.parametrize(("errors", "moved"), [(3.99, False), (4.01, True)])
def test_an_effect_is_one_from_four_standard_errors_of_its_noise_on(errors: float, moved: bool) -> None:
    trembling = np.where(DURING, np.resize([1.0, -1.0], len(TIMES_S)), 0.0)
    effect = errors / np.sqrt(DURING.sum())
    found = effects(table(trembling + effect * DURING), table(np.zeros(len(TIMES_S))), AT_S, UNTIL_S)
    assert bool(found) is moved


@pytest.mark.parametrize(
    ("raised", "shows_alone", "shows_beside_another"), [(7, False, False), (8, True, False), (9, True, True)]
)
def test_the_level_of_one_in_a_hundred_is_shared_by_the_signals_that_are_asked(
    raised: int, shows_alone: bool, shows_beside_another: bool
) -> None:
    twin = np.linspace(0.2, 0.1, len(TIMES_S))  # p: 0.08, 0.009 and 0.0005
    weak = twin.copy()
    weak[np.flatnonzero(DURING)[:raised]] += 0.5
    assert asked(weak, twin, at_least=0.02).shown is shows_alone
    both = SignalTable([Series(SIGNAL, subject, TIMES_S, weak) for subject in ("a->b", "b->c")])
    calm = SignalTable([Series(SIGNAL, subject, TIMES_S, twin) for subject in ("a->b", "b->c")])
    said = witness.judge_witnesses([Witness(SIGNAL, "*", 0.02)], both, calm, AT_S, UNTIL_S)
    assert [single.shown for single in said] == [shows_beside_another] * 2


def test_a_witness_says_of_what_and_against_what_it_was_judged() -> None:
    twin = noise(1)
    found = asked(twin + 0.5 * DURING, twin, at_least=0.02)
    assert (found.signal, found.subject, found.at_least) == (SIGNAL, SUBJECT, 0.02)


def test_an_effect_of_exactly_the_least_that_counts_counts() -> None:
    found = asked(0.5 * DURING, np.zeros(len(TIMES_S)), at_least=0.5)
    assert found.shown
    assert found.first_s == 105.0


def test_one_large_interval_of_what_is_not_shown_is_no_first_effect() -> None:
    found = asked(np.where(TIMES_S == 120, 0.1, 0.0), np.zeros(len(TIMES_S)), at_least=0.02)
    assert not found.shown
    assert found.first_s is None


def test_an_early_effect_of_one_interval_must_exceed_four_deviations_of_the_twin() -> None:
    twin = noise(1)
    for deviations, shown in ((3.5, False), (4.5, True)):
        values = twin + deviations * twin.std() * (TIMES_S == 15)
        question = [Witness(SIGNAL, SUBJECT, 0.001)]
        (found,) = witness.judge_witnesses(question, table(values), table(twin), 10.0, 15.0)
        assert found.shown is shown


@pytest.mark.parametrize("window", [(0.0, 50.0), (300.0, 350.0)], ids=["nothing before", "nothing during"])
def test_where_there_is_nothing_to_compare_the_p_value_is_one(window: tuple[float, float]) -> None:
    assert before_during_p(TIMES_S, noise(1), *window) == 1.0


@pytest.mark.parametrize("missing", [(), (3, 4), range(60)])
def test_noise_is_that_of_the_known_values_to_the_last_bit(missing: Any) -> None:
    values = np.random.default_rng(1).normal(7, 2, 60)
    values[[*missing]] = np.nan
    expected = float(np.nanstd(values)) if len(missing) < 60 else 0.0
    assert witness._known_sd(values) == expected


def test_courses_are_what_signals_would_have_been_without_the_fault() -> None:
    times_s = np.array([5.0, 10.0, 15.0])
    ran = SignalTable([Series(name, "x", times_s, np.array([1.0, 2.0, 3.0])) for name in ("a", "b")])
    twin = SignalTable([Series("a", "x", times_s, np.array([1.0, np.nan, 1.0]))])
    assert courses(ran, twin, ["a", "c"]) == [{"signal": "a", "subject": "x", "without": [1.0, None, 1.0]}]
