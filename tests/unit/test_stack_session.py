"""Going back to what was on the engine before a lab: what it made goes, what somebody removed stays removed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.testbeds.stack.belongings import NOTHING
from lab.testbeds.stack.session import Session


@pytest.mark.parametrize(
    ("there", "had", "is_brought_up"),
    [
        (("lab", 1), ("lab", 1), False),
        (("tensorflow", 1), ("lab", 1), True),
        (("lab", 4), ("lab", 1), True),
        (("lab", 4), ("", 0), False),
        (("", 0), ("lab", 1), False),
    ],
    ids=["as it was", "another model server", "more workers", "nothing was there", "removed by hand"],
)
def test_only_what_took_the_place_of_another_is_brought_up_anew(
    there: tuple[str, int], had: tuple[str, int], is_brought_up: bool
) -> None:
    done: list[str] = []
    compose = SimpleNamespace(running_model_server=lambda: there[0])
    session: Any = SimpleNamespace(
        compose=compose, load_workers=lambda: there[1], _of_either_server=set, up=lambda **_: done.append("up"),
        _take_down=lambda *_: done.append("down"),
    )  # fmt: skip
    Session.go_back_to(session, NOTHING, *had)
    assert done == (["up"] if is_brought_up else []) + ["down"]
