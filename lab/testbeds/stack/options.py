"""How a run uses the stack; light, so that jobs and the command line can carry it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lab.testbeds.driver import DriverOptions, Unrecorded

LAB, TENSORFLOW = MODEL_SERVERS = ("lab", "tensorflow")
"""Who serves the model: the lab's own server, or the official TensorFlow Serving."""


class StackOptions(DriverOptions):
    """The options of a run on the stack."""

    time_scale: float = Field(1.0, gt=0, allow_inf_nan=False, description="Scenario seconds per real second.")
    keep: Annotated[bool, Unrecorded()] = Field(False, description="Leave the stack up afterwards.")
    build: Annotated[bool, Unrecorded()] = Field(True, description="Build images first where it is not up.")
    load_workers: Annotated[int, Unrecorded()] = Field(1, ge=1, description="Worker processes of the load.")
    model_server: Literal["lab", "tensorflow"] = Field(
        "lab", description="The lab's own model server, or the official TensorFlow Serving."
    )
