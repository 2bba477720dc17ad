"""The protobuf modules of TensorFlow Serving: generated from descriptors that are those of the released packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

protobuf = pytest.importorskip("google.protobuf.descriptor_pb2", reason="the services' requirements are not installed")
from scripts import vendor_protos  # noqa: E402
from services.model.protos import DESCRIPTORS, generate, main  # noqa: E402

TENSORFLOW_PYTHON = os.environ.get("LAB_TENSORFLOW_PYTHON", "")
COMPARE = """
import importlib, sys
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
for file in FileDescriptorSet.FromString(open(sys.argv[1], "rb").read()).file:
    if not file.name.startswith(("google/", *sys.argv[3:])):
        path = file.name.replace("xla/", sys.argv[2], 1) if file.name.startswith("xla/") else file.name
        module = importlib.import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2")
        same = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) == file
        print(file.name, "same" if same else "differs")
"""


# Where the wheel of TensorFlow has the modules of the files below `xla/`.
XLA = "tensorflow/compiler/xla/"


def all_same() -> list[str]:
    files = protobuf.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    return [f"{file.name} same" for file in files if not file.name.startswith("google/")]


def compare(python: str, folder: Path, xla: str = "xla/", *but: str) -> list[str]:
    """Says of every file of the descriptors whether the module that this Python finds for it is the same."""
    command = [python, "-c", COMPARE, str(DESCRIPTORS), xla, *but]
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout.splitlines()


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("grpc_tools", reason="the services' requirements are not installed")
    folder = tmp_path_factory.mktemp("modules")
    assert generate(DESCRIPTORS, folder) == len(all_same()) + 3
    return folder


def test_modules_say_what_the_descriptors_say(modules: Path) -> None:
    assert compare(sys.executable, modules) == all_same()


def test_only_services_have_modules_for_grpc(modules: Path) -> None:
    assert {path.name for path in modules.rglob("*_pb2_grpc.py")} == {
        "model_service_pb2_grpc.py", "prediction_service_pb2_grpc.py", "session_service_pb2_grpc.py"
    }  # fmt: skip


def test_the_descriptors_are_found_in_the_packages_again(modules: Path, tmp_path: Path) -> None:
    wheels = {name: tmp_path / f"{name}.whl" for name in ("tensorflow_serving", "tensorflow")}
    for name, file in wheels.items():
        with ZipFile(file, "w") as wheel:
            for path in sorted(modules.rglob("*_pb2.py")):
                place = path.relative_to(modules).as_posix().replace("xla/", XLA)
                if place.startswith(f"{name}/"):
                    wheel.writestr(place, path.read_text().replace("from xla.", "from tensorflow.compiler.xla."))
            if name == "tensorflow":
                wheel.writestr("tensorflow/core/framework/unused_pb2.py", "raise AssertionError\n")
    found = vendor_protos.extract(wheels["tensorflow_serving"], wheels["tensorflow"], tmp_path / "out")
    assert "tensorflow.core.framework.unused_pb2" not in found
    assert vendor_protos.collect(found, tmp_path / "out") == DESCRIPTORS.read_bytes()


@pytest.mark.skipif(not TENSORFLOW_PYTHON, reason="TensorFlow is not installed: make test-tensorflow")
def test_the_descriptors_are_those_of_tensorflow_itself(tmp_path: Path) -> None:
    """Of TensorFlow Serving's own files, whose package is not there, scripts/vendor_protos.py --check says it."""
    lines = compare(TENSORFLOW_PYTHON, tmp_path, XLA, "tensorflow_serving/")
    assert lines == [line for line in all_same() if not line.startswith("tensorflow_serving/")]
    assert len(lines) > 30


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
