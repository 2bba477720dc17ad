"""TensorFlow itself loads every version that the lab can push, and gives the scores of the lab's own server.

`make test-tensorflow` installs it apart, where its own protobuf and numpy do not matter, and names its Python in
LAB_TENSORFLOW_PYTHON.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.agreed import trees
from lab.errors import ParameterError
from lab.files.finding import shipped_names
from lab.injection.dry_run import PlannedAct, PlanTestbed
from lab.injection.faults import fault_types
from lab.injection.levers import ModelDeploy
from lab.scenario import load_scenario
from lab.scenario.load import SUFFIX
from lab.scenario.plan import plan
from lab.systems.files import load_system
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.features import INPUT_NAMES
from lab.worlds.shop.registration import FIRST_VERSIONS
from lab.worlds.shop.training import SCORE_DECIMALS, Model, train
from services.model import savedmodel
from services.model.graph import load
from tests import boosted_trees

PYTHON = os.environ.get("LAB_TENSORFLOW_PYTHON", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="TensorFlow is not installed: make test-tensorflow")

SAME = 1e-12
WIDTH = len(INPUT_NAMES)
LOADERS = ("python", "session")
DOSES = (0.0, 0.8, 0.9, 1.0)
"""Shares of corrupted labels beside those of the scenarios: none, mild, usual, all."""


def recipes() -> list[Mapping[str, Any]]:
    """How every version comes about that one of its shipped scenarios, a fault or a decoy deploys; each once."""
    system = load_system("recommender")
    found: list[Any] = []
    for scenario in map(load_scenario, shipped_names(SUFFIX).values()):
        if scenario.system.name == system.name:  # others have models, and ways to train them, of their own
            found += recipes_of(plan(scenario).timeline)
    for kind in fault_types().values():
        if "model" in kind.target_kinds:
            testbed = PlanTestbed(system)
            # What the model of this system cannot have, such as a pool, deploys nothing there either.
            with suppress(ParameterError), kind.inject(testbed, "model", kind.parameters()):
                found += recipes_of(testbed.acts)
    found += [{"training": "corrupted-labels", "corrupted": dose} for dose in DOSES]
    return [json.loads(text) for text in dict.fromkeys(json.dumps(recipe, sort_keys=True) for recipe in found)]


def recipes_of(acts: Iterable[PlannedAct]) -> list[Mapping[str, Any]]:
    return [act.value.recipe for act in acts if act.event == "pull" and isinstance(act.value, ModelDeploy)]


@dataclass(frozen=True)
class Scored:
    """What both made of the same batches of inputs: scores by `VERSION/BATCH`, TensorFlow's by loader too."""

    batches: dict[str, Any]
    lab: dict[str, Any]
    tensorflow: dict[str, Any]
    signatures: dict[str, Any]
    release: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, Model], Scored]:
    """(versions by number, what both made of them): every version of the shop."""
    models = dict(enumerate(trained(), 1))
    entries = {version: model.registry_entry(version) for version, model in models.items()}
    return models, in_both(tmp_path_factory.mktemp("versions"), entries, make_batches(models))


def in_both(folder: Path, entries: Mapping[int, Mapping[str, Any]], batches: dict[str, Any]) -> Scored:
    """Entries pushed as the publisher does, and their scores by the lab and by TensorFlow in another process."""
    for version, entry in entries.items():
        savedmodel.push(folder, "model", version, savedmodel.encode(entry))
    np.savez(folder / "inputs.npz", **batches)
    program = Path(__file__).with_name("in_tensorflow.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [PYTHON, str(program), str(folder / "model"), str(folder / "inputs.npz"), str(folder / "out")],
        check=False, capture_output=True, text=True, env=environment | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    graphs = {version: load(folder / "model" / str(version)) for version in entries}
    lab = {
        f"{version}/{name}": graph.run("serving_default", {"inputs": batch}, ["scores"])["scores"]
        for version, graph in graphs.items()
        for name, batch in batches.items()
    }
    output = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return Scored(batches, lab, dict(np.load(folder / "out.npz")), output["versions"], output["tensorflow"])


def trained() -> Iterator[Model]:
    """The first versions, then one for each recipe, where a scenario would have it: next in the order of windows."""
    world = load_system("recommender").world
    assert world is not None
    shop = make_catalog(world.seed)
    for version in range(1, FIRST_VERSIONS + 1):
        yield train(shop, world.seed, version, {})
    for recipe in recipes():
        yield train(shop, world.seed, FIRST_VERSIONS + 1, recipe)


def make_batches(models: Mapping[int, Model]) -> dict[str, Any]:
    """Rows as they were trained on, rows at random, single rows, none, and values that no shop has."""
    draw = np.random.default_rng(0)
    usual = models[1].sample_inputs
    batches = {
        "trained on": usual,
        "one row": usual[:1],
        "no row": usual[:0],
        "random": draw.normal(0, 30, (20_000, WIDTH)),
        "far": draw.normal(0, 1e6, (2_000, WIDTH)),
        "tiny": draw.normal(0, 1e-300, (500, WIDTH)),
        "zero": np.zeros((3, WIDTH)),
    }
    for value in (1e18, -1e18, 1e308, -1e308, np.inf, -np.inf, np.nan, 5e-324):
        rows = usual[:WIDTH].copy()
        np.fill_diagonal(rows, value)  # each column once: how sums overflow hangs on their order
        batches[f"one is {value}"] = rows
    return batches


@pytest.fixture(scope="module")
def boosted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Scored]:
    """(entries by version, what both made of them): trees fitted by scikit-learn, of several numbers and depths."""
    entries = {n: boosted_trees.fitted(n, *size)[0] for n, size in enumerate(((1, 1), (20, 3), (60, 4), (100, 2)), 1)}
    rows = boosted_trees.fitted(1, 1, 1)[2]
    draw = np.random.default_rng(0)
    batches = {
        "usual": rows,
        "one row": rows[:1],
        "no row": rows[:0],
        "far": draw.normal(0, 1e6, (2000, rows.shape[1])),
    }
    for value in (1e308, -1e308, np.inf, -np.inf, np.nan, 5e-324):
        odd = rows[: rows.shape[1]].copy()
        np.fill_diagonal(odd, value)
        batches[f"one is {value}"] = odd
    return entries, in_both(tmp_path_factory.mktemp("boosted"), entries, batches)


def test_trees_have_the_scores_of_the_registry_in_tensorflow(boosted: tuple[dict[str, Any], Scored]) -> None:
    entries, scored = boosted
    for version, entry in entries.items():
        for name, batch in scored.batches.items():
            expected = trees.score(entry, batch)
            for loader in LOADERS:
                theirs = scored.tensorflow[f"{loader}/{version}/{name}"]
                np.testing.assert_array_equal(
                    np.round(theirs, trees.SCORE_DECIMALS), expected, err_msg=f"{loader} {name}"
                )
            np.testing.assert_array_equal(np.round(scored.lab[f"{version}/{name}"], trees.SCORE_DECIMALS), expected)
    assert np.ptp(scored.tensorflow["session/3/usual"]) > 0.5


def test_recipes_of_scenarios_faults_and_decoys_are_all_there() -> None:
    trainings = {str(recipe["training"]) for recipe in recipes()}
    assert trainings == {"next-window", "corrupted-labels"}
    assert {0.0, 1.0} < {recipe["corrupted"] for recipe in recipes() if "corrupted" in recipe}


def test_it_is_a_release_of_tensorflow_and_not_the_generated_modules(scored: Scored) -> None:
    assert scored.release.startswith("2.")


@pytest.fixture(scope="module")
def scored(shop: tuple[dict[int, Model], Scored]) -> Scored:
    return shop[1]


@pytest.fixture(scope="module")
def models(shop: tuple[dict[int, Model], Scored]) -> dict[int, Model]:
    return shop[0]


@pytest.mark.parametrize("loader", LOADERS)
def test_scores_are_those_of_the_labs_server(models: dict[int, Model], scored: Scored, loader: str) -> None:
    assert len(models) > FIRST_VERSIONS + len(DOSES)
    for name, scores in scored.lab.items():
        theirs = scored.tensorflow[f"{loader}/{name}"]
        assert theirs.dtype == scores.dtype == np.float64
        assert theirs.shape == scores.shape
        np.testing.assert_allclose(theirs, scores, rtol=0, atol=SAME, equal_nan=True, err_msg=f"{loader} {name}")
    worst = max(
        float(np.nanmax(np.abs(scored.tensorflow[f"{loader}/{name}"] - scores), initial=0.0))
        for name, scores in scored.lab.items()
    )
    print(f"TensorFlow {scored.release}, {loader}: {len(models)} versions, largest difference {worst:.2g}")


def test_scores_are_those_of_the_registry(models: dict[int, Model], scored: Scored) -> None:
    for version, model in models.items():
        theirs = scored.tensorflow[f"session/{version}/trained on"]
        expected = model.score(models[1].sample_inputs)
        np.testing.assert_allclose(theirs, expected, rtol=0, atol=0.5 * 10**-SCORE_DECIMALS + SAME)
        assert np.ptp(theirs) > 0  # little in a version that learned from labels that are all wrong
        assert version > 1 or np.ptp(theirs) > 0.05


def test_versions_differ_so_that_equal_scores_prove_something(models: dict[int, Model], scored: Scored) -> None:
    good, corrupted = 1, max(models)
    difference = scored.tensorflow[f"python/{good}/trained on"] - scored.tensorflow[f"python/{corrupted}/trained on"]
    assert np.abs(difference).max() > 0.01


def test_signatures_are_what_clients_ask_for(scored: Scored) -> None:
    for output in scored.signatures.values():
        assert output == {
            "keys": ["serving_default"],
            "inputs": {"inputs": [[None, WIDTH], "float64"]},
            "outputs": {"scores": [[None], "float64"]},
        }
