"""Who may ask, from where, how much: what the API and the pages refuse before anything looks at a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.api.security import BODY_BYTES, HEADERS, Hosts, Rate, csrf_of
from tests.investigating import JOINING, SOLO, Client, Reply, client, course, training

COOKIE = "lab_training_80"


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return course(tmp_path_factory.mktemp("guard"))


@pytest.fixture
def alone(offered: Any, tmp_path: Path) -> Client:
    return client(training(tmp_path, [offered]))


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/v1/me", "/api/openapi.json", "/nowhere"])
@pytest.mark.parametrize("token", [None, "wrong", "", "\xff"])
def test_nothing_is_told_without_a_token(alone: Client, path: str, token: str | None):
    given = None if token is None else f"Bearer {token}"
    assert alone.ask("GET", path, authorization=given).status == 401


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/nowhere", "/api/v1/sessions/x"])
def test_every_answer_has_the_headers_that_keep_pages_safe(alone: Client, path: str):
    for token in (SOLO, "wrong"):
        headers = alone.ask("GET", path, authorization=f"Bearer {token}").headers
        assert {name: headers.get(name) for name in HEADERS} == HEADERS
        assert "unsafe" not in headers["content-security-policy"]


def test_a_link_leaves_its_token_in_a_cookie_and_out_of_the_address(alone: Client):
    reply = alone.ask("GET", f"/?token={SOLO}&a=b", authorization=None)
    assert (reply.status, reply.headers["location"]) == (303, "/?a=b")
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={SOLO};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_link_on_another_site_leads_on_by_a_page_since_a_redirect_would_not_bring_the_cookie(alone: Client):
    reply = alone.ask("GET", f"/?token={SOLO}&a=%22%3E", authorization=None, sec_fetch_site="cross-site")
    assert reply.status == 200
    assert 'url=/?a=%22%3E"' in reply.text
    assert COOKIE in reply.headers["set-cookie"]


@pytest.mark.parametrize("path", ["//elsewhere.example/", "/%5Celsewhere.example/", "///elsewhere.example"])
def test_a_link_leads_nowhere_else(alone: Client, path: str):
    where = alone.ask("GET", f"{path}?token={SOLO}", authorization=None).headers["location"]
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))


def test_who_follows_the_link_of_the_group_again_stays_who_they_are(offered: Any, tmp_path: Path):
    of = client(training(tmp_path, [offered], is_group=True), None)

    def cookie_of(reply: Reply) -> str:
        return reply.headers["set-cookie"].split(";")[0]

    joining = cookie_of(of.ask("GET", f"/?token={JOINING}"))
    csrf = of.ask("GET", "/api/v1/me", cookie=joining).json["csrf"]
    joined = of.ask("POST", "/api/v1/participants", {"name": "Ann"}, cookie=joining, x_csrf_token=csrf)
    both = f"{cookie_of(joined)}; {cookie_of(of.ask('GET', f'/?token={JOINING}'))}"
    me = of.ask("GET", "/api/v1/me", cookie=both).json
    assert (me["name"], me["role"]) == ("Ann", "participant")


def test_a_link_with_a_wrong_token_leads_nowhere(alone: Client):
    reply = alone.ask("GET", "/?token=wrong", authorization=None)
    assert (reply.status, "set-cookie" in reply.headers) == (401, False)


def test_with_a_cookie_a_change_needs_what_no_other_site_knows(alone: Client):
    cookie = f"{COOKIE}={SOLO}"
    assert alone.ask("GET", "/api/v1/me", authorization=None, cookie=cookie).json["csrf"] == csrf_of(SOLO)

    def begin(**headers: str) -> int:
        return alone.ask("POST", "/api/v1/sessions", {}, authorization=None, cookie=cookie, **headers).status

    assert begin() == begin(x_csrf_token="wrong") == 403
    assert begin(x_csrf_token=csrf_of(SOLO)) == 422, "it is looked at"


@pytest.mark.parametrize("host", ["evil.example:80", "127.0.0.1:81", "127.0.0.1.evil.example:80", "10.0.0.7:80", ""])
def test_a_request_for_another_host_is_refused(alone: Client, host: str):
    assert alone.ask("GET", "/api/v1/me", host=host).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:80", "LOCALHOST", "[::1]:80"])
def test_a_server_on_loopback_has_the_names_of_loopback(alone: Client, host: str):
    assert alone.ask("GET", "/api/v1/me", host=host).status == 200


def test_a_server_for_others_is_asked_by_address_or_by_a_name_that_was_given():
    hosts = Hosts("0.0.0.0", 8765, ("lab.example",))
    assert hosts.allow("192.168.1.5:8765")
    assert hosts.allow("lab.example:8765")
    assert not hosts.allow("evil.example:8765")
    assert not hosts.allow("192.168.1.5:80")


@pytest.mark.parametrize("length", [BODY_BYTES + 1, 10**9])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(alone: Client, length: int):
    reply = alone.ask("POST", "/api/v1/sessions", raw=b"{", content_length=str(length))
    assert reply.status == 413


def test_a_body_that_does_not_say_how_long_it_is_is_refused_once_it_is_too_long(alone: Client):
    raw = b'"' + b"a" * BODY_BYTES
    reply = alone.ask("POST", "/api/v1/sessions", raw=raw, content_length=None, transfer_encoding="chunked")
    assert reply.status == 413


def test_addresses_that_are_too_long_are_refused(alone: Client):
    assert alone.ask("GET", "/" + "a" * 2000).status == 414
    assert alone.ask("GET", "/api/v1/me?a=" + "a" * 9000).status == 414


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[" * 50_000, b'{"exercise": NaN}', b'{"blind": 1e400}', b'{"blind": ' + b"9" * 5000 + b"}",
        b'{"exercise": "\xff"}', b'{"exercise": "\\ud800"}', b"[]", b"null", b'{"exercise": "own-1", "x": 1}',
        b'{"blind": -1}', b'{"exercise": null}', b'{"exercise": "own-1", "blind": 1}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_a_problem(alone: Client, raw: bytes):
    reply = alone.ask("POST", "/api/v1/sessions", raw=raw)
    assert 400 <= reply.status < 500
    assert reply.json["problem"]["what"]
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/api/v1/me", 405), ("GET", "/api/v1/nothing", 404), ("GET", "/static/nothing.js", 404),
        ("GET", "/static/../app.py", 404), ("GET", "/static/%2e%2e/%2e%2e/pyproject.toml", 404), ("GET", "/docs", 404),
        ("GET", "/static/app.js/", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_as_a_problem(alone: Client, method: str, path: str, status: int):
    reply = alone.ask(method, path)
    assert (reply.status, bool(reply.json["problem"])) == (status, True)


def test_an_error_of_the_lab_tells_nothing_of_it(
    alone: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("lab.investigation.training.Training.exercises", lambda *_: 1 / 0)
    reply = alone.ask("GET", "/api/v1/exercises")
    assert (reply.status, reply.json["problem"]["what"]) == (500, "the lab failed")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_who_asks_too_often_waits(offered: Any, tmp_path: Path):
    few = client(training(tmp_path, [offered]), rate=Rate(per_s=0.001, burst=5))  # slower than any machine asks
    found = [few.ask("GET", "/api/v1/me") for _ in range(7)]
    assert [reply.status for reply in found] == [200] * 5 + [429] * 2
    assert found[-1].headers["retry-after"] == "1"


def test_requests_are_allowed_again_as_time_goes_on():
    rate = Rate(per_s=2, burst=1)
    assert rate.allows("a", 0.0)
    assert not rate.allows("a", 0.1)
    assert rate.allows("b", 0.1), "each for itself"
    assert rate.allows("a", 1.0)
