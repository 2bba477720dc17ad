"""YAML files read strictly, with the place of every key and value kept for error messages.

Scalars follow YAML 1.2: only `true`, `false`, `null` and decimal numbers are not text, so `no`, `1:30`, `0o17`
and dates stay what was written. Files are treated as hostile: size, depth, aliases and nodes are limited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import yaml
from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from lab.errors import Problem, UserError
from lab.files.fileio import read_file, reason

CParser: Any = None
with suppress(ImportError):  # PyYAML may have been built without libyaml
    from yaml._yaml import CParser

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_ALIASES = 100
MAX_NODES = 100_000

Place = tuple[int, int]
"""Line and column, both counted from 1."""
KeyPath = tuple[str | int, ...]
"""The way from the top of a file to a value: keys and list indexes."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_MAX_DIGITS = 300
_READ_OTHERWISE = re.compile("[\t?\x85\u2028\u2029\ufeff]|:\\s*[],}]")
"""What libyaml reads otherwise than PyYAML, or places otherwise: some characters, and values that are left out."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data, with the place of each key and value.

    `problems` are those that did not keep the rest from being read, such as a key given twice.
    """

    file: str
    text: str
    data: dict[str, Any]
    keys: Mapping[KeyPath, Place]
    values: Mapping[KeyPath, Place]
    problems: tuple[Problem, ...] = ()

    def existing(self, path: KeyPath) -> KeyPath:
        """The part of a path that leads to a value of the file; steps that lead nowhere are left out."""
        found: KeyPath = ()
        for step in path:
            if (*found, step) in self.values:
                found = (*found, step)
        return found

    def get(self, path: KeyPath) -> Any:
        """The value at a path, None where there is none."""
        value: Any = self.data
        for step in path:
            inside = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list) and step < len(value)
            value = value[step] if inside and (isinstance(step, int) or step in value) else None
        return value

    def problem(
        self, path: KeyPath, what: str, *, at_key: bool = False, seen: str = "", expected: str = "", hint: str = ""
    ) -> Problem:
        """A problem located at a value (or at its key), or at the nearest enclosing value that exists."""
        path = self.existing(path)
        line, column = (self.keys if at_key and path in self.keys else self.values)[path]
        return Problem(what, self.file, line, column, seen, expected, hint)

    def located(self, at: KeyPath, problem: Problem) -> Problem:
        """A problem inside a file that this one names keeps its place; one of a file that is not there gets it here."""
        if problem.line:
            return problem
        what = f"{problem.what}: {problem.file}" if problem.file else problem.what
        return self.problem(at, what, expected=problem.expected, hint=problem.hint)


def read_yaml(path: Path) -> Document:
    """Reads a file whose top level is a mapping; UserError with the place of what is wrong otherwise."""
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, file: str) -> Document:
    """Reads YAML text as `read_yaml` does; `file` is the name for messages."""
    try:
        root = _composed(text, file)
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"character {text[error.position]!r} is not allowed in YAML"
        raise UserError(Problem(what, file, line, column)) from None
    except MarkedYAMLError as error:
        raise UserError(_syntax_problem(error, file)) from None
    builder = _Builder(file)
    data = builder.build(root, (), 0)
    return Document(file, text, data, builder.keys, builder.values, tuple(builder.problems))


def read_text(path: Path) -> str:
    try:
        content = read_file(path, MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(Problem("no such file", str(path))) from None
    except IsADirectoryError:
        raise UserError(Problem("this is a directory", str(path), expected="a YAML file")) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {reason(error)}", str(path), expected="a YAML file")) from None
    except ValueError as error:  # a null character in the name
        raise UserError(Problem(f"cannot be read: {error}", repr(str(path)), expected="a YAML file")) from None
    if len(content) > MAX_BYTES:
        raise UserError(Problem("the file is too large", str(path), expected=f"at most {MAX_BYTES >> 10} KiB"))
    try:
        # Editors on Windows put a byte order mark first; newlines are left to YAML.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        what, seen = "the file is not UTF-8 text", f"byte 0x{content[error.start]:02x}"
        raise UserError(Problem(what, str(path), line, column, seen=seen)) from None


class _Mark(Protocol):
    line: int
    column: int


def _place(mark: _Mark | None) -> Place:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _syntax_problem(error: MarkedYAMLError, file: str) -> Problem:
    line, column = _place(error.problem_mark or error.context_mark)
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        what, hint = "tab character in the indentation", "indent with spaces; YAML allows no tabs there"
        return Problem(what, file, line, column, hint=hint)
    context = f"{error.context} that began at line {error.context_mark.line + 1}" if error.context_mark else ""
    return Problem(f"not valid YAML: {problem}", file, line, column, seen=context)


def _composed(text: str, file: str) -> Node:
    """The top node of YAML text, by libyaml where that reads the same: it takes a fifth of the time.

    What is refused is read again by PyYAML, whose errors are told, so that they are the same everywhere.
    """
    if CParser is not None and not _READ_OTHERWISE.search(text):
        with suppress(yaml.YAMLError, UserError, UnicodeEncodeError):
            return _Composer(CParser(text), file).compose_only_document()
    return _Composer(_Parser(text), file).compose_only_document()


class _Parser(Reader, Scanner, Parser):
    """YAML text to events, all in Python."""

    def __init__(self, text: str):
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


class _Composer(Composer, BaseResolver):
    """Events of a parser to nodes. Anything but plain data is refused before a node is made of it."""

    def __init__(self, parser: Any, file: str):
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.check_event, self.peek_event, self.get_event = parser.check_event, parser.peek_event, parser.get_event
        self._file = file
        self._depth = 0
        self._nodes = 0
        self._aliases = 0

    def compose_only_document(self) -> Node:
        """The one document of the text, whose top level is a mapping."""
        self._next()
        if self.check_event(yaml.StreamEndEvent):
            self._refuse(None, "the file is empty", "a mapping (key: value)")
        self._next()
        root: Node = self.compose_node(None, None)  # type: ignore[arg-type,assignment]
        self._next()
        if not self.check_event(yaml.StreamEndEvent):
            self._refuse(self._peek().start_mark, "a second YAML document begins here", "one document in a file")
        if isinstance(root, ScalarNode) and not root.value:
            self._refuse(None, "the file is empty", "a mapping (key: value)")
        if not isinstance(root, MappingNode):
            self._refuse(root.start_mark, "the top level is not a mapping", "key: value lines")
        return root

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self._peek()
        self._nodes += 1
        self._depth += 1
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._refuse(event.start_mark, "too many aliases", f"at most {MAX_ALIASES}")
        if self._nodes > MAX_NODES:
            self._refuse(event.start_mark, "the file has too many values", f"at most {MAX_NODES}")
        if self._depth > MAX_DEPTH:
            self._refuse(event.start_mark, "nested too deeply", f"at most {MAX_DEPTH} levels")
        tag = getattr(event, "tag", None)
        if tag is not None:
            written, hint = tag.replace("tag:yaml.org,2002:", "!!"), "quote the value if it is meant as text"
            self._refuse(event.start_mark, f"YAML tags such as {written} are not allowed", hint=hint)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _next(self) -> None:
        self.get_event()

    def _peek(self) -> yaml.Event:
        event: yaml.Event = self.peek_event()
        return event

    def _refuse(self, mark: _Mark | None, what: str, expected: str = "", hint: str = "") -> NoReturn:
        raise UserError(Problem(what, self._file, *_place(mark), expected=expected, hint=hint))


class _Builder:
    """Nodes to plain data. Aliases are expanded here, so the limit on nodes is counted again."""

    def __init__(self, file: str):
        self.keys: dict[KeyPath, Place] = {}
        self.values: dict[KeyPath, Place] = {}
        self.problems: list[Problem] = []
        self._file = file

    def build(self, node: Node, path: KeyPath, depth: int) -> Any:
        self.values[path] = _place(node.start_mark)
        # An alias inside its own anchor has no end; it runs into the depth limit like any other nesting.
        for count, limit, unit in ((len(self.values), MAX_NODES, "values"), (depth, MAX_DEPTH, "levels")):
            if count > limit:
                what, expected = "aliases expand to too much", f"at most {limit} {unit}"
                raise UserError(Problem(what, self._file, *_place(node.start_mark), expected=expected))
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, plain = key_node.value, not key_node.style if isinstance(key_node, ScalarNode) else False
            place = _place(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                self.problems.append(Problem("a key must be text", self._file, *place))
            elif plain and key == "<<":
                hint = "write the keys out, or alias a whole value"
                self.problems.append(Problem("merge keys (<<) are not supported", self._file, *place, hint=hint))
            elif key in data:
                line, column = self.keys[*path, key]
                hint = f"it is first given at line {line}, column {column}"
                self.problems.append(Problem(f"duplicate key {key!r}", self._file, *place, hint=hint))
            else:
                self.keys[*path, key] = place
                data[key] = self.build(value_node, (*path, key), depth + 1)
        return data

    def _scalar(self, node: Node) -> Any:
        text: str = node.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            what = "half of a surrogate pair is not text"
            raise UserError(Problem(what, self._file, *_place(node.start_mark), seen=ascii(text)))
        if node.style:  # type: ignore[attr-defined]
            return text
        if text in _WORDS:
            return _WORDS[text]
        # Numbers beyond what a float holds stay text, so that they are refused where a number is expected.
        if len(text) <= _MAX_DIGITS and _INTEGER.fullmatch(text):
            return int(text)
        if len(text) <= _MAX_DIGITS and _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
            return float(text)
        return text
