"""`lab init world`: writes a distribution with a small world of one's own, which runs and is graded as it is."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from lab.errors import Problem, UserError
from lab.files.fileio import reason
from lab.registration.world import installed_worlds

DEFAULT = "claims"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_CHARACTERS = 40


def write_world(name: str, *, of_jobs: bool = False) -> None:
    """Writes the directory NAME with package, system, fault, control and suite, and prints what to type next.

    `of_jobs`: a world without requests, in which jobs write datasets.

    UserError where the name cannot be a world's or is one, or where something of that name is here already.
    """
    _check(name)
    top = Path(name)
    try:
        top.mkdir()
    except FileExistsError:
        hint = "choose another name: lab init world NAME"
        raise UserError(Problem("this exists already; it was not changed", str(top), hint=hint)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be made: {reason(error)}", str(top))) from None
    for path, text in sorted(_files(name, of_jobs).items()):
        (top / path).parent.mkdir(exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")
        click.echo(f"wrote {top / path}")
    click.echo("next:")
    steps = [
        (f"pip install -e {name}", "make it known to the lab, in the environment of the lab"),
        (f"lab run {name}/{name}.suite.yaml", "an incident and a control, graded"),
        (f"lab rules show --world {name}", "what the reference engine concludes there"),
    ]
    width = max(len(line) for line, _ in steps)
    for line, why in steps:
        click.echo(f"  {line:<{width}}  {why}")
    meaning = "what your jobs write" if of_jobs else "what your requests mean"
    click.echo(f"then change {name}/{_package(name)}/content.py: {meaning}")


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _MAX_CHARACTERS:
        expected = f"small letters, digits and hyphens, a letter first, at most {_MAX_CHARACTERS}, such as {DEFAULT}"
        raise UserError(Problem(f"{name!r} is not a valid name for a world", expected=expected))
    if name in installed_worlds():
        hint = "two worlds of one name cannot be installed together: choose another name"
        raise UserError(Problem(f"a world {name!r} is installed already", hint=hint))


def _package(name: str) -> str:
    return f"{name.replace('-', '_')}_world"


def _files(name: str, of_jobs: bool) -> dict[str, str]:
    """Content of each file by its path below the directory."""
    templates = files("lab") / "templates"
    found: dict[str, str] = {}
    # What a world of jobs has in its own way takes the place of what every world has.
    for template in (templates / "world", *([templates / "world_jobs"] if of_jobs else [])):
        for file in template.iterdir():
            if file.is_file():
                found[_file_name(name, file.name)] = _filled(name, file)
        for file in (template / "package").iterdir():
            if file.is_file():
                found[f"{_package(name)}/{file.name.removesuffix('.txt')}"] = _filled(name, file)
    return found


def _file_name(name: str, template: str) -> str:
    """`suite.yaml` becomes `NAME.suite.yaml`, `quiet.scenario.yaml` `NAME-quiet.scenario.yaml`."""
    if not template.endswith(".yaml"):
        return template.removesuffix(".txt")
    return f"{name}-{template}" if template.count(".") > 1 else f"{name}.{template}"


def _filled(name: str, template: Traversable) -> str:
    text = template.read_text(encoding="utf-8")
    return text.replace("PACKAGE", name.replace("-", "_")).replace("NAME", name)
