"""Takes the descriptors of TensorFlow Serving's protocol from the released packages, for services/model/protos.py.

    python scripts/vendor_protos.py            writes services/model/tensorflow_serving.binpb
    python scripts/vendor_protos.py --check    says whether it is what the packages say; ends with 1 where it is not

pip downloads `tensorflow-serving-api` (30 KB) and `tensorflow-cpu` (270 MB), whose generated modules hold the
descriptors; only protobuf needs to be installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

VERSION = "2.21.0"
TARGET = Path(__file__).resolve().parents[1] / "services" / "model" / "tensorflow_serving.binpb"
# Any one wheel will do on every platform: generated modules are plain Python.
TENSORFLOW_TAGS = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_27_x86_64")
_IMPORT = re.compile(r"^from (tensorflow[\w.]*) import (\w+_pb2)|^from (tensorflow[\w.]*_pb2) import", re.MULTILINE)
# Beyond what the stubs import: the file format of a SavedModel.
_EXTRA = ("tensorflow.core.protobuf.saved_model_pb2",)
# Run where the modules are, apart from this process and what it has loaded.
_COLLECT = """
import importlib, sys
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

files = {}

def add(file):
    if file.name not in files:
        for needed in file.dependencies:
            add(needed)
        files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

for module in sys.argv[1:]:
    add(importlib.import_module(module).DESCRIPTOR)
sys.stdout.buffer.write(FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True))
"""


def main(arguments: list[str]) -> int:
    """Writes the file, or compares it with --check: 1 where it differs. 2 on wrong usage; pip's failures are raised."""
    if arguments not in ([], ["--check"]):
        print("usage: vendor_protos.py [--check]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        stubs = _download(f"tensorflow-serving-api=={VERSION}", Path(folder) / "stubs")
        tensorflow = _download(f"tensorflow-cpu=={VERSION}", Path(folder) / "tensorflow", *TENSORFLOW_TAGS)
        modules = extract(stubs, tensorflow, Path(folder) / "modules")
        found = collect(modules, Path(folder) / "modules")
    if not arguments:
        TARGET.write_bytes(found)
        print(f"{TARGET}: {len(found)} bytes from {len(modules)} modules of TensorFlow {VERSION}")
    elif TARGET.read_bytes() != found:
        print(f"{TARGET} is not what TensorFlow {VERSION} says: run {sys.argv[0]}", file=sys.stderr)
        return 1
    return 0


def extract(stubs: Path, tensorflow: Path, destination: Path) -> list[str]:
    """Copies the stubs' messages and what they import, directly or not, from two wheels. Returns the modules' names."""
    with ZipFile(stubs) as wheel:
        sources = {name: wheel.read(name) for name in wheel.namelist() if name.endswith("_pb2.py")}
    wanted = [module for source in sources.values() for module in _imports(source)] + list(_EXTRA)
    with ZipFile(tensorflow) as wheel:
        while wanted:
            path = wanted.pop().replace(".", "/") + ".py"
            if path not in sources:
                sources[path] = wheel.read(path)
                wanted.extend(_imports(sources[path]))
    for path, source in sources.items():
        file = destination / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source)
    return sorted(path.removesuffix(".py").replace("/", ".") for path in sources)


def collect(modules: list[str], folder: Path) -> bytes:
    """The descriptors of these modules of a folder and of what they need: a FileDescriptorSet, needed files first."""
    command = [sys.executable, "-c", _COLLECT, *modules]
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE).stdout


def _imports(source: bytes) -> list[str]:
    """The generated TensorFlow modules a module imports."""
    return [f"{found[0]}.{found[1]}" if found[0] else found[2] for found in _IMPORT.findall(source.decode())]


def _download(requirement: str, folder: Path, *tags: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *tags]
    subprocess.run([*command, "--dest", str(folder), requirement], check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
