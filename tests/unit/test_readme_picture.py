"""The README's picture: there, small, described, and made by a target from a scenario that is shipped."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from lab.files.finding import shipped_names

ROOT = Path(__file__).parents[2]
MAX_BYTES = 150_000


def test_the_first_screen_shows_a_small_picture_with_a_description() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")[0]
    found = re.search(r"!\[([^]]+)\]\(([^)]+)\)", first_screen)
    assert found is not None
    words, place = found.groups()
    assert len(words.split()) > 5
    picture = (ROOT / place).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < MAX_BYTES
    width, height = struct.unpack(">II", picture[16:24])
    assert 800 <= width <= 1200
    assert height <= 1.2 * width


def test_the_picture_is_of_a_shipped_scenario() -> None:
    script = (ROOT / "scripts" / "picture.sh").read_text(encoding="utf-8")
    scenario = re.search(r"^scenario=(\S+)$", script, flags=re.MULTILINE)
    place = re.search(r"^picture=(\S+)$", script, flags=re.MULTILINE)
    assert scenario is not None
    assert place is not None
    assert scenario[1] in shipped_names(".scenario.yaml")
    assert place[1] in (ROOT / "README.md").read_text(encoding="utf-8")
