"""How a run uses the stack; light, so that jobs and the command line can carry it."""

from __future__ import annotations

from dataclasses import dataclass

LAB, TENSORFLOW = MODEL_SERVERS = ("lab", "tensorflow")
"""Who serves the model: the lab's own server, or the official TensorFlow Serving."""


@dataclass(frozen=True)
class StackOptions:
    """`time_scale`: scenario seconds per real second. `keep`: leave the stack up. `build`: build images first.

    `model_server`: one of MODEL_SERVERS.
    """

    time_scale: float = 1.0
    keep: bool = False
    build: bool = True
    load_workers: int = 1
    model_server: str = LAB
