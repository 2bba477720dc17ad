"""The cache's policy, as loaded into Redis: a function library whose text says what is in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lab.agreed import ports
from lab.agreed.cache import CachePolicy
from lab.testbeds.stack.compose import Compose, StackError

PASSWORD = "LAB_CACHE_ADMIN_PASSWORD"


class Cache:
    """The cache of a stack. `password` is that of the lab's user."""

    def __init__(self, compose: Compose, password: str) -> None:
        self._compose = compose
        self._password = password

    def policy(self) -> CachePolicy:
        """The policy in force."""
        with self._redis() as client:
            return _loaded(client)

    def load(self, policy: CachePolicy) -> None:
        """Puts a policy in force."""
        with self._redis() as client:
            _load(client, policy)

    def change(self, **values: Any) -> None:
        """Changes some of the policy in force, and brings the entries in line with it."""
        with self._redis() as client:
            _load(client, replace(_loaded(client), **values))

    def flush(self) -> None:
        """Drops every entry."""
        with self._redis() as client:
            client.flushdb()

    @contextmanager
    def _redis(self) -> Iterator[Any]:
        import redis

        host, port = self._compose.address("cache", ports.CACHE)
        try:
            with redis.Redis(host, port, password=self._password, socket_timeout=5) as client:
                yield client
        except redis.RedisError as error:
            raise StackError(f"the cache: {error}") from error


def _load(client: Any, policy: CachePolicy) -> None:
    client.execute_command("FUNCTION", "LOAD", "REPLACE", policy.library())
    client.execute_command("FCALL", "apply_policy", 0)


def _loaded(client: Any) -> CachePolicy:
    for library in client.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "entries", "WITHCODE"):
        found = CachePolicy.of(" ".join(_texts(library)))
        if found:
            return found
    raise StackError("the cache holds no policy; has it started?")


def _texts(value: Any) -> list[str]:
    """All text in a nested Redis answer."""
    if isinstance(value, bytes):
        return [value.decode(errors="replace")]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [text for pair in value.items() for text in _texts(list(pair))]
    return [str(value)]
