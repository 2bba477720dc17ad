"""The board of a session: hypotheses, what speaks for and against them, five whys, notes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from lab.investigation.queries.asking import QueryError, UnknownError

Kind: TypeAlias = Literal["hypotheses", "pins", "notes"]
KINDS: tuple[Kind, ...] = ("hypotheses", "pins", "notes")
MOST: Mapping[str, int] = {"hypotheses": 50, "pins": 300, "notes": 300}
"""Of each on one board."""
WHYS = "whys"


class Board:
    """What is on a board, in the order in which it was put there. `version` grows with each change."""

    def __init__(self, items: list[tuple[str, dict[str, Any]]]) -> None:
        self.version = len(items)
        self.whys: list[str] = []
        self._items: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        for kind, content in items:
            if kind == WHYS:
                self.whys = list(content["whys"])
            else:
                self._items[kind][content["id"]] = content

    def copy(self) -> Board:
        """One that changes by itself."""
        other = Board([])
        other.version, other.whys = self.version, self.whys
        other._items = {kind: dict(items) for kind, items in self._items.items()}
        return other

    def content(self) -> dict[str, Any]:
        """All of it."""
        lists = {kind: list(items.values()) for kind, items in self._items.items()}
        return {"version": self.version, **lists, "whys": self.whys}

    def added(self, kind: Kind, content: Mapping[str, Any]) -> dict[str, Any]:
        """Something new on the board, with an id of its own. QueryError where there are too many."""
        if len(self._items[kind]) >= MOST[kind]:
            raise QueryError(f"too many {kind}", seen=str(len(self._items[kind])), expected=f"at most {MOST[kind]}")
        item = {"id": secrets.token_hex(4), **content}
        self._check(kind, item)
        return self._put(kind, item)

    def changed(self, kind: Kind, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Another version of something on the board. UnknownError where it is not there."""
        item = {**self._found(kind, name), **changes}
        self._check(kind, item)
        return self._put(kind, item)

    def removed(self, kind: Kind, name: str) -> list[tuple[Kind, dict[str, Any]]]:
        """Takes something off, and gives what else changed: what hung on a hypothesis hangs on none."""
        self._found(kind, name)
        del self._items[kind][name]
        self.version += 1
        if kind != "hypotheses":
            return []
        left: list[tuple[Kind, dict[str, Any]]] = []
        for other, field in (("hypotheses", "parent"), ("pins", "hypothesis")):
            for item in [one for one in self._items[other].values() if one.get(field) == name]:
                left.append((other, self._put(other, {**item, field: None})))  # type: ignore[arg-type]
        return left

    def set_whys(self, whys: list[str]) -> None:
        """The chain of whys, from what was noticed to its cause."""
        self.whys = whys
        self.version += 1

    def _put(self, kind: str, item: dict[str, Any]) -> dict[str, Any]:
        self._items[kind][item["id"]] = item
        self.version += 1
        return item

    def _found(self, kind: Kind, name: str) -> dict[str, Any]:
        if name not in self._items[kind]:
            raise UnknownError(f"unknown {kind}", expected="an id that is on the board")
        return self._items[kind][name]

    def _check(self, kind: Kind, item: Mapping[str, Any]) -> None:
        """QueryError where a hypothesis hangs on one that is not there, or on itself by way of others."""
        known = self._items["hypotheses"]
        above = item.get("parent" if kind == "hypotheses" else "hypothesis")
        if above is not None and above not in known:
            raise QueryError("unknown hypothesis", expected="the id of one on the board")
        while above is not None and kind == "hypotheses":
            if above == item["id"]:
                raise QueryError("a hypothesis cannot be a part of itself", hint="choose another parent")
            above = known[above].get("parent") if above in known else None
