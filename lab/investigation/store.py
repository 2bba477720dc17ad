"""What is kept of sessions: one SQLite file. A server that is killed loses seconds of a clock at most."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lab.errors import Problem, UserError
from lab.investigation.codes import new_code

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "training.sqlite3"
VERSION = 3
"""Of the schema below; kept as the file's `user_version`."""
_BUSY_S = 10.0

_SCHEMA = (
    """
    CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE participants (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, token_sha256 TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, participant TEXT NOT NULL REFERENCES participants (id), exercise TEXT NOT NULL,
        fingerprint TEXT NOT NULL, created_at REAL NOT NULL, now_s REAL NOT NULL, speed REAL NOT NULL,
        state TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sessions_of ON sessions (participant);
    CREATE TABLE items (
        session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, kind TEXT NOT NULL, id TEXT NOT NULL,
        place INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (session, kind, id)
    ) STRICT;
    CREATE TABLE looks (
        session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, kind TEXT NOT NULL,
        reference TEXT NOT NULL, at_s REAL NOT NULL, PRIMARY KEY (session, kind, reference)
    ) STRICT
    """,
    """
    CREATE TABLE postmortems (
        session TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE, revision INTEGER NOT NULL,
        text TEXT NOT NULL, saved_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE stretches (
        session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, kind TEXT NOT NULL,
        reference TEXT NOT NULL, at_s REAL NOT NULL, until_s REAL NOT NULL,
        PRIMARY KEY (session, kind, reference, at_s)
    ) STRICT;
    INSERT INTO stretches SELECT session, kind, reference, at_s, at_s FROM looks ORDER BY rowid;
    DROP TABLE looks;
    ALTER TABLE stretches RENAME TO looks
    """,
)
"""Statements that lead from each version to the next."""

Role = Literal["solo", "participant", "instructor"]


class Participant(NamedTuple):
    """Somebody with sessions. `id` is opaque."""

    id: str
    name: str
    role: Role


class SessionRow(NamedTuple):
    """What is kept of a session. `state` is JSON: what was done in it. `fingerprint` tells its incident from others."""

    id: str
    participant: str
    exercise: str
    fingerprint: str
    created_at: float
    now_s: float
    speed: float
    state: Mapping[str, Any]


class KeptPostmortem(NamedTuple):
    """A person's version of a post-mortem. `revision` counts versions; `saved_at`: seconds since 1970."""

    text: str
    revision: int
    saved_at: float


class Store:
    """The file, open. Safe to use from several threads; each call is one transaction.

    UserError where it cannot be opened, or was made by a newer lab.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._lock = threading.RLock()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.touch(mode=0o600)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except OSError as error:
            raise UserError(Problem(os.strerror(error.errno or 0), str(directory), hint="see --state")) from error
        except sqlite3.Error as error:
            hint = "move it away to begin anew, or name another directory with --state"
            raise UserError(
                Problem(
                    "sessions cannot be read", str(self.path), seen=str(error), expected="an SQLite file", hint=hint
                )
            ) from error

    def _migrate(self) -> None:
        with self._changing() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                expected = f"version {VERSION} at most"
                hint = "use that lab, or name another directory with --state"
                what = "sessions were kept by a newer lab"
                raise UserError(Problem(what, str(self.path), seen=f"version {version}", expected=expected, hint=hint))
            for statement in ";".join(_SCHEMA[version:]).split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # Who takes part.

    def secret(self, name: str) -> str:
        """A token that stays the same while the file is there, so that a link works after a restart."""
        with self._changing() as db:
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", (name, secrets.token_urlsafe(24)))
            (value,) = db.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return str(value)

    def release(self, exercise: str) -> None:
        """Notes that the debrief of an exercise may be seen by all."""
        with self._changing() as db:
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, '')", (f"released {exercise}",))

    def released(self) -> frozenset[str]:
        """The exercises whose debrief may be seen by all."""
        rows = self._all("SELECT name FROM kept WHERE name LIKE 'released %'")
        return frozenset(str(name).removeprefix("released ") for (name,) in rows)

    def add_participant(
        self, name: str, role: Role, check: Callable[[list[Participant]], None] = lambda _: None
    ) -> tuple[Participant, str]:
        """A new participant and their token, a personal code; only its digest is kept.

        `check` is given those who are there, while nobody else can come, and raises where this one cannot.
        """
        one, token = Participant(secrets.token_hex(8), name, role), new_code()
        with self._changing() as db:
            check(self.participants())
            db.execute("INSERT INTO participants VALUES (?, ?, ?, ?, ?)", (*one, digest(token), time.time()))
        return one, token

    def new_token(self, participant: str) -> str:
        """Another token for the participant of this id; the one that they had is nobody's from now on."""
        token = new_code()
        with self._changing() as db:
            db.execute("UPDATE participants SET token_sha256 = ? WHERE id = ?", (digest(token), participant))
        return token

    def participant_of(self, token: str) -> Participant | None:
        """Whose token this is; None for nobody's."""
        found = self._all("SELECT id, name, role FROM participants WHERE token_sha256 = ?", digest(token))
        return Participant(*found[0]) if found else None

    def participants(self) -> list[Participant]:
        """Everybody, in the order in which they came."""
        return [
            Participant(*row) for row in self._all("SELECT id, name, role FROM participants ORDER BY created_at, id")
        ]

    # Sessions.

    def add_session(self, row: SessionRow) -> None:
        """Keeps a new session."""
        with self._changing() as db:
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row[:-1], _json(row.state)))

    def sessions(self) -> list[SessionRow]:
        """Every session, in the order in which they were begun."""
        rows = self._all("SELECT * FROM sessions ORDER BY created_at, id")
        return [SessionRow._make((*row[:-1], json.loads(row[-1]))) for row in rows]

    def keep(self, session: str, now_s: float, speed: float, state: Mapping[str, Any]) -> None:
        """Keeps a session as it is now."""
        with self._changing() as db:
            values = (now_s, speed, _json(state), session)
            db.execute("UPDATE sessions SET now_s = ?, speed = ?, state = ? WHERE id = ?", values)

    def keep_clocks(self, clocks: Sequence[tuple[str, float]]) -> None:
        """Keeps the times of several sessions."""
        with self._changing() as db:
            db.executemany("UPDATE sessions SET now_s = ? WHERE id = ?", [(now_s, name) for name, now_s in clocks])

    # What is on a session's board.

    def items(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """(kind, content) of everything on a board, in the order in which it was put there."""
        rows = self._all("SELECT kind, content FROM items WHERE session = ? ORDER BY place", session)
        return [(str(kind), json.loads(content)) for kind, content in rows]

    def put_item(self, session: str, kind: str, item: str, content: Mapping[str, Any]) -> None:
        """Puts something on a board, or another version of it in its place."""
        with self._changing() as db:
            (place,) = db.execute(
                "SELECT COALESCE(MAX(place), 0) + 1 FROM items WHERE session = ?", (session,)
            ).fetchone()
            db.execute(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (session, kind, id) DO UPDATE SET content = excluded.content",
                (session, kind, item, place, _json(content)),
            )

    def drop_item(self, session: str, kind: str, item: str) -> None:
        """Takes something off a board."""
        with self._changing() as db:
            db.execute("DELETE FROM items WHERE session = ? AND kind = ? AND id = ?", (session, kind, item))

    # What somebody wrote in the end.

    def postmortem(self, session: str) -> KeptPostmortem | None:
        """A person's version of the post-mortem; None where nobody kept one."""
        found = self._all("SELECT text, revision, saved_at FROM postmortems WHERE session = ?", session)
        return KeptPostmortem(*found[0]) if found else None

    def keep_postmortem(self, session: str, revision: int, text: str, saved_at: float) -> bool:
        """Keeps a version after that of `revision`, 0 for the first; False where that is not the last one."""
        with self._changing() as db:
            found = db.execute("SELECT revision FROM postmortems WHERE session = ?", (session,)).fetchone()
            if revision != (found[0] if found else 0):
                return False
            db.execute(
                "INSERT OR REPLACE INTO postmortems VALUES (?, ?, ?, ?)", (session, revision + 1, text, saved_at)
            )
        return True

    # What somebody looked at.

    def add_looks(self, looks: Sequence[tuple[str, str, str, float]]) -> None:
        """Notes what began to be looked at: (session, kind, reference, time by the session's clock in s)."""
        with self._changing() as db:
            db.executemany("INSERT OR IGNORE INTO looks VALUES (?1, ?2, ?3, ?4, ?4)", looks)

    def lengthen_looks(self, looks: Sequence[tuple[str, str, str, float, float]]) -> None:
        """Notes for how long: (session, kind, reference, time at which it began, until when), in s."""
        with self._changing() as db:
            db.executemany(
                "UPDATE looks SET until_s = ?5 WHERE session = ?1 AND kind = ?2 AND reference = ?3 AND at_s = ?4", looks
            )

    def looks(self, session: str) -> list[tuple[str, str, float, float]]:
        """(kind, reference, from and until when in s) of what was looked at, in the order in which that began."""
        rows = self._all("SELECT kind, reference, at_s, until_s FROM looks WHERE session = ? ORDER BY rowid", session)
        return [(str(kind), str(reference), float(at_s), float(until_s)) for kind, reference, at_s, until_s in rows]


def digest(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=True, allow_nan=False)
