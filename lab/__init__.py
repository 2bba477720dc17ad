"""Chaos lab: breaks hybrid systems on purpose and grades root-cause analysis.

In Python and notebooks: `lab.run("mine.scenario.yaml")` runs, asks and grades; `lab.load_run(path)` opens a recording.
 Nothing heavy is imported before one of them is used. See docs/python.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.contracts import Diagnosis, EngineFailure, Evidence, Finding, Grade, Outcome, Truth, Verdict
    from lab.errors import LabError, UserError
    from lab.library import Run, Runs, load_run, run

__version__ = "0.1.0"

__all__ = [
    "Diagnosis",
    "EngineFailure",
    "Evidence",
    "Finding",
    "Grade",
    "LabError",
    "Outcome",
    "Run",
    "Runs",
    "Truth",
    "UserError",
    "Verdict",
    "load_run",
    "run",
]

_HOMES = {
    **dict.fromkeys(("Run", "Runs", "load_run", "run"), "lab.library"),
    **dict.fromkeys(("LabError", "UserError"), "lab.errors"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "lab.contracts")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
