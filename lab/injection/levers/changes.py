"""What teams announce: deploys, migrations, campaigns. Benign and bad changes read alike."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.injection.levers.record import PROCESSES, ActValue

__all__ = ["Announce"]


class Announce(ActValue, act="changes.announce", on=PROCESSES | {"users"}):
    """Writes an entry of the change log."""

    kind: Annotated[str, Field(min_length=1, max_length=40, examples=["campaign"])]
    summary: Annotated[str, Field(min_length=1, max_length=400, examples=["Campaign started"])]
