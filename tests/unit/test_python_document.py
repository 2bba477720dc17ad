"""The document of the lab as a Python library is true: it runs the recommender."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import lab

DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"


def test_its_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S), 1):
        exec(compile(block, f"{DOCUMENT.name}, block {number}", "exec"), names)
    assert names["during"] > 10 * names["before"]
    assert names["run"].outcomes["slowest_link"] is lab.Outcome.PASS
    assert len(names["passed"]) == 2
