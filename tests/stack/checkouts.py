"""Second checkouts, to be strangers to the first: copies of this one's files, without its `.env`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lab.testbeds.stack.compose import Compose
from lab.testbeds.stack.files import files_of, system_file
from lab.testbeds.stack.options import SYSTEM, TENSORFLOW
from lab.testbeds.stack.secrets import ensure_env
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("lab", "services", "scenarios", *files_of(SYSTEM, TENSORFLOW))


def copy_checkout(to: Path) -> Path:
    """A checkout with an id, a project and a stack of its own, which is down."""
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, to / name)
    return to


def at(directory: Path) -> Compose:
    """The checkout in a directory, as a lab that starts there sees it."""
    system = SYSTEM if (directory / system_file(SYSTEM)).is_file() else ""
    return Compose(directory, ensure_env(directory / ".env"), system)


def state_below(named: Path, directory: Path = ROOT) -> Path:
    """Where the lab of a checkout keeps its state with this LAB_STATE_DIR."""
    return named / f"checkout-{ensure_env(directory / '.env')['LAB_CHECKOUT_ID'][:8]}"


def run_lab(checkout: Path, *arguments: str, within_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """The lab of that checkout: its package comes first where it is the working directory."""
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True, timeout=within_s)
