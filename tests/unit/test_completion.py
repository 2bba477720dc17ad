"""What a shell offers for a word that was begun, asked for as its completion script asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def offered(*words: str, cwd: Path = ROOT) -> set[str]:
    """What `lab` answers to the fish script, which is the plainest: one `type,value` a line."""
    environment = {
        **os.environ,
        "_LAB_COMPLETE": "fish_complete",
        "COMP_WORDS": " ".join(["lab", *words]),
        "COMP_CWORD": words[-1],
        "PYTHONPATH": str(ROOT),
    }
    code = "from lab.cli import cli; cli.main(prog_name='lab')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=cwd, capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split("\t")[0].split(",", 1) for line in done.splitlines()]
    return {value for kind, value in lines if kind == "plain"}


@pytest.mark.parametrize(
    ("words", "some", "none"),
    [
        (["run", "recommender/deploy-s"], {"recommender/deploy-stale-cache"}, {"recommender/feed-stall"}),
        (["run", "rec"], {"recommender", "recommender/feed-stall"}, set()),
        (["plan", "recommender/two"], {"recommender/two-faults"}, set()),
        (["evaluate", "r"], {"recommender"}, {"recommender/two-faults"}),
        (["run", "x", "--engine", "r"], {"rules"}, {"constant"}),
        (["run", "x", "--tag", "si"], {"silent"}, {"network"}),
        (["faults", "network-"], {"network-partition", "network-latency"}, {"deploy"}),
        (["list", "on"], {"on-call"}, {"recommender"}),
        (["list", "--system", ""], {"recommender"}, set()),
        (["run", "x", "--last"], {"--last-failed"}, {"--seed"}),
        (["va"], {"validate"}, {"run"}),
    ],
)
def test_names_are_completed(words: list[str], some: set[str], none: set[str]) -> None:
    found = offered(*words)
    assert some <= found
    assert not none & found


def test_files_of_the_right_kind_are_offered_beside_the_names(tmp_path: Path) -> None:
    for name in ("mine.scenario.yaml", "mine.suite.yaml", "mine.txt"):
        (tmp_path / name).touch()
    assert offered("run", "mi", cwd=tmp_path) == {"mine.scenario.yaml", "mine.suite.yaml"}
    assert offered("evaluate", "mi", cwd=tmp_path) == {"mine.suite.yaml"}


def test_rules_files_here_are_engines(tmp_path: Path) -> None:
    (tmp_path / "ours.rules.yaml").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "theirs.rules.yaml").touch()
    assert "rules:ours.rules.yaml" in offered("run", "--engine", "ru", cwd=tmp_path)
    assert offered("run", "--engine", "rules:sub/", cwd=tmp_path) == {"rules:sub/theirs.rules.yaml"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_bash_script_completes_in_a_real_shell(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text(f'#!/bin/sh\nexec {sys.executable} -m lab "$@"\n')
    (tmp_path / "lab").chmod(0o755)
    script = """
eval "$(lab completion bash)"
COMP_WORDS=(lab run recommender/two) COMP_CWORD=2
_lab_completion lab
printf '%s\\n' "${COMPREPLY[@]}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["recommender/two-faults"], done.stderr
