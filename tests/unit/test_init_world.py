"""What `lab init world` writes runs as it is, installed as a stranger does, with no other world there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from lab.errors import ExitCode
from tests.cli_cases import lab
from tests.distributions import write_distribution
from tests.waiting import PATIENCE_S

HIDING = Path(__file__).resolve().parents[1] / "without_worlds"
NAME = "home-claims"


def run(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The lab in another process, with the distribution under `top / NAME` installed."""
    site = top / "site"
    if not site.is_dir():
        site.mkdir()
        project = tomllib.loads((top / NAME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        write_distribution(site, project["name"], project["entry-points"])
    path = os.pathsep.join(map(str, (site, top / NAME, HIDING, HIDING.parents[1])))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S, cwd=top
    )


def written(top: Path) -> set[str]:
    """The files of the distribution."""
    return {path.relative_to(top).as_posix() for path in Path(top, NAME).rglob("*") if path.is_file()}


def test_it_is_a_distribution_without_gaps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("init", "world", NAME) == ExitCode.OK
    output = capsys.readouterr().out
    files = written(folder)
    assert {f"wrote {path}" for path in files} <= set(output.splitlines())
    assert f"{NAME}/home_claims_world/content.py" in files
    for path in files:
        text = Path(path).read_text(encoding="utf-8")
        assert "NAME" not in text, path
        assert "PACKAGE" not in text, path
        if path.endswith(".py"):
            compile(text, path, "exec")
    assert f"lab run {NAME}/{NAME}.suite.yaml" in output


def test_its_files_are_valid_and_its_page_is_written(folder: Path) -> None:
    lab("init", "world", NAME)
    valid = run(folder, "lab", "validate", *(str(path) for path in Path(NAME).glob("*.yaml")))
    assert valid.returncode == 0, valid.stderr
    assert run(folder, "lab.docs", "docs").returncode == 0
    page = Path("docs/worlds", f"{NAME}.md").read_text(encoding="utf-8")
    assert "home_claims_wrong_ratio" in page


def test_one_of_jobs_is_as_complete_and_has_no_requests(folder: Path) -> None:
    assert lab("init", "world", NAME) == ExitCode.OK
    of_requests = written(folder)
    shutil.rmtree(NAME)
    assert lab("init", "world", NAME, "--of-jobs") == ExitCode.OK
    assert written(folder) == of_requests
    valid = run(folder, "lab", "validate", *(str(path) for path in Path(NAME).glob("*.yaml")))
    assert valid.returncode == 0, valid.stderr
    system = yaml.safe_load(Path(NAME, f"{NAME}.system.yaml").read_text(encoding="utf-8"))
    assert {one["kind"] for one in system["components"].values()} == {"job", "database"}
    assert run(folder, "lab.docs", "docs").returncode == 0
    page = Path("docs/worlds", f"{NAME}.md").read_text(encoding="utf-8")
    assert "home_claims_lost_ratio" in page
    assert "| `bookings` | the same with accounts | `write_bookings` | `entries` |" in page


@pytest.mark.slow
def test_the_suite_of_one_of_jobs_passes_and_tells_dates(folder: Path) -> None:
    lab("init", "world", NAME, "--of-jobs")
    done = run(folder, "lab", "run", f"{NAME}/{NAME}.suite.yaml", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"✓ pass  {NAME}-confused  seed 1  rules  {NAME}-confused of book" in done.stdout
    shown = run(folder, "lab", "diagnose", f"runs/{NAME}-confused")
    assert "day 9" in shown.stdout, shown.stdout + shown.stderr
    contract = run(folder, "pytest", "-q", NAME)
    assert contract.returncode == 0, contract.stdout


def test_only_a_world_is_one_of_jobs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("init", "engine", "--of-jobs") == ExitCode.INVALID
    assert "--of-jobs is for a world" in capsys.readouterr().err
    assert not list(folder.glob("*.py"))


@pytest.mark.slow
def test_its_suite_passes(folder: Path) -> None:
    lab("init", "world", NAME)
    done = run(folder, "lab", "run", f"{NAME}/{NAME}.suite.yaml", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"✓ pass  {NAME}-confused  seed 1  rules  {NAME}-confused of desk" in done.stdout
    early = run(folder, "lab", "diagnose", f"runs/{NAME}-confused", "--at", "100s", "--json")
    assert '"verdict": "healthy"' in early.stdout, early.stderr


def test_its_fault_is_refused_where_the_content_is_not(folder: Path) -> None:
    lab("init", "world", NAME)
    system, incident = Path(NAME, f"{NAME}.system.yaml"), Path(NAME, f"{NAME}-confused.scenario.yaml")
    called = "steps: [{name: print, call: printer}]\n  printer: {kind: service, service_time: {mean: 1ms}}\nlinks:"
    text = system.read_text(encoding="utf-8").replace("\nlinks:\n", f"\n    {called}\n  desk->printer: {{}}\n")
    system.write_text(text, encoding="utf-8")
    assert run(folder, "lab", "plan", str(incident)).returncode == 0
    elsewhere = incident.read_text(encoding="utf-8").replace("target: desk", "target: printer")
    incident.write_text(elsewhere, encoding="utf-8")
    refused = run(folder, "lab", "plan", str(incident))
    assert refused.returncode == 2
    assert "printer has no such content; desk has" in refused.stderr


def test_nothing_is_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(NAME).mkdir()
    assert lab("init", "world", NAME) == ExitCode.INVALID
    assert list(Path(NAME).iterdir()) == []
    assert "this exists already; it was not changed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../up", "Two Words", "", "a" * 41, "-x", "under_score", "7days"])
def test_a_name_that_no_world_can_have_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(folder.iterdir())
    assert lab("init", "world", "--", name) == ExitCode.INVALID
    assert set(folder.iterdir()) == before
    assert "small letters, digits and hyphens" in capsys.readouterr().err


def test_a_world_that_is_installed_is_not_begun_again(folder: Path) -> None:
    lab("init", "world", NAME)
    again = run(folder, "lab", "init", "world", NAME)
    assert again.returncode == 2
    assert f"a world '{NAME}' is installed already" in again.stderr
