"""The database's container: how it starts."""

from __future__ import annotations

from tests.services.plane import servers


def test_a_first_start_that_was_cut_short_is_begun_anew() -> None:
    with servers.database(is_cut_short=True) as database:
        assert database.run("SELECT count(*) FROM users") == [(0,)]
