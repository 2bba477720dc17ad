"""What the stack needs of this machine, and whether it is here."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec

ANSWER_WITHIN_S = 5.0


def docker() -> str:
    """Whether Docker can be used, in words."""
    if find_spec("docker") is None:
        return "Docker's Python package is missing: pip install 'chaos-lab[stack-client]'"
    program = shutil.which("docker")
    if program is None:
        return "Docker is not installed"
    words = [program, "version", "--format", "{{.Server.Version}}"]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "Docker is installed and does not answer"
    if answer.returncode:
        return "Docker is installed, but no server can be reached"
    return f"Docker server {answer.stdout.strip()}"
