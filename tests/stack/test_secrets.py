"""The env file: passwords fresh, private and kept; the checkout's id its own."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.errors import UserError
from lab.testbeds.stack.secrets import NAMES, ensure_env, set_variables


def test_passwords_are_random_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = ensure_env(tmp_path / "one"), ensure_env(tmp_path / "two")
    values = [found[name] for found in (first, second) for name in NAMES]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 32 for value in values)
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# mine\nLAB_DB_ADMIN_PASSWORD=chosen\nLAB_DB_PORT=5433\nLAB_CACHE_ADMIN_PASSWORD=\n", encoding="utf-8"
    )
    path.chmod(0o644)
    found = ensure_env(path)
    assert (found["LAB_DB_ADMIN_PASSWORD"], found["LAB_DB_PORT"]) == ("chosen", "5433")
    assert found["LAB_CACHE_ADMIN_PASSWORD"]
    assert path.read_text(encoding="utf-8").startswith("# mine\nLAB_DB_ADMIN_PASSWORD=chosen\nLAB_DB_PORT=5433\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_env(path) == found


def test_each_checkout_has_an_id_and_a_project_named_after_it(tmp_path: Path) -> None:
    first, second = (ensure_env(checkout(tmp_path / name) / ".env") for name in ("one", "two"))
    assert first["LAB_CHECKOUT_ID"] != second["LAB_CHECKOUT_ID"]
    assert first["COMPOSE_PROJECT_NAME"] == f"chaos-lab-{first['LAB_CHECKOUT_ID'][:8]}"


def test_labs_that_come_first_together_agree_on_one_id(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ensure_env(tmp_path / ".env"), range(8)))
    assert all(variables == found[0] for variables in found)


def test_a_moved_checkout_keeps_its_id_and_a_copy_gets_its_own(tmp_path: Path) -> None:
    original = checkout(tmp_path / "original")
    first = ensure_env(original / ".env")
    shutil.copytree(original, tmp_path / "copy")
    copy = ensure_env(tmp_path / "copy" / ".env")
    assert copy["LAB_CHECKOUT_ID"] != first["LAB_CHECKOUT_ID"]
    assert copy["COMPOSE_PROJECT_NAME"] == f"chaos-lab-{copy['LAB_CHECKOUT_ID'][:8]}"
    assert ensure_env(tmp_path / "copy" / ".env") == copy
    original.rename(tmp_path / "moved")
    moved = ensure_env(tmp_path / "moved" / ".env")
    assert moved == first | {"LAB_CHECKOUT_DIRECTORY": str(tmp_path / "moved")}


def test_a_checkout_seen_through_a_link_is_no_copy(tmp_path: Path) -> None:
    first = ensure_env(checkout(tmp_path / "original") / ".env")
    (tmp_path / "link").symlink_to(tmp_path / "original")
    assert ensure_env(tmp_path / "link" / ".env") == first


def test_lines_are_read_as_compose_reads_them(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    ensure_env(path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("LAB_LINKS_TOKEN")]
    path.write_text("\n".join(f"  export  {line} # mine" for line in lines) + "\n", encoding="utf-8")
    found = dict(line.removesuffix(" # mine").removeprefix("  export  ").split("=", 1) for line in
                 path.read_text(encoding="utf-8").splitlines())  # fmt: skip
    now = ensure_env(path)
    assert found == {name: value for name, value in now.items() if name != "LAB_LINKS_TOKEN"}
    text = path.read_text(encoding="utf-8")
    assert (text.count("LAB_CHECKOUT_ID="), text.count("COMPOSE_PROJECT_NAME=")) == (1, 1)
    set_variables(path, {"COMPOSE_PROJECT_NAME": "mine"})
    assert path.read_text(encoding="utf-8").count("COMPOSE_PROJECT_NAME=") == 1
    assert ensure_env(path)["COMPOSE_PROJECT_NAME"] == "mine"


def test_a_link_stays_one_and_its_target_gets_what_is_lacking(tmp_path: Path) -> None:
    here, kept = checkout(tmp_path / "here"), checkout(tmp_path / "kept") / "env"
    kept.write_text("LAB_DB_PORT=5433\n", encoding="utf-8")
    (here / ".env").symlink_to("../kept/env")
    found = ensure_env(here / ".env")
    assert (here / ".env").is_symlink()
    assert f"LAB_CHECKOUT_ID={found['LAB_CHECKOUT_ID']}\n" in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert ensure_env(here / ".env") == found


def test_one_file_for_two_checkouts_is_refused_before_it_is_changed(tmp_path: Path) -> None:
    kept, (one, two) = tmp_path / "env", (checkout(tmp_path / name) for name in ("one", "two"))
    for directory in (one, two):
        (directory / ".env").symlink_to(kept)
    ensure_env(one / ".env")
    before = kept.read_bytes()
    with pytest.raises(UserError, match="two checkouts"):
        ensure_env(two / ".env")
    assert kept.read_bytes() == before


def test_a_project_that_compose_would_rename_is_refused(tmp_path: Path) -> None:
    """Compose 1.29 makes `victim` of it: then the lab would look for what is in its way under another name."""
    (tmp_path / ".env").write_text("COMPOSE_PROJECT_NAME=Victim\n", encoding="utf-8")
    with pytest.raises(UserError, match="'Victim'"):
        ensure_env(tmp_path / ".env")


def test_an_env_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(UserError, match=r"\.env"):
        ensure_env(tmp_path / ".env")


def checkout(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_a_file_that_is_no_text_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"# mine\nLAB_DB_PORT=5433\nNAME=M\xfcller\n")
    with pytest.raises(UserError, match=r"(?s)\.env:3:.*no UTF-8 text.*0xfc"):
        ensure_env(path)
    assert path.read_bytes().endswith(b"M\xfcller\n")
