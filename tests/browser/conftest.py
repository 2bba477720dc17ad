"""The fixtures of the training pages, where there is something to open them with."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("playwright"):
    from tests.training_pages import alone, browser, group, opened, solved  # noqa: F401
