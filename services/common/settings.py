"""What every service reads from its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote

from lab.agreed import ports
from lab.content.stack import StackPart
from lab.registration.world import loaded
from lab.systems.files import load_system
from lab.systems.topology import System


def variable(name: str, default: str | None = None) -> str:
    """An environment variable; SystemExit with its name where it is needed and missing."""
    value = os.environ.get(name, default)
    if value is None:
        raise SystemExit(f"{name} is not set")
    return value


def system() -> System:
    """The topology: SYSTEM is a name, or the path of a `*.system.yaml` file."""
    return load_system(variable("SYSTEM"))


def part() -> StackPart:
    """The world's part of the stack: STACK_PART is `module:attribute`."""
    found: StackPart = loaded(variable("STACK_PART"))
    return found


def conninfo() -> str:
    """The database of DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD."""
    parts = {
        "host": variable("DB_HOST", "db"),
        "port": variable("DB_PORT", str(ports.DATABASE)),
        "dbname": variable("DB_NAME"),
        "user": variable("DB_USER"),
        "password": variable("DB_PASSWORD"),
    }
    return " ".join(f"{key}='{value}'" for key, value in parts.items()) + " sslmode=disable gssencmode=disable"


def cache_url() -> str:
    """The cache of REDIS_HOST, REDIS_PORT, REDIS_USER, REDIS_PASSWORD."""
    user, password = quote(variable("REDIS_USER"), safe=""), quote(variable("REDIS_PASSWORD"), safe="")
    return f"redis://{user}:{password}@{variable('REDIS_HOST', 'cache')}:{variable('REDIS_PORT', str(ports.CACHE))}/0"


@dataclass(frozen=True)
class Listen:
    """Where a service listens: HOST, and a port of the given variable."""

    host: str
    port: int

    @classmethod
    def of(cls, name: str, default: int) -> Listen:
        """From the environment; port 0 is any free one."""
        return cls(variable("HOST", "127.0.0.1"), int(variable(name, str(default))))
