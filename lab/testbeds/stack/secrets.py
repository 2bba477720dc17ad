"""The checkout's own variables: its id, its compose project and the stack's passwords.

Random, made once, in `.env`: a file that only its owner reads, git ignores, and Compose takes for itself.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

NAMES = ("LAB_DB_PASSWORD", "LAB_CACHE_PASSWORD", "LAB_GRAFANA_PASSWORD")
CHECKOUT_ID = "LAB_CHECKOUT_ID"
PROJECT = "COMPOSE_PROJECT_NAME"
OWN = (PROJECT, CHECKOUT_ID, *NAMES)
"""What only the env file may say, whatever the shell has."""
_BYTES = 24
_ID_BYTES = 16
_SHORT = 8


def ensure_env(path: Path) -> dict[str, str]:
    """The variables of an env file, with id, project and passwords added where it lacks them; what it has stays."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = dict(_pairs(lines))
    checkout_id = found.get(CHECKOUT_ID) or secrets.token_hex(_ID_BYTES)
    fresh = {PROJECT: f"chaos-lab-{checkout_id[:_SHORT]}", CHECKOUT_ID: checkout_id}
    fresh |= {name: secrets.token_hex(_BYTES) for name in NAMES}
    missing = {name: value for name, value in fresh.items() if not found.get(name)}
    if missing:
        kept = [line for line in lines if line.partition("=")[0].strip() not in missing]
        _write(path, "\n".join([*kept, *(f"{name}={value}" for name, value in missing.items())]) + "\n")
    path.chmod(0o600)
    return found | missing


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return [(name.strip(), value.strip().strip("'\"")) for name, _, value in pairs]


def _write(path: Path, text: str) -> None:
    """Replaces the file at once; it never exists readable to others, nor half written."""
    staged = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
