"""One exercise as a single HTML file that needs no network: what was recorded, an answer form, and its grading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.investigation.exercises import Exercise
    from lab.recording.rundir import RunDirectory


def write_quiz(exercise: Exercise, run: RunDirectory, path: Path) -> Path:
    """Writes the page of an exercise, whole or not at all, and returns its path. The same run gives the same bytes."""
    from lab.report.page import write_page

    return write_page(path, render_quiz(exercise, run))


def render_quiz(exercise: Exercise, run: RunDirectory) -> str:
    """The page as text; UserError where the recording is damaged."""
    from lab.quiz.content import Content
    from lab.quiz.page import render

    return render(Content(exercise, run))
