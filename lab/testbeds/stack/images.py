"""Disk space of images: the size of each, and of a set of them with every layer counted once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.testbeds.stack.compose import Compose

_PROJECT = re.compile(r"\$\{COMPOSE_PROJECT_NAME[^}]*\}")

Layers = Mapping[str, int]
"""Bytes of each layer by what identifies it: everything up to it."""


@dataclass(frozen=True)
class ImageSize:
    """An image's bytes: all, and those of layers that no other image of the set has."""

    name: str
    size_bytes: int
    unique_bytes: int


@dataclass(frozen=True)
class Sizes:
    """A set of images, and the bytes of all their layers, each counted once."""

    images: list[ImageSize]
    distinct_bytes: int


def image_names(compose: Compose) -> list[str]:
    """The images of the services without a profile, each once."""
    names = (_PROJECT.sub(compose.project, spec["image"]) for spec in compose.services.values())
    return sorted(set(names))


def sizes(client: Any, names: Iterable[str]) -> Sizes:
    """Measures images of an engine; those that are not there are left out."""
    from docker.errors import NotFound

    found: dict[str, Layers] = {}
    for name in names:
        try:
            found[name] = layers(client.api.history(name))
        except NotFound:
            continue
    return count(found)


def layers(history: list[dict[str, Any]]) -> Layers:
    """An image's layers from its history, newest first as the engine gives it.

    Two images share a layer where their histories agree up to it. What a step changed is not compared: that it was
    made at the same second by the same step on the same layers is enough.
    """
    steps: dict[str, int] = {}
    key = ""
    for step in reversed(history):
        key = f"{key}\n{step['Created']} {step['Size']} {step['CreatedBy']}"
        steps[key] = int(step["Size"])
    return steps


def count(images: Mapping[str, Layers]) -> Sizes:
    """The sizes of images from their layers."""
    owners: dict[str, list[str]] = {}
    for name, own in images.items():
        for key in own:
            owners.setdefault(key, []).append(name)
    measured = [
        ImageSize(name, sum(own.values()), sum(size for key, size in own.items() if owners[key] == [name]))
        for name, own in images.items()
    ]
    distinct = {key: size for own in images.values() for key, size in own.items()}
    return Sizes(measured, sum(distinct.values()))


def table(measured: Sizes) -> list[str]:
    """Lines of a table in MB (10^6 bytes)."""
    width = max([len("all layers, each once"), *(len(image.name) for image in measured.images)])
    lines = [f"{'image':<{width}}  {'size':>8}  {'its own':>8}"]
    for image in measured.images:
        lines.append(f"{image.name:<{width}}  {_mb(image.size_bytes)}  {_mb(image.unique_bytes)}")
    return [*lines, f"{'all layers, each once':<{width}}  {_mb(measured.distinct_bytes)}"]


def _mb(size: int) -> str:
    return f"{size / 1e6:5.0f} MB"
