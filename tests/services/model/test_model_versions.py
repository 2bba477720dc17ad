"""The version manager: what it loads, keeps and unloads, by polls that the test makes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from services.model.config import ModelConfig, VersionPolicy, read_config, read_config_file
from services.model.errors import ServingError
from services.model.versions import Options, State, VersionManager
from tests.waiting import eventually


def quiet(event: str, **details: Any) -> None:
    """A log nobody reads."""


def config(base: Path, name: str = "ctr", labels: dict[str, int] | None = None, **policy: Any) -> ModelConfig:
    return ModelConfig(name, base / name, VersionPolicy(**policy), labels or {})


def manage(*models: ModelConfig, **options: Any) -> VersionManager:
    manager = VersionManager(quiet, Options(**options))
    manager.configure(models)
    return manager


def states(manager: VersionManager, name: str = "ctr") -> dict[int, str]:
    return {version.number: version.state.name for version in manager.status(name)}


def push_corrupt(base: Path, name: str, version: int) -> Path:
    folder = base / name / str(version)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"not a protobuf")
    return folder


def test_the_latest_version_is_served(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 2)
    push(tmp_path, "ctr", 10)
    (tmp_path / "ctr" / "11.tmp").mkdir()
    manager = manage(config(tmp_path))
    assert manager.find("ctr").version == 10
    assert states(manager) == {10: "AVAILABLE"}
    with pytest.raises(ServingError, match=r"^Servable not found for request: Specific\(ctr, 2\)$"):
        manager.find("ctr", 2)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"all": {}}, [4, 3, 2, 1]),
        ({"latest": {"num_versions": 2}}, [4, 3]),
        ({"latest": {}}, [4]),
        ({"specific": {"versions": [1, 3, 9]}}, [3, 1]),
    ],
)
def test_a_policy_chooses_the_versions(tmp_path: Path, push: Any, policy: Any, expected: list[int]) -> None:
    for version in range(1, 5):
        push(tmp_path, "ctr", version)
    assert list(states(manage(config(tmp_path, **policy)))) == expected


def test_a_new_version_takes_over_and_its_removal_brings_the_old_back(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    manager = manage(config(tmp_path))
    held = manager.find("ctr")
    newer = push(tmp_path, "ctr", 2)
    manager.poll()
    assert states(manager) == {2: "AVAILABLE", 1: "END"}
    assert held.graph.signatures  # whoever is in the middle of a request keeps what it has
    shutil.rmtree(newer)
    manager.poll()
    assert states(manager) == {2: "END", 1: "AVAILABLE"}
    push(tmp_path, "ctr", 2)
    manager.poll()
    assert manager.find("ctr").version == 2


def test_a_corrupt_version_never_unloads_the_serving_one(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    manager = manage(config(tmp_path), load_retry_s=0.0, load_retries_max=2)
    bad = push_corrupt(tmp_path, "ctr", 2)
    for expected in (State.LOADING, State.LOADING, State.END, State.END):
        manager.poll()
        (failed,) = manager.status("ctr", 2)
        assert (failed.state, failed.code) == (expected, "INVALID_ARGUMENT")
        assert "Cannot parse" in failed.message
        assert manager.find("ctr").version == 1
    assert failed.tries_count == 3
    push(tmp_path, "ctr", 3)
    manager.poll()
    assert manager.find("ctr").version == 3
    shutil.rmtree(bad)
    manager.poll()
    assert states(manager) == {3: "AVAILABLE", 2: "END", 1: "END"}


def test_a_load_is_retried_after_its_interval(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    bad = push_corrupt(tmp_path, "ctr", 2)
    manager = VersionManager(quiet, Options(load_retry_s=60.0))
    with pytest.raises(ServingError, match=r"1 model\(s\) did not become available: {{Latest\(ctr\) due to error"):
        manager.configure([config(tmp_path)])
    manager.poll()
    assert manager.status("ctr", 2)[0].tries_count == 1
    shutil.rmtree(bad)
    manager.poll()  # not wanted any more: no further tries, and the one before serves
    assert states(manager) == {2: "END", 1: "AVAILABLE"}


def test_a_load_that_comes_right_is_served(tmp_path: Path, push: Any) -> None:
    bad = push_corrupt(tmp_path, "ctr", 1)
    manager = VersionManager(quiet, Options(load_retry_s=0.0))
    with pytest.raises(ServingError):
        manager.configure([config(tmp_path)])
    shutil.copy(push(tmp_path, "other", 1) / "saved_model.pb", bad)
    manager.poll()
    (version,) = manager.status("ctr")
    assert (version.state, version.code, version.message) == (State.AVAILABLE, "OK", "")


def test_a_base_path_that_is_away_unloads_nothing_and_an_empty_one_all(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    manager = manage(config(tmp_path))
    (tmp_path / "ctr").rename(tmp_path / "away")
    manager.poll()
    assert states(manager) == {1: "AVAILABLE"}
    (tmp_path / "ctr").mkdir()
    manager.poll()
    assert states(manager) == {1: "END"}
    with pytest.raises(ServingError, match=r"^Servable not found for request: Latest\(ctr\)$"):
        manager.find("ctr")


def test_a_label_may_only_move_to_a_version_that_serves(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    push(tmp_path, "ctr", 2)
    both = {"specific": {"versions": [1, 2]}}
    with pytest.raises(ServingError, match="assign label to version 1 of model ctr") as failure:
        manage(config(tmp_path, labels={"stable": 1}, **both))
    assert failure.value.code == "FAILED_PRECONDITION"
    manager = manage(config(tmp_path, **both))
    manager.configure([config(tmp_path, labels={"stable": 1, "canary": 2}, **both)])
    assert (manager.labelled("ctr", "stable"), manager.labelled("ctr", "canary")) == (1, 2)
    with pytest.raises(ServingError, match="not currently available for inference"):
        manager.configure([config(tmp_path, labels={"stable": 9}, **both)])
    assert manager.labelled("ctr", "stable") == 1
    with pytest.raises(ServingError, match=r"^Unrecognized servable version label: beta$"):
        manager.labelled("ctr", "beta")


def test_a_label_may_be_early_where_that_is_allowed_but_not_move_early(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    manager = manage(config(tmp_path, labels={"stable": 1}), labels_may_be_early=True)
    assert manager.labelled("ctr", "stable") == 1
    with pytest.raises(ServingError, match="not currently available"):
        manager.configure([config(tmp_path, labels={"stable": 2})])


def test_a_new_configuration_replaces_the_whole_old_one(tmp_path: Path, push: Any) -> None:
    for name in ("ctr", "cvr"):
        push(tmp_path, name, 1)
    manager = manage(config(tmp_path))
    manager.configure([config(tmp_path, "cvr")])
    assert states(manager) == {1: "END"}
    assert manager.find("cvr").version == 1
    with pytest.raises(ServingError, match=r"Latest\(ctr\)"):
        manager.find("ctr")
    manager.configure([config(tmp_path), config(tmp_path, "cvr")])
    assert manager.find("ctr").version == 1


def test_status_of_what_was_never_seen(tmp_path: Path) -> None:
    (tmp_path / "ctr").mkdir()
    manager = VersionManager(quiet)
    with pytest.raises(ServingError, match=r"did not become available: {{Latest\(ctr\)}}"):
        manager.configure([config(tmp_path)])
    with pytest.raises(ServingError, match=r"^Could not find any versions of model ctr$"):
        manager.status("ctr")
    with pytest.raises(ServingError, match=r"^Could not find version 5 of model ctr$"):
        manager.status("ctr", 5)


def test_polling_goes_on_in_the_background(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    manager = manage(config(tmp_path), poll_s=0.01)
    manager.start()
    push(tmp_path, "ctr", 2)
    try:
        eventually(lambda: manager.find("ctr").version == 2)
    finally:
        manager.stop()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([("a", "/m/a", "tensorflow"), ("a", "/m/b", "tensorflow")], "Illegal to list model a multiple times"),
        ([("a", "m/a", "tensorflow")], r"to have an absolute path or URI; got base_path\(\)=m/a"),
        ([("a", "/m/a", "onnx")], "Model a requests unsupported platform onnx"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(models: list[tuple[str, str, str]], message: str) -> None:
    proto = ModelServerConfig()
    for name, path, platform in models:
        proto.model_config_list.config.add(name=name, base_path=path, model_platform=platform)
    with pytest.raises(ServingError, match=message):
        read_config(proto)


def test_a_configuration_file_that_does_not_parse_is_named(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text("model_config_list { nonsense: 1 }")
    with pytest.raises(ValueError, match=r"models\.config: .*nonsense"):
        read_config_file(file)
    with pytest.raises(ServingError, match="Only ModelConfigList is currently supported"):
        read_config(ModelServerConfig())
