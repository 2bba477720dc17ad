"""The extraction of generated modules from wheels."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from services.model.protos import extract, main


def wheel(file: Path, sources: dict[str, str]) -> Path:
    with ZipFile(file, "w") as archive:
        for name, source in sources.items():
            archive.writestr(name, source)
    return file


def test_only_what_is_imported_is_taken(tmp_path: Path) -> None:
    stubs = wheel(
        tmp_path / "stubs.whl",
        {
            "tensorflow_serving/apis/a_pb2.py": "from tensorflow.core.x import b_pb2 as tensorflow_dot_b\n",
            "tensorflow_serving/apis/a_pb2_grpc.py": "from tensorflow_serving.apis import a_pb2\n",
            "tensorflow_serving/apis/README": "",
        },
    )
    tensorflow = wheel(
        tmp_path / "tensorflow.whl",
        {
            "tensorflow/__init__.py": "heavy = True\n",
            "tensorflow/core/x/b_pb2.py": "from tensorflow.core.y.c_pb2 import *\n",
            "tensorflow/core/y/c_pb2.py": "",
            "tensorflow/core/y/unused_pb2.py": "",
            "tensorflow/core/protobuf/saved_model_pb2.py": "",
        },
    )
    assert extract(stubs, tensorflow, tmp_path / "out") == 5
    found = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*_pb2*.py")}
    assert found == {
        "tensorflow_serving/apis/a_pb2.py",
        "tensorflow_serving/apis/a_pb2_grpc.py",
        "tensorflow/core/x/b_pb2.py",
        "tensorflow/core/y/c_pb2.py",
        "tensorflow/core/protobuf/saved_model_pb2.py",
    }
    assert (tmp_path / "out/tensorflow/__init__.py").read_text() == ""
    assert (tmp_path / "out/tensorflow/core/x/__init__.py").exists()


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
