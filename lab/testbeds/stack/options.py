"""The options of a run on the stack. Quick to import, for the command line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lab.testbeds.driver import DriverOptions, Unrecorded

SYSTEM = "recommender"
"""The system whose stack is meant where none is named."""
LAB, TENSORFLOW = MODEL_SERVERS = ("lab", "tensorflow")
"""Who serves the model: the lab's own server, or the official TensorFlow Serving."""


class StackOptions(DriverOptions):
    """The options of a run on the stack."""

    time_scale: float = Field(1.0, gt=0, allow_inf_nan=False, description="Scenario seconds per real second.")
    keep: Annotated[bool, Unrecorded()] = Field(False, description="Leave the stack running afterwards.")
    build: Annotated[bool, Unrecorded()] = Field(True, description="Build images first if the stack is not running.")
    load_workers: Annotated[int, Unrecorded()] = Field(1, ge=1, description="Worker processes of the load.")
    model_server: Literal["lab", "tensorflow"] = Field(
        "lab", description="The lab's own model server, or the official TensorFlow Serving."
    )
