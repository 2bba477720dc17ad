"""The stand-in's image: the lab's model server, frozen, in an image of tensorflow/serving's kind, without Python.

python -m tests.stack.stand_ins     builds it, so that the tests find its layers: freezing takes a minute
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lab.systems.files import load_system
from lab.testbeds.stack.compose import Compose
from lab.testbeds.stack.session import MADE_BASE_IMAGE, Session

CONTEXT = Path(__file__).with_name("stand_in")


def build(compose: Compose) -> str:
    """Builds it on the image of the service `model`, which must be there; its name."""
    name, images = f"{compose.project}-stand-in", compose.client.images
    bases = [os.environ.get("LAB_BASE_IMAGE"), MADE_BASE_IMAGE if images.list(name=MADE_BASE_IMAGE) else ""]
    base = next(filter(None, bases), "debian:bookworm-slim")
    arguments = {"MODEL_IMAGE": f"{compose.project}-python", "BASE_IMAGE": base}
    images.build(path=str(CONTEXT), tag=name, buildargs=arguments, rm=True, forcerm=True)
    return name


def remove(compose: Compose) -> None:
    """Removes its image and the one that is built on it. The layers of freezing stay, for the next time."""
    images: Any = compose.client.images
    for name in (f"{compose.project}-tensorflow-serving", f"{compose.project}-stand-in"):
        if images.list(name=name):
            images.remove(name)


if __name__ == "__main__":
    print(build(Session(load_system("recommender")).compose))
