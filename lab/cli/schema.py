"""`lab schema`: JSON Schemas for editors and other tools."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.console import GivenPath, option

_EPILOG = """\b
Examples:
  lab schema scenario > scenario.v1.json
  lab schema --write docs/schema

\b
Editors find the schema by the first line of a file:
  # yaml-language-server: $schema=scenario.v1.json
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "name", required=False, type=click.Choice(["scenario", "suite", "course", "system", "rules", "diagnosis"])
)
@option("--write", "directory", type=GivenPath(file_okay=False), metavar="DIR",
        help="Write all schemas into this directory instead.")  # fmt: skip
def command(name: str | None, directory: Path | None) -> None:
    """Print or write the JSON Schemas of the lab's files.

    Without a name, all schemas as one object. The scenario's schema contains all installed faults.
    """
    from lab.docs.schemas import json_text, schemas, write_schemas
    from lab.errors import Problem, UserError
    from lab.files.fileio import reason

    if directory is not None:
        if name:
            raise UserError("--write writes all schemas; leave the name out")
        try:
            for path in write_schemas(directory):
                click.echo(path)
        except OSError as error:
            raise UserError(Problem(f"schemas cannot be written here: {reason(error)}", str(directory))) from error
        return
    found = schemas()
    click.echo(json_text(found[name] if name else found), nl=False)
