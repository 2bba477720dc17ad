"""What every page has in common: one file that needs no network, written whole or not at all."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.files.fileio import write_file

if TYPE_CHECKING:
    from jinja2 import Environment


CALENDAR_STYLE = Path(__file__).resolve().parents[1] / "web" / "static" / "calendar.css"
"""How calendars look, in reports as on the training pages, which serve it."""


@cache
def environment() -> Environment:
    """The templates; all data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from lab.report.format import shortened, unbroken
    from lab.report.marks import SIGNS

    made = Environment(
        loader=PackageLoader("lab.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["unbroken"] = unbroken
    made.filters["shortened"] = shortened
    made.globals["signs"] = SIGNS
    made.globals["calendar_style"] = Markup(CALENDAR_STYLE.read_text(encoding="utf-8"))
    # The browser runs only the page's own script, even if a recording contains another one.
    script = made.get_template("script.js").render()
    made.globals["script"] = script
    made.globals["script_hash"] = b64encode(sha256(script.encode()).digest()).decode()
    return made


def render(template: str, **content: Any) -> str:
    """A page as text."""
    return environment().get_template(template).render(**content)


def write_page(path: Path, text: str) -> Path:
    """Writes a page whole or not at all, with the directory it is to be in, and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_file(path, text)
