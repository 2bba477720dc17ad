"""Every command of the tutorial is run, in its order and in an empty directory, and does what the text says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r" # exit (\d+)$")
HEREDOC = re.compile(r"<<'(\w+)'$")


@dataclass
class Command:
    """A command as it stands, the exit code that the text says, and the lines of output that it shows."""

    text: str
    code: int = 0
    shown: tuple[str, ...] = ()


def blocks(kind: str) -> list[str]:
    return [found[2] for found in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")) if found[1] == kind]


def commands() -> list[Command]:
    """The commands of all `sh` blocks in order; a `text` block belongs to the command before it."""
    found: list[Command] = []
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        if block[1] == "text":
            found[-1].shown = tuple(line.strip() for line in block[2].splitlines())
        lines = iter(block[2].splitlines() if block[1] == "sh" else [])
        for line in lines:
            exit_code = EXIT.search(line)
            command = Command(EXIT.sub("", line), int(exit_code[1]) if exit_code else 0)
            if heredoc := HEREDOC.search(line):
                for more in lines:
                    command.text += f"\n{more}"
                    if more == heredoc[1]:
                        break
            found.append(command)
    return found


def test_the_tutorial_has_commands_of_all_its_parts() -> None:
    words = {command.text.split()[1] for command in commands() if command.text.startswith("lab ")}
    assert {"run", "list", "plan", "diagnose", "init", "validate", "rules", "config", "clean"} <= words
    assert [command.code for command in commands()].count(1) >= 3
    assert all(command.text.strip() for command in commands())


def test_the_workflow_runs_what_the_tutorial_ran() -> None:
    (workflow,) = (yaml.safe_load(block) for block in blocks("yaml"))
    steps = [step["run"] for step in workflow["jobs"]["lab"]["steps"] if step.get("run", "").startswith("lab ")]
    typed = [command.text for command in commands()]
    assert steps[-1] in typed
    assert all(step.split()[1] in {"validate", "run"} for step in steps)


@pytest.mark.slow
@pytest.mark.long
def test_every_command_does_what_the_tutorial_says(tmp_path: Path) -> None:
    bin_dir = Path(sys.executable).parent
    hidden = ("LAB_", "GITHUB_", "CI", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"PATH": f"{bin_dir}{os.pathsep}{environment['PATH']}", "NO_COLOR": "1"}
    failed = []
    for command in commands():
        done = subprocess.run(
            ["bash", "-c", command.text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        missing = [line for line in command.shown if line not in done.stdout]
        if done.returncode != command.code or missing:
            failed.append(f"$ {command.text}\nexit {done.returncode}, expected {command.code}; not shown: {missing}\n"
                          f"{done.stdout[-3000:]}{done.stderr[-3000:]}")  # fmt: skip
    assert not failed, "\n\n".join(failed)
