"""Files as they come out of other hands: valid ones, changed in their keys, values, types, sizes and bytes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from lab.cli import main

ENDS = {0, 1, 2, 4, 5}
"""How a command may end, whatever it is given."""
HANG_S = 300
"""A command on such small files that takes this long, on any machine, hangs."""
EXAMPLES = int(os.environ.get("LAB_FUZZ_EXAMPLES", "0"))
"""How many examples of each kind `make fuzz` asks for; a few in the ordinary tests."""


def fuzzing(examples: int) -> settings:
    """Settings of a fuzz test: so many examples, drawn as by any test; LAB_FUZZ_EXAMPLES others in a long run."""
    profile = settings.get_profile("explore") if EXAMPLES else None  # else the one that was asked for
    return settings(profile, max_examples=EXAMPLES or examples, suppress_health_check=list(HealthCheck))


def run_lab(*words: object) -> tuple[int, str]:
    """A command in this process: its exit code and what it printed. Fails where it crashed, hung or ended otherwise."""
    out, err = io.StringIO(), io.StringIO()
    before = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(HANG_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(word) for word in words])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    errors = err.getvalue()
    assert code in ENDS, f"lab {words} ended with {code}:\n{errors}"
    assert "Traceback" not in errors, errors
    assert "internal error" not in errors, errors
    if code == 2:
        assert errors.strip(), f"lab {words} ended with 2 and said nothing"
    return code, out.getvalue() + errors


def _hung(*_: object) -> NoReturn:
    raise AssertionError(f"not done after {HANG_S} s")


def deep(levels: int) -> Any:
    """A list in a list in a list…"""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2, 3, 2**31, 2**63, -(2**63) - 1, 10**60, 0.5, -0.0, 1e-320, 1e308, 1e-9, 1e9,
    "", " ", "0s", "1s", "-5s", "0.0001s", "1e999s", "99999999h", "5m", "250ms", "5 parsecs", "1/s", "0/s", "1e9/s",
    "-1/s", "0%", "30%", "100%", "101%", ".nan", ".inf", "nan", "NaN", "inf", "no", "1:30", "2026-11-21", "0x1f",
    "db", "cache", "features->db", "db->features", "a->b", "->", "features->features", "model", "shoppers", "feed",
    "recommender", "rules", "error_ratio", "data", "../../etc", "/", "/dev/zero", ".", "x\0y", "\u202e", "ÿ", "☃" * 50,
    "x" * 300, "x" * 5000, "{}", "{0.__class__}", "%s%n", "${HOME}", "`id`", "<script>", "\x1b[2J", "\r\n", "a b",
    [], {}, [[]], [{}], {"a": {}}, [None], ["x"] * 1000, {"": ""}, {"x" * 300: 1}, deep(39), deep(60),
)  # fmt: skip
"""What a value may be changed to: of other types, at the edges, too large, of other units, hostile."""

SNIPPETS = (
    b"&a [*a]", b"*nope", b"&a {<<: *a}", b"!!python/object:os.system x", b"!!set {a}", b"? [a]\n: b", b"---\n",
    b"...\n", b"\t", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"%YAML 9.9\n", b"- ", b"{", b"}", b"]", b"'", b'"',
    b"#", b"|\n", b">\n", b": ", b"a: 1\na: 2\n", b"x: &x [1,1,1,1,1,1,1,1,1]\n",
    b"x: &x [1,1,1,1,1,1,1]\ny: &y [*x,*x,*x,*x,*x,*x,*x]\nz: &z [*y,*y,*y,*y,*y,*y]\nw: [*z,*z,*z,*z,*z,*z,*z]\n",
    b'"\\ud800"', b'"\\0"', b"\x85", "\u2028".encode(), b"1" * 400, b"[" * 3000, b"{a: " * 3000, b"- " * 3000, b"\r",
)  # fmt: skip
"""Bytes to put into a text: anchors, aliases that expand, tags, tabs, half characters, brackets without end."""

places = st.integers(0, 10_000)
values = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(VALUES),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
)
changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "drop", "rename", "add", "twice", "swap", "nest"]), places, places, values
    ),
    min_size=1,
    max_size=4,
)


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside some plain data."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from paths(value, (*path, key))


def changed(data: Any, what: Sequence[tuple[str, int, int, Any]]) -> Any:
    """Plain data with some changes made, each at a place counted round its values."""
    data = json.loads(json.dumps(data))
    for how, at, also, value in what:
        known = list(paths(data))
        if not known:
            return value
        path, other = known[at % len(known)], known[also % len(known)]
        holder = _at(data, path[:-1])
        # Copies: what is changed next must be neither one of VALUES nor inside of itself.
        _CHANGES[how](holder, path[-1], json.loads(json.dumps(_at(data, other))), json.loads(json.dumps(value)))
    return data


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def _set(holder: Any, key: Any, _: Any, value: Any) -> None:
    holder[key] = value


def _drop(holder: Any, key: Any, _: Any, __: Any) -> None:
    del holder[key]


def _rename(holder: Any, key: Any, _: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[str(value)[:400]] = holder.pop(key)


def _add(holder: Any, _: Any, other: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[str(value)[:400]] = other
    else:
        holder.append(value)


def _twice(holder: Any, key: Any, _: Any, __: Any) -> None:
    if isinstance(holder, list):
        holder.extend([json.loads(json.dumps(holder[key]))] * 2)
    else:
        holder[f"{key}2"] = holder[key]


def _swap(holder: Any, key: Any, other: Any, _: Any) -> None:
    holder[key] = other


def _nest(holder: Any, key: Any, _: Any, __: Any) -> None:
    holder[key] = [holder[key]]


_CHANGES: dict[str, Callable[[Any, Any, Any, Any], None]] = {
    "set": _set, "drop": _drop, "rename": _rename, "add": _add, "twice": _twice, "swap": _swap, "nest": _nest,
}  # fmt: skip

edits = st.lists(
    st.tuples(st.sampled_from(["insert", "cut", "repeat", "flip"]), places, st.sampled_from(SNIPPETS)),
    min_size=1,
    max_size=3,
)


def edited(text: bytes, what: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Bytes with something inserted, cut off, repeated or one bit turned, at places counted round them."""
    for how, at, snippet in what:
        place = at % (len(text) + 1)
        if how == "insert":
            text = text[:place] + snippet + text[place:]
        elif how == "cut":
            text = text[:place]
        elif how == "repeat":
            text = text + text[place : place + 200]
        elif place < len(text):
            text = text[:place] + bytes([text[place] ^ 1 << at % 8]) + text[place + 1 :]
    return text
