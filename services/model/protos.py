"""Gets the generated protobuf modules of TensorFlow Serving without TensorFlow: `python -m services.model.protos DEST`.

`tensorflow-serving-api` (30 KB) imports some 40 generated modules of `tensorflow`. They are taken out of the
`tensorflow-cpu` wheel, which is downloaded by pip and thrown away. DEST then goes on the module path, before any real
TensorFlow. Run as a file it needs nothing but Python and pip.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

VERSION = "2.21.0"
# Any one wheel will do on every platform: generated modules are plain Python.
TENSORFLOW_TAGS = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_27_x86_64")
_IMPORT = re.compile(r"^from (tensorflow[\w.]*) import (\w+_pb2)|^from (tensorflow[\w.]*_pb2) import", re.MULTILINE)
# Beyond what the stubs import: the file format of a SavedModel.
_EXTRA = ("tensorflow.core.protobuf.saved_model_pb2",)


def main(arguments: list[str]) -> int:
    """Fills the directory named in arguments. Returns 2 on wrong usage; pip's failures are raised."""
    if len(arguments) != 1:
        print("usage: python -m services.model.protos DEST", file=sys.stderr)
        return 2
    destination = Path(arguments[0])
    with tempfile.TemporaryDirectory() as folder:
        stubs = _download(f"tensorflow-serving-api=={VERSION}", Path(folder) / "stubs")
        tensorflow = _download(f"tensorflow-cpu=={VERSION}", Path(folder) / "tensorflow", *TENSORFLOW_TAGS)
        count = extract(stubs, tensorflow, destination)
    print(f"{count} modules in {destination}")
    return 0


def extract(stubs: Path, tensorflow: Path, destination: Path) -> int:
    """Copies the stubs and what they import, directly or not, from two wheels. Returns how many modules there are."""
    sources: dict[str, bytes] = {}
    with ZipFile(stubs) as wheel:
        sources.update({name: wheel.read(name) for name in wheel.namelist() if name.endswith("_pb2.py")})
        sources.update({name: wheel.read(name) for name in wheel.namelist() if name.endswith("_pb2_grpc.py")})
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
        for package in Path(path).parents[:-1]:
            (destination / package / "__init__.py").touch()
    return len(sources)


def _imports(source: bytes) -> list[str]:
    """The generated TensorFlow modules a module imports."""
    return [f"{found[0]}.{found[1]}" if found[0] else found[2] for found in _IMPORT.findall(source.decode())]


def _download(requirement: str, folder: Path, *tags: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *tags]
    subprocess.run([*command, "--dest", str(folder), requirement], check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
