"""The example of a world from wheels, as a stranger installs it: nothing else of the lab is in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "examples" / "world"
OWN = ("chaos_lab", "_editable_impl_chaos_lab", "lab", "injectors", "graders", "__pycache__")
"""What an environment of developers has of the lab itself: a link to it would be written through."""
pytestmark = pytest.mark.slow


def pip(*words: object) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", *quiet, *map(str, words)], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheels of the lab and of the world, and links to the packages that they need."""
    place, wheels = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("wheels")
    for project in (TOP, EXAMPLE):
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, project)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([place / "bin" / "python", "-c", code], check=True, capture_output=True, text=True)
    packages = Path(found.stdout.strip())
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if not one.name.startswith(OWN):
            (packages / one.name).symlink_to(one)
    pip("--python", place / "bin" / "python", "install", "--no-deps", "--no-index", *wheels.glob("*.whl"))
    return place


def lab(environment: Path, cwd: Path, *words: object) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("LAB_DEBUG", "PYTHONPATH")}
    command = [str(environment / "bin" / "lab"), *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)


def test_a_strangers_world_is_checked_run_graded_and_reported(environment: Path, tmp_path: Path) -> None:
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    assert "world desk" in lab(environment, tmp_path, "doctor").stdout
    done = lab(environment, tmp_path, "validate", *tmp_path.glob("*.yaml"))
    assert done.returncode == 0, done.stderr
    linked = ("--engine-read", sysconfig.get_path("purelib"))  # engines are confined, and links lead out of it
    done = lab(environment, tmp_path, "run", "desk.suite.yaml", "--runs-dir", "runs", *linked)
    assert done.returncode == 0, done.stdout + done.stderr
    [run] = (tmp_path / "runs" / "misrouted-questions").iterdir()
    assert "escalation_ratio" in (run / "report.html").read_text(encoding="utf-8")
    assert lab(environment, tmp_path, "grade", run).returncode == 0


def test_nothing_of_it_comes_from_the_checkout(environment: Path, tmp_path: Path) -> None:
    code = "import chaos_lab_desk, lab; print(lab.__file__, chaos_lab_desk.__file__)"
    done = subprocess.run(
        [environment / "bin" / "python", "-P", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert all(Path(file).is_relative_to(environment) for file in done.stdout.split())
