"""The texts of log lines that every testbed writes alike. Light: services import it too."""

from __future__ import annotations

from lab.recording.status import ANSWERED


def call_failed(step: str, callee: str, status: str, attempt: int, *, is_last: bool, fallback: str | None) -> str:
    """A caller's line about a failed attempt. `attempt`: from 0; `is_last`: no further one follows."""
    then = "retrying"
    if is_last:
        then = f"falling back to {fallback}" if fallback else "giving up"
    return f"{step}: call to {callee} failed: {status} (attempt {attempt + 1}); {then}"


def statement(operation: str, duration_s: float) -> str:
    """A line of a database's statement log."""
    return f"duration: {duration_s * 1e3:.3f} ms  statement: {operation}"


def job_run(status: str) -> str:
    """A job's line about a run; `status` as in `lab.recording.status`."""
    return "run finished" if status in ANSWERED else f"run failed: {status}"


def job_skipped(reason: str) -> str:
    """A scheduler's line about a run of a job that is not made."""
    return f"run skipped: {reason}"


def job_timeout(seconds: float) -> str:
    """A scheduler's line about a run that it ended."""
    return f"run ended after {seconds:.10g} s: it took too long"


def job_retry(status: str, again: int, retries: int) -> str:
    """A scheduler's line about a run that it will try once more. `again`: for how many times then, from 1."""
    return f"attempt failed: {status}; trying again ({again} of {retries})"


def contract_violation(reason: str) -> str:
    """A line about a feature row that the feature code cannot read."""
    return f"feature row violates its contract: {reason}"


def version_loaded(version: int | str) -> str:
    """A model server's line about a version that it serves from now on."""
    return f"successfully loaded servable version {version}"
