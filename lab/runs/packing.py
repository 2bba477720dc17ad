"""Recordings on their way from a worker: a run directory as a zip archive, and back at its place.

A zip archive, since unpacking one makes neither links nor files outside of the directory, in any version of Python.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

from lab.recording.holding import held
from lab.recording.rundir import RUN_FILE, put_in_place
from lab.runs.campaign import Job
from lab.runs.runner import reusable, run_path


def packed(run: Path) -> bytes:
    """A run directory as a zip archive; empty where it is not complete."""
    if not (run / RUN_FILE).is_file():
        return b""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", strict_timestamps=False) as archive:
        for path in sorted(run.rglob("*")):
            archive.write(path, path.relative_to(run))
    return sink.getvalue()


def unpack(recording: bytes, job: Job, root: Path) -> None:
    """Puts a recording that was sent at its place under a runs directory, whole or not at all.

    Where the same recording is there already, it stays, and gets the new answers, grades and page.
    """
    place = run_path(job.loaded, job.seed, root, job.testbed)
    with held(place), zipfile.ZipFile(io.BytesIO(recording)) as archive:
        staging = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent))
        try:
            archive.extractall(staging)
            if not job.fresh and reusable(job.loaded, job.seed, root, job.testbed):
                for name in ("diagnosis", "grades"):
                    shutil.copytree(staging / name, place / name, dirs_exist_ok=True)
                for page in staging.glob("*.html"):
                    page.replace(place / page.name)
            else:
                staging.chmod(0o755)
                put_in_place(staging, place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
