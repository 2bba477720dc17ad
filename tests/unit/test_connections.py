"""The feature service's pool of connections to the database, on a machine on which making one takes its time."""

from __future__ import annotations

import asyncio

import pytest

from services.common import connections as module
from services.common.connections import AT_ONCE_MAX, Connections


class Database:
    """Makes connections, each in so many seconds; `most` is how many it had to make at once."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.made = self.making = self.most = 0

    async def connect(self) -> int:
        self.making += 1
        self.most = max(self.most, self.making)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.making -= 1
        self.made += 1
        return self.made


async def ask(pool: Connections[int], patience_s: float) -> bool:
    """Whether a request had a connection before it gave up."""
    try:
        async with asyncio.timeout(patience_s):
            connection = await pool.take()
    except TimeoutError:
        return False
    pool.give(connection)
    return True


def test_a_connection_that_comes_too_late_for_one_request_serves_the_next() -> None:
    async def storm() -> tuple[list[bool], list[bool], int]:
        database = Database(takes_s=0.2)
        pool = Connections(database.connect)
        first = await asyncio.gather(*(ask(pool, 0.05) for _ in range(50)))
        await asyncio.sleep(0.5)
        later = await asyncio.gather(*(ask(pool, 0.05) for _ in range(AT_ONCE_MAX)))
        return first, later, database.most

    first, later, most = asyncio.run(storm())
    assert not any(first)
    assert all(later)
    assert most == AT_ONCE_MAX


def test_connections_that_go_nowhere_are_given_up_and_tried_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAKE_WITHIN_S", 0.05)

    async def outage() -> bool:
        database = Database(takes_s=3600.0)
        pool = Connections(database.connect)
        await asyncio.gather(*(ask(pool, 0.02) for _ in range(30)))
        database.takes_s = 0.0
        return await ask(pool, 30.0)

    assert asyncio.run(outage())


def test_a_connection_is_used_again() -> None:
    async def twice() -> int:
        database = Database(takes_s=0.0)
        pool = Connections(database.connect)
        for _ in range(5):
            pool.give(await pool.take())
        return database.made

    assert asyncio.run(twice()) == 1


def test_a_connection_that_is_given_back_serves_those_who_wait_while_others_are_being_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAKE_WITHIN_S", 3600.0)

    async def busy() -> int:
        database = Database(takes_s=0.0)
        pool = Connections(database.connect)
        first = await pool.take()
        database.takes_s = 3600.0
        waiting = [asyncio.create_task(ask(pool, 60.0)) for _ in range(AT_ONCE_MAX + 2)]
        await asyncio.sleep(0.05)
        pool.give(first)
        assert all(await asyncio.gather(*waiting))
        assert pool.idle() == [first]
        return database.made

    assert asyncio.run(busy()) == 1


def test_a_connection_given_to_somebody_who_has_just_given_up_is_not_lost() -> None:
    async def late() -> bool:
        database = Database(takes_s=0.0)
        pool = Connections(database.connect)
        first = await pool.take()
        database.takes_s = 3600.0
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0.05)
        pool.give(first)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return waiting.cancelled() and pool.idle() == [first]

    assert asyncio.run(late())


def test_what_keeps_connections_from_being_made_is_raised_to_who_asked() -> None:
    async def refused() -> int:
        raise ConnectionRefusedError("no database")

    async def ask_all() -> list[object]:
        pool = Connections(refused)
        return list(await asyncio.gather(*(pool.take() for _ in range(3 * AT_ONCE_MAX)), return_exceptions=True))

    assert {type(error) for error in asyncio.run(ask_all())} == {ConnectionRefusedError}
