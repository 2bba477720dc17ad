"""The stack's passwords: fresh, private, kept."""

from __future__ import annotations

from pathlib import Path

from lab.testbeds.stack.secrets import NAMES, ensure_env


def test_passwords_are_random_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = ensure_env(tmp_path / "one"), ensure_env(tmp_path / "two")
    values = [found[name] for found in (first, second) for name in NAMES]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 32 for value in values)
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nLAB_DB_PASSWORD=chosen\nLAB_DB_PORT=5433\nLAB_CACHE_PASSWORD=\n", encoding="utf-8")
    path.chmod(0o644)
    found = ensure_env(path)
    assert (found["LAB_DB_PASSWORD"], found["LAB_DB_PORT"]) == ("chosen", "5433")
    assert found["LAB_CACHE_PASSWORD"]
    assert path.read_text(encoding="utf-8").startswith("# mine\nLAB_DB_PASSWORD=chosen\nLAB_DB_PORT=5433\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_env(path) == found
