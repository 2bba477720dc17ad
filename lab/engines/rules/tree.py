"""The rule file as data. Conditions speak of signals and of element kinds, never of names or times.

A cause is looked for on `each` link, component kind or feature column. Its first condition is scanned for and
gives the window; the others compare that window with the rest of the recording. Names in braces are bound:
{link}, {caller}, {callee}, {component}, {column}, {store} (the component the feature contract names), {entry},
{entry_link}; `*` stands for any text in a subject.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lab.contracts import Boundary
from lab.signals.catalogue import CATALOGUE
from lab.topology import ComponentKind, Strict
from lab.yamlmodel import validate
from lab.yamlsource import read_yaml

Signal = Annotated[str, Field(min_length=1)]


class Condition(Strict):
    """One test of a signal over a window: exactly one of rises, falls, steady, any.

    `by` is the least absolute change, `times` the least relative one (0.2: by a fifth), `z` the least
    standardised one. `steady` holds when the signal did not move that far up (or is unknown). `anywhere` scans
    the whole recording instead of comparing the window. `abrupt` wants most of the change within 30 s of the onset.
    """

    rises: Signal | None = None
    falls: Signal | None = None
    steady: Signal | None = None
    any: tuple[Condition, ...] = ()
    of: str = ""
    by: float = 0.0
    times: float = 0.0
    z: float = 5.0
    anywhere: bool = False
    abrupt: bool = False

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        named = [s for s in (self.rises, self.falls, self.steady) if s]
        if len(named) + bool(self.any) != 1:
            raise ValueError("expected exactly one of rises, falls, steady, any")
        if named and named[0] not in CATALOGUE:
            raise ValueError(f"expected a signal of the catalogue, not {named[0]!r}")
        return self

    @property
    def signal(self) -> str:
        return self.rises or self.falls or self.steady or ""


class Because(Strict):
    """A link of the why-chain: said when its signal moved over the window (`only` one way), or always without one."""

    moved: Signal | None = None
    only: Literal["rises", "falls"] | None = None
    of: str = ""
    says: str
    z: float = 4.0


class Cause(Strict):
    """One basic event of the fault tree.

    `derived` narrows `each: column` to columns that the feature contract calls derived from other data, such as
    counts of events, which follow the traffic (true), or to those it does not (false).
    """

    kind: str
    boundary: Boundary
    each: Literal["link", "column"] | ComponentKind | tuple[ComponentKind, ...]
    derived: bool | None = None
    culprit: str
    confidence: float = Field(gt=0, le=1)
    when: tuple[Condition, ...] = Field(min_length=1)
    unless: tuple[Condition, ...] = ()
    because: tuple[Because, ...]


class Tree(Strict):
    """The whole rule file. `noise` gives, by signal, the least standard deviation to assume."""

    schema_version: Literal[1]
    noise: dict[str, float]
    symptoms: tuple[Because, ...]
    causes: tuple[Cause, ...]


def load_tree(path: Path) -> Tree:
    """Reads a rule file; UserError with file, line and column where it is wrong."""
    return validate(read_yaml(path), Tree)
