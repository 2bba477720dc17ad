"""SavedModels: written in the official layout, read back and evaluated without TensorFlow."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from lab.agreed import trees
from services.model import savedmodel
from services.model.errors import ServingError
from services.model.graph import Graph, load
from services.model.tensors import array_of, tensor_of
from tests import boosted_trees

FLOAT = types_pb2.DT_FLOAT
ROOT = Path(__file__).resolve().parents[3]


def small_graph(*nodes: tuple[str, str, list[str], dict[str, Any]], output: str, shape: tuple[int, ...]) -> Graph:
    """A graph with input x (-1, 2) of float; attributes are types, lists, bools or arrays."""
    meta = MetaGraphDef()
    placeholder = meta.graph_def.node.add(name="x", op="Placeholder")
    placeholder.attr["dtype"].type = FLOAT
    for name, op, inputs, attributes in nodes:
        node = meta.graph_def.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            if isinstance(value, np.ndarray):
                node.attr[key].tensor.CopyFrom(tensor_of(value))
            elif isinstance(value, bool):
                node.attr[key].b = value
            elif isinstance(value, list):
                node.attr[key].list.i.extend(value)
            else:
                node.attr[key].type = value
    signature = meta.signature_def["serving_default"]
    ends = ((signature.inputs["x"], "x:0", (-1, 2)), (signature.outputs["y"], output, shape))
    for info, tensor, sizes in ends:
        info.name, info.dtype = tensor, FLOAT
        for size in sizes:
            info.tensor_shape.dim.add(size=size)
    return Graph(meta)


def const(name: str, value: Any, dtype: Any = np.float32) -> tuple[str, str, list[str], dict[str, Any]]:
    """A Const node."""
    return name, "Const", [], {"value": np.array(value, dtype)}


def test_scores_equal_the_simulators_to_six_decimals(tmp_path: Path, make_model: Any, push: Any) -> None:
    for seed in range(1, 6):
        graph = load(push(tmp_path, "ctr", seed))
        inputs = np.random.default_rng(seed).normal(0, 3, (20_000, 14))
        scores = graph.run("serving_default", {"inputs": inputs}, ["scores"])["scores"]
        np.testing.assert_array_equal(np.round(scores, 6), make_model(seed).score(inputs))


def test_a_version_has_the_official_layout(tmp_path: Path, push: Any) -> None:
    folder = push(tmp_path, "ctr", 7)
    assert sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")) == [
        "ctr",
        "ctr/7",
        "ctr/7/saved_model.pb",
        "ctr/7/variables",
    ]
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (meta_graph,) = model.meta_graphs
    assert list(meta_graph.meta_info_def.tags) == ["serve"]
    signature = meta_graph.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    for info, name, sizes in (
        (signature.inputs["inputs"], "inputs:0", [-1, 14]),
        (signature.outputs["scores"], "scores:0", [-1]),
    ):
        assert (info.name, info.dtype) == (name, types_pb2.DT_DOUBLE)
        assert [dim.size for dim in info.tensor_shape.dim] == sizes


def test_a_version_is_pushed_once(tmp_path: Path, push: Any) -> None:
    push(tmp_path, "ctr", 1)
    with pytest.raises(FileExistsError, match="version 1 of ctr exists"):
        push(tmp_path, "ctr", 1)


def test_a_registry_entry_is_pushed_by_command(
    tmp_path: Path, make_model: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(make_model(5).registry_entry(5))))
    assert savedmodel.main([str(tmp_path), "ctr", "5"]) == 0
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "ctr" / "5"
    assert list(load(tmp_path / "ctr" / "5").signatures) == ["serving_default"]
    assert savedmodel.main(["too", "few"]) == 2


def test_the_same_entry_always_gives_the_same_bytes(tmp_path: Path, make_model: Any) -> None:
    entry = json.dumps(make_model(3).registry_entry(3))
    written = []
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "services.model.savedmodel", str(tmp_path / seed), "ctr", "3"],
            input=entry, text=True, check=True, cwd=ROOT, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        written.append((tmp_path / seed / "ctr" / "3" / "saved_model.pb").read_bytes())
    assert written[0] == written[1] == savedmodel.encode(json.loads(entry))


def test_a_registry_entry_that_is_not_whole_is_refused(make_model: Any) -> None:
    with pytest.raises(ValueError, match="weights has 13 values for 14 inputs"):
        savedmodel.encode({**make_model(1).registry_entry(1), "weights": [0.0] * 13})


def test_trees_give_the_scores_of_the_registry_even_where_inputs_are_no_numbers(tmp_path: Path) -> None:
    entry, _, rows = boosted_trees.fitted(trees=20)
    graph = load(savedmodel.push(tmp_path, "model", 1, savedmodel.encode(entry)))
    odd = rows[:14].copy()
    for value in (np.nan, np.inf, -np.inf, 1e308):
        np.fill_diagonal(odd, value)
        for inputs in (odd, rows):
            scores = graph.run("serving_default", {"inputs": inputs}, ["scores"])["scores"]
            np.testing.assert_array_equal(np.round(scores, 6), trees.score(entry, inputs))
    assert np.ptp(trees.score(entry, odd)) > 0.1


def test_columns_that_are_not_there_fail_the_request() -> None:
    graph = small_graph(
        const("which", [1, 0], np.int32),
        const("axis", 1, np.int32),
        ("y", "GatherV2", ["x", "which", "axis"], {}),
        output="y:0", shape=(-1, 2),
    )  # fmt: skip
    swapped = graph.run("serving_default", {"x": np.array([[1, 2]], np.float32)}, ["y"])["y"]
    np.testing.assert_array_equal(swapped, [[2, 1]])
    with pytest.raises(ServingError, match="indices are not in"):
        small_graph(
            const("which", [2], np.int32),
            const("axis", 1, np.int32),
            ("y", "GatherV2", ["x", "which", "axis"], {}),
            output="y:0", shape=(-1, 1),
        )  # fmt: skip


def test_a_family_that_is_not_known_is_refused(make_model: Any) -> None:
    with pytest.raises(ValueError, match="family 'oracle' is not known; expected one of logistic-regression, gradient"):
        savedmodel.encode({**make_model(1).registry_entry(1), "family": "oracle"})


def test_a_network_with_a_hidden_layer_is_evaluated() -> None:
    hidden, bias, out = [[1.0, -2.0, 0.5], [0.0, 1.0, -1.0]], [0.1, 0.2, -0.3], [[1.0], [2.0], [-1.0]]
    graph = small_graph(
        const("w1", hidden),
        const("b1", bias),
        const("w2", np.transpose(out)),
        const("half", 0.5, np.float64),
        const("flat", [-1], np.int32),
        ("mm1", "MatMul", ["x", "w1"], {}),
        ("add1", "BiasAdd", ["mm1", "b1"], {}),
        ("relu", "Relu", ["add1"], {}),
        ("mm2", "MatMul", ["relu", "w2"], {"transpose_b": True}),
        ("tanh", "Tanh", ["mm2"], {}),
        ("same", "Identity", ["tanh", "^relu"], {}),
        ("wide", "Cast", ["same"], {"DstT": types_pb2.DT_DOUBLE}),
        ("scaled", "Mul", ["wide", "half"], {}),
        ("narrow", "Cast", ["scaled"], {"DstT": FLOAT}),
        ("y", "Reshape", ["narrow", "flat"], {}),
        output="y:0",
        shape=(-1,),
    )
    x = np.array([[1.0, 2.0], [-0.5, 0.3]], np.float32)
    y = graph.run("serving_default", {"x": x}, ["y"])["y"]
    expected = np.tanh(np.maximum(x @ np.array(hidden) + bias, 0) @ out).ravel() / 2
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "output", "code", "message"),
    [
        ([("y", "LookupTableFindV2", ["x"], {})], "y:0", "UNIMPLEMENTED", "Op type LookupTableFindV2 of node 'y'"),
        ([("y", "Relu", ["z"], {})], "y:0", "INVALID_ARGUMENT", "Node 'z' is not in the graph"),
        ([("y", "Relu", ["z"], {}), ("z", "Relu", ["y"], {})], "y:0", "INVALID_ARGUMENT", "part of a cycle"),
        ([("z", "Placeholder", [], {}), ("y", "Add", ["x", "z"], {})], "y:0", "INVALID_ARGUMENT", "not an input"),
        ([const("w", [[1.0]] * 3), ("y", "MatMul", ["x", "w"], {})], "y:0", "INVALID_ARGUMENT", "matmul"),
        ([("y", "Cast", ["x"], {"DstT": types_pb2.DT_DOUBLE})], "y:0", "INVALID_ARGUMENT", "Output 'y' of signature"),
    ],
    ids=["unknown op", "missing node", "cycle", "unfed placeholder", "shapes", "output type"],
)
def test_what_cannot_be_evaluated_fails_the_load(nodes: Any, output: str, code: str, message: str) -> None:
    with pytest.raises(ServingError, match=message) as failure:
        small_graph(*nodes, output=output, shape=(-1, 2))
    assert failure.value.code == code


def test_a_file_that_is_no_saved_model_fails_the_load(tmp_path: Path, push: Any) -> None:
    file = push(tmp_path, "ctr", 1) / "saved_model.pb"
    for content, code, message in (
        (file.read_bytes()[:200], "INVALID_ARGUMENT", "Cannot parse"),
        (b"", "NOT_FOUND", "matching supplied tags"),
    ):
        file.write_bytes(content)
        with pytest.raises(ServingError, match=message) as failure:
            load(file.parent)
        assert failure.value.code == code
    file.unlink()
    with pytest.raises(ServingError, match="Could not find SavedModel"):
        load(file.parent)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.bool_])
def test_tensors_survive_the_wire(dtype: Any, packed: bool) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = array_of(tensor_of(array, packed=packed), "x")
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_a_tensor_is_filled_with_its_last_value() -> None:
    tensor = tensor_of(np.zeros((2, 2)))
    del tensor.double_val[:]
    np.testing.assert_array_equal(array_of(tensor, "x"), np.zeros((2, 2)))
    tensor.double_val.extend([1.0, 7.0])
    np.testing.assert_array_equal(array_of(tensor, "x"), [[1, 7], [7, 7]])


def broken_tensor(change: Callable[[Any], None]) -> Any:
    """A tensor of 2 × 2, changed."""
    tensor = tensor_of(np.zeros((2, 2)), packed=True)
    change(tensor)
    return tensor


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: setattr(tensor, "tensor_content", b"short"),
        lambda tensor: setattr(tensor.tensor_shape.dim[0], "size", -1),
        lambda tensor: setattr(tensor.tensor_shape.dim[0], "size", 1 << 40),
        lambda tensor: setattr(tensor.tensor_shape, "unknown_rank", True),
    ],
    ids=["content", "negative", "huge", "unknown rank"],
)
def test_a_tensor_that_does_not_fit_its_shape_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(ServingError, match="tensor parsing error: x"):
        array_of(broken_tensor(change), "x")
