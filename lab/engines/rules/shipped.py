"""The shipped rules: those of every system, and after them the files that the world of a system adds.

Sections are joined as texts, so that what is printed is what is used, with its comments. `noise`, `effects` and
`causes` of a world come after those of the core. `symptoms` come before: what the world's people notice opens a
why-chain.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

from lab.engines.rules.tree import Part, Tree, parse_tree, parsed
from lab.errors import Problem, UserError
from lab.files.fileio import reason
from lab.files.yamlsource import Document, parse_yaml, read_text
from lab.registration.world import recorded_world, resource

CORE = Path(__file__).with_name("rules.yaml")
NAME = "rules"
"""What messages call the joined text."""
_ORDER = {"noise": 1, "symptoms": -1, "effects": 1, "causes": 1}


def shipped_text(world: str | None) -> str:
    """The rules for systems of a world as one complete file, the core's where there is none.

    UserError where the world is not installed, or a file of it is wrong or gives again what another one gave.
    """
    files = recorded_world(world).rules if world else ()
    return _joined(tuple((file, _text(file)) for file in files))


def shipped_tree(world: str | None) -> Tree:
    """The same as a tree."""
    return _tree(shipped_text(world))


@lru_cache(maxsize=16)
def _tree(text: str) -> Tree:
    return parse_tree(text, NAME)


@lru_cache(maxsize=16)
def _joined(files: tuple[tuple[str, str], ...]) -> str:
    core = parse_yaml(read_text(CORE), str(CORE))
    documents = [core, *(parse_yaml(text, file) for file, text in files)]
    for document in documents[1:]:
        parsed(document, Part)
    _refuse_twice(documents)
    head = core.text.splitlines()[: core.keys[("noise",)][0] - 1]
    sections = ["\n".join(head).rstrip()]
    for section, order in _ORDER.items():
        pieces = [_section(document, section) for document in documents]
        said = [piece for piece in pieces[::order] if piece]
        if said:
            sections.append(f"{section}:\n" + "\n".join(said))
    return "\n\n".join(sections) + "\n"


def _text(file: str) -> str:
    """A world's file; UserError where it cannot be read."""
    try:
        return resource(file).read_text(encoding="utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        hint = "correct the `rules` of the world's registration, or the package data of its distribution"
        why = reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise UserError(Problem(f"these rules of a world cannot be read: {why}", file, hint=hint)) from None


def _section(document: Document, name: str) -> str:
    """The lines below a key at the top of a file, indented by two; empty where it has none."""
    value = document.get((name,))
    if not value:
        return ""
    lines = document.text.splitlines()
    starts = sorted(place[0] for path, place in document.keys.items() if len(path) == 1)
    first = document.keys[(name,)][0]
    below = lines[first : next((start - 1 for start in starts if start > first), len(lines))]
    inline, _, comment = lines[first - 1].partition(":")[2].partition("#")
    if inline.strip():  # written in the key's own line
        below, comment = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).splitlines(), ""
    written = [line for line in below if line.strip() and not line.lstrip().startswith("#")]
    indent = min((len(line) - len(line.lstrip()) for line in written), default=0)
    moved = [("  " + line[min(indent, len(line) - len(line.lstrip())) :]).rstrip() for line in below]
    return "\n".join([*([f"  # {comment.strip()}"] if comment else []), *moved]).rstrip()


def _refuse_twice(documents: list[Document]) -> None:
    """UserError for what two files say of one signal's noise, or of the effects of one kind of cause."""
    problems = []
    for section, of in (("noise", "noise of signal"), ("effects", "effects of cause")):
        first: dict[str, Document] = {}
        for document in documents:
            for name in document.get((section,)) or {}:
                other = first.setdefault(name, document)
                if other is not document:
                    what = f"{of} {name!r} is given twice"
                    problems.append(document.problem((section, name), what, seen=f"also in {other.file}"))
    if problems:
        raise UserError(problems)
