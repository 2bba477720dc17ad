"""Writes the protobuf modules of TensorFlow Serving, without TensorFlow: `python -m services.model.protos DEST`.

protoc (`grpcio-tools`) generates them from `tensorflow_serving.binpb` beside this file: the descriptors of TensorFlow
Serving's protocol and of the part of TensorFlow's that it uses (its licence is beside it), which
`scripts/vendor_protos.py` takes from their released packages. DEST then goes on the module path, before any real
TensorFlow. Run as a file it needs nothing else of this repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

DESCRIPTORS = Path(__file__).with_name("tensorflow_serving.binpb")


def main(arguments: list[str]) -> int:
    """Fills the directory named in arguments. Returns 2 on wrong usage."""
    if len(arguments) != 1:
        print("usage: python -m services.model.protos DEST", file=sys.stderr)
        return 2
    count = generate(DESCRIPTORS, Path(arguments[0]))
    print(f"{count} modules in {arguments[0]}")
    return 0


def generate(descriptors: Path, destination: Path) -> int:
    """Writes a module for every file of a descriptor set, and one for its gRPC services. Returns how many there are.

    Google's own well-known types, which every protobuf brings, are left out. RuntimeError where protoc fails.
    """
    files = FileDescriptorSet.FromString(descriptors.read_bytes()).file
    wanted = [file for file in files if not file.name.startswith("google/protobuf/")]
    served = [file.name for file in wanted if file.service]
    destination.mkdir(parents=True, exist_ok=True)
    _protoc(descriptors, f"--python_out={destination}", [file.name for file in wanted])
    _protoc(descriptors, f"--grpc_python_out={destination}", served)
    for package in {parent for file in wanted for parent in Path(file.name).parents[:-1]}:
        (destination / package / "__init__.py").touch()
    return len(wanted) + len(served)


def _protoc(descriptors: Path, output: str, names: list[str]) -> None:
    from grpc_tools import protoc

    code = protoc.main(["protoc", f"--descriptor_set_in={descriptors}", output, *names])
    if code:
        raise RuntimeError(f"protoc {output} of {descriptors} ended with {code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
