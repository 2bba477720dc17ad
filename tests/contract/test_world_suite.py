"""The contract of worlds finds what is wrong with a stranger's: the example of a help desk with a line changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributions import write_distribution
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
SCENARIO = """
schema_version: 1
name: short
system: desk.system.yaml
duration: 150s
load: {stages: [{for: 150s, rate: 10/s}]}
"""
MODULE = """
from pathlib import Path
import pytest
from lab.scenario import load_scenario
from lab.world_suite import *

@pytest.fixture(scope="module")
def loaded():
    return load_scenario(Path(__file__).with_name("short.scenario.yaml"))
"""


def contract(folder: Path, part: str, other: str) -> str:
    """What pytest says of the desk, in another process, with a part of its content replaced."""
    project, site = folder / "world", folder / "site"
    site.mkdir()
    shutil.copytree(ROOT / "examples" / "world", project, ignore=shutil.ignore_patterns("__pycache__"))
    content = project / "chaos_lab_desk" / "content.py"
    text = content.read_text(encoding="utf-8")
    assert part in text
    content.write_text(text.replace(part, other), encoding="utf-8")
    (project / "short.scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    (project / "test_contract.py").write_text(MODULE, encoding="utf-8")
    named = "chaos_lab_desk"
    groups = {"lab.worlds": {"desk": f"{named}.registration:WORLD"}, "lab.injectors": {"desk": f"{named}.faults"}}
    write_distribution(site, "chaos-lab-desk", groups)
    path = os.pathsep.join(map(str, (site, project, ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(project / "test_contract.py")],
        env={**os.environ, "PYTHONPATH": path}, cwd=folder, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "other", "failed"),
    [
        ("COST_EUR = 12.0", "COST_EUR = 12.5", ""),
        ("handed = drawn[:, 1] <", "handed = np.random.rand(len(drawn)) <", "test_the_same_seed_gives_the_same_bytes"),
        ("other = copy.copy(self)\n", "other = copy.copy(self)\n        return other\n", "test_a_branch_goes_on_as"),
        ("self._between(self._given_ns, until_ns), until_ns", "self._between(0, until_ns), 0", "test_what_is_seen_on"),
    ],
    ids=["whole", "draws without keys", "branches that share", "rows twice"],
)
def test_it_finds_what_is_wrong(tmp_path: Path, part: str, other: str, failed: str) -> None:
    said = contract(tmp_path, part, other)
    assert ("7 passed" in said) == (not failed), said
    assert failed in said
