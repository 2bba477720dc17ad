"""The page of an exercise from its content: drawn as the report is, with what only it needs beside."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from lab.quiz.content import Content
from lab.quiz.veiled import salt_of, veiled

if TYPE_CHECKING:
    from jinja2 import Environment

SCRIPTS = ("grade.js", "page.js")


@cache
def environment() -> Environment:
    """The report's templates and this page's own ones; all data is escaped."""
    from jinja2 import ChoiceLoader, PackageLoader

    from lab.report.page import environment as of_report

    return of_report().overlay(loader=ChoiceLoader([PackageLoader("lab.quiz"), PackageLoader("lab.report")]))


def render(content: Content) -> str:
    """The page as text."""
    templates = environment()
    script = '"use strict";\n' + "\n".join(templates.get_template(name).render() for name in SCRIPTS)
    case, hints = content.case(), [hint.text for hint in content.exercise.hints]
    salt = salt_of(case, hints, content.exercise.title)
    return templates.get_template("quiz.html.j2").render(
        content=content,
        exercise=content.exercise,
        salt=salt,
        case=veiled(case, f"{salt}/case"),
        hints=[(hint.cost, veiled(hint.text, f"{salt}/{i}")) for i, hint in enumerate(content.exercise.hints)],
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )
