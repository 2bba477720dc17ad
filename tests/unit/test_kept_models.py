"""Trained models are kept by content: each is trained once, read once, and trained anew when its code changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lab.worlds.kit import kept_models
from lab.worlds.kit.kept_models import KeptModels, Trained

SEED = 11


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def code(tmp_path: Path) -> ModuleType:
    """A module that models follow from."""
    module = ModuleType("code")
    module.__file__ = str(tmp_path / "code.py")
    Path(module.__file__).write_text("WEIGHT = 1\n")
    return module


def fit(weight: float, fitted: list[float]) -> Callable[[], Trained]:
    def train() -> Trained:
        fitted.append(weight)
        return Trained({"window": 1}, {"weights": np.array([weight])})

    return train


def test_the_very_same_model_is_trained_once(code: ModuleType) -> None:
    fitted: list[float] = []
    for weight in (1.0, 2.0):
        model = KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(weight, fitted))
        assert model.facts == {"window": 1}
        assert model.arrays["weights"].tolist() == [1.0]
    assert fitted == [1.0]


@pytest.mark.parametrize("other", [(SEED + 1, 1, {}), (SEED, 2, {}), (SEED, 1, {"corrupted": 0.3})])
def test_seed_window_and_recipe_tell_models_apart(code: ModuleType, other: Any) -> None:
    fitted: list[float] = []
    models = KeptModels([code], lambda kept: kept.arrays["weights"][0])
    assert models.get(SEED, 1, {}, fit(1.0, fitted)) == 1.0
    assert models.get(*other, fit(2.0, fitted)) == 2.0


def test_other_code_trains_anew(code: ModuleType) -> None:
    fitted: list[float] = []
    KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(1.0, fitted))
    Path(str(code.__file__)).write_text("WEIGHT = 2\n")
    KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(2.0, fitted))
    assert fitted == [1.0, 2.0]


def test_a_process_reads_a_model_once_and_keeps_the_last_few(code: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_models, "MODELS_KEPT", 2)
    opened: list[float] = []
    models = KeptModels([code], lambda kept: opened.append(kept.arrays["weights"][0]) or len(opened))
    for window in (1, 2, 1, 3, 1, 2):
        models.get(SEED, window, {}, fit(float(window), []))
    assert opened == [1.0, 2.0, 3.0, 2.0]


def test_nobody_who_has_a_model_can_change_it(code: ModuleType) -> None:
    model = KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(1.0, []))
    with pytest.raises(ValueError, match="read-only"):
        model.arrays["weights"][0] = 2.0


@pytest.mark.parametrize("damage", [b"", b"PK", None, "cut", "flip"])
def test_one_that_is_damaged_is_trained_again_and_kept(code: ModuleType, tmp_path: Path, damage: Any) -> None:
    fitted: list[float] = []
    KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(1.0, fitted))
    (file,) = (tmp_path / "cache" / "models").iterdir()
    whole = file.read_bytes()
    if damage is None:
        file.unlink()
        file.mkdir()
    else:
        other = {"cut": whole[: len(whole) // 2], "flip": whole[:60] + bytes(60) + whole[120:]}.get(damage, damage)
        file.write_bytes(other)
    for _ in range(2):
        model = KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(1.0, fitted))
        assert model.arrays["weights"].tolist() == [1.0]
    assert fitted == [1.0] * (3 if damage is None else 2)


def test_a_cache_that_cannot_be_written_costs_time_and_no_run(code: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in its place")
    fitted: list[float] = []
    for _ in range(2):
        model = KeptModels([code], lambda kept: kept).get(SEED, 1, {}, fit(1.0, fitted))
        assert model.facts == {"window": 1}
    assert fitted == [1.0, 1.0]
