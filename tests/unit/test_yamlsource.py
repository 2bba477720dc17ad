"""YAML files: what scalars mean, where things are, and every way a file can be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from unittest.mock import patch

import pytest
from pydantic import Field

from lab.errors import Problem, UserError
from lab.files import yamlsource
from lab.files.units import Duration, Ratio
from lab.files.yamlmodel import validate
from lab.files.yamlsource import MAX_BYTES, parse_yaml, read_yaml
from lab.systems.topology import Strict


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "f.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0.25", 0.25),
        ("1e3", 1000.0),
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("1:30", "1:30"),
        ("017", "017"),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ('"12"', "12"),
        ("'true'", "true"),
    ],
)
def test_scalars_follow_yaml_1_2(written: str, meant: Any) -> None:
    value = parse_yaml(f"key: {written}\n", "f.yaml").data["key"]
    assert value == meant
    assert type(value) is type(meant)


def read_both_ways(text: str) -> list[object]:
    """What comes of a text with libyaml, and without it."""
    found: list[object] = []
    for parser in (yamlsource.CParser, None):
        with patch.object(yamlsource, "CParser", parser):
            try:
                found.append(parse_yaml(text, "f.yaml"))
            except UserError as error:
                found.append(str(error))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: '1'\nc: [1.5, {d: e}]\nf: |\n  text\n   more\ng: &x [1]\nh: *x\n",
        "a: {b: , c: 1}\n", "a: {b:, c: 1}\n", "a: [b:]\n", "a: b\tc\n", "a: {b? c}\n", "a: \ufeffb\n", "a: x\x85y\n",
        "a:\n\tb: 1\n", "a: [1\nb: 2\n", "a: !!str 1\n", "a: '\n", "--- \n---\n", "",
    ],
)  # fmt: skip
def test_a_text_reads_the_same_where_libyaml_is_missing(text: str) -> None:
    quick, slow = read_both_ways(text)
    assert quick == slow


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse_yaml("1: a\ntrue: b\n'<<': c\n", "f.yaml").data == {"1": "a", "true": "b", "<<": "c"}


def test_every_key_and_value_has_a_place() -> None:
    document = parse_yaml("a: 1\nb:\n  - c: [x, y]\n", "f.yaml")
    assert document.keys == {("a",): (1, 1), ("b",): (2, 1), ("b", 0, "c"): (3, 5)}
    assert document.values[("b", 0)] == (3, 5)
    assert document.values[("b", 0, "c", 1)] == (3, 12)


def test_a_problem_about_something_absent_is_located_at_what_encloses_it() -> None:
    document = parse_yaml("a:\n  b: 1\n", "f.yaml")
    assert str(document.problem(("a", "x", "y"), "no x")) == "f.yaml:2:3: no x"


def test_aliases_repeat_a_value() -> None:
    document = parse_yaml("a: &one {x: 1}\nb: *one\n", "f.yaml")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1}}
    assert document.values[("b", "x")] == (1, 13)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", (1, 1), "the file is empty"),
        ("# only a comment\n", (1, 1), "the file is empty"),
        ("---\n...\n", (1, 1), "the file is empty"),
        ("just text\n", (1, 1), "the top level is not a mapping"),
        ("a: 1\n--- \nb: 2\n", (2, 1), "a second YAML document begins here"),
        ("a:\n\tb: 1\n", (2, 1), "tab character in the indentation"),
        ("a: [1, 2\nb: 3\n", (2, 2), "not valid YAML"),
        ("a: b: c\n", (1, 5), "not valid YAML"),
        ("a: *nowhere\n", (1, 4), "found undefined alias 'nowhere'"),
        ("a: !!python/object/apply:os.system [ls]\n", (1, 4), "YAML tags such as !!python/object/apply:os.system"),
        ("a: !int 3\n", (1, 4), "YAML tags such as !int"),
        ("a: &a [*a]\n", (1, 4), "aliases expand to too much"),
        ("a: " + "[" * 100_000, (1, 43), "nested too deeply"),
        ("- " * 100, (1, 81), "nested too deeply"),
        ("a: [" + "0," * 100_001 + "]", (1, 199_999), "the file has too many values"),
        ("a: &a x\nb: [" + "*a, " * 101 + "]", (2, 405), "too many aliases"),
        ("a: ok\nb: \x00\n", (2, 4), "character '\\x00' is not allowed"),
        ('a: "\\ud800"\n', (1, 4), "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: tuple[int, int], what: str) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.column) == place
    assert what in problem.what


def test_a_bomb_of_aliases_is_refused_before_it_expands() -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 10)]
    (problem,) = problems("\n".join(["l0: &l0 [x, x, x]", *levels]))
    assert problem.what == "aliases expand to too much"
    assert problem.expected == "at most 100000 values"


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        (b"a: 1\nb: \xff\n", (2, 4), "the file is not UTF-8 text"),
        (b"a: " + b"x" * MAX_BYTES, (0, 0), "the file is too large"),
    ],
)
def test_bytes_that_are_no_yaml_file(tmp_path: Path, content: bytes, place: tuple[int, int], what: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    (problem,) = caught.value.problems
    assert (problem.file, (problem.line, problem.column), problem.what) == (str(path), place, what)


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="this is a directory"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_and_windows_newlines_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: 2\r\n".encode())
    document = read_yaml(path)
    assert document.data == {"a": 1, "b": 2}
    assert document.keys[("b",)] == (2, 1)


class Inner(Strict):
    share: Ratio = 0.5
    wait_s: Annotated[Duration, Field(le=60)] = Field(default=1.0, alias="wait")


class Outer(Strict):
    name: str
    level: Literal["low", "high"] = "low"
    count: int = Field(default=1, ge=1, le=9)
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    by_name: dict[Annotated[str, Field(pattern="^[a-z]+$")], Inner] = Field(default={})
    maybe: Inner | None = None


def test_a_good_file_becomes_a_model() -> None:
    model = validate(parse_yaml("name: n\nmany: [{share: 30%, wait: 250ms}]\ncount: 3\n", "f"), Outer)
    assert (model.name, model.count) == ("n", 3)
    assert (model.many[0].share, model.many[0].wait_s) == (0.3, 0.25)


@pytest.mark.parametrize(
    ("line", "place", "what", "expected"),
    [
        ("count: '3'", "2:8", "bad value for 'count'", "a whole number"),
        ("count: 3.5", "2:8", "bad value for 'count'", "a whole number"),
        ("count: 12", "2:8", "bad value for 'count'", "at most 9"),
        ("count: yes", "2:8", "bad value for 'count'", "a whole number"),
        ("level: hihg", "2:8", "bad value for 'level'", "'low' or 'high'"),
        ("inner: 3", "2:8", "bad value for 'inner'", "a mapping (key: value)"),
        ("inner:", "2:7", "bad value for 'inner'", "a mapping (key: value)"),
        ("inner: {wait: 2m}", "2:15", "bad value for 'wait'", "at most 1m"),
        ("many: 3", "2:7", "bad value for 'many'", "a list: [...]"),
        ("many: [3]", "2:8", "bad entry in 'many'", "a mapping (key: value)"),
        ("by_name: {A B: {}}", "2:11", "bad name 'A B'", "text of the form ^[a-z]+$"),
    ],
)
def test_values_are_judged_in_plain_words(line: str, place: str, what: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(parse_yaml(f"name: n\n{line}\n", "f"), Outer)
    (problem,) = caught.value.problems
    assert (f"{problem.line}:{problem.column}", problem.what, problem.expected) == (place, what, expected)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("inner: {wiat: 1s}", "2:9"),
        ("many: [{}, {wiat: 1s}]", "2:13"),
        ("by_name: {x: {wiat: 1s}}", "2:15"),
        ("maybe: {wiat: 1s}", "2:9"),
    ],
)
def test_an_unknown_key_names_the_nearest_one_at_its_place(line: str, place: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(parse_yaml(f"name: n\n{line}\n", "f"), Outer)
    (problem,) = caught.value.problems
    assert (f"{problem.line}:{problem.column}", problem.what) == (place, "unknown key 'wiat'")
    assert problem.hint == "did you mean 'wait'?"


def test_the_attribute_name_behind_an_alias_is_not_a_key() -> None:
    with pytest.raises(UserError, match="unknown key 'wait_s'"):
        validate(parse_yaml("name: n\ninner: {wait_s: 1s}\n", "f"), Outer)


def test_all_problems_come_at_once_in_file_order() -> None:
    text = "count: 0\ninner: {share: 130%}\ncount: 2\nnmae: n\n"
    with pytest.raises(UserError) as caught:
        validate(parse_yaml(text, "f"), Outer)
    assert [(p.line, p.column, p.what) for p in caught.value.problems] == [
        (1, 1, "missing key 'name'"),
        (1, 8, "bad value for 'count'"),
        (2, 16, "bad value for 'share'"),
        (3, 1, "duplicate key 'count'"),
        (4, 1, "unknown key 'nmae'"),
    ]
