"""The boards of a training's sessions, kept as they change: what cannot be kept is not on the board either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.investigation.board import WHYS, Board, Kind
from lab.investigation.session import Session

if TYPE_CHECKING:
    from lab.investigation.store import Store


class Boards:
    """Changes of boards. QueryError and UnknownError as from `lab.investigation.board.Board`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, one: Session, kind: Kind, content: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
        """Puts something new on the board, or changes what is there under a name."""
        with _changing(one) as board:
            item = board.added(kind, content) if name is None else board.changed(kind, name, content)
            self._store.put_item(one.id, kind, item["id"], item)
            return item

    def drop(self, one: Session, kind: Kind, name: str) -> None:
        """Takes something off the board."""
        with _changing(one) as board:
            for other, item in board.removed(kind, name):
                self._store.put_item(one.id, other, item["id"], item)
            self._store.drop_item(one.id, kind, name)

    def set_whys(self, one: Session, whys: list[str]) -> None:
        """Sets the chain of whys."""
        with _changing(one) as board:
            board.set_whys(whys)
            self._store.put_item(one.id, WHYS, WHYS, {"whys": whys})


@contextmanager
def _changing(one: Session) -> Iterator[Board]:
    """A copy of a session's board, which takes its place once what was changed is kept."""
    with one.lock:
        board = one.board.copy()
        yield board
        one.board = board
