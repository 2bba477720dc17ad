"""A stranger's world that is broken: what is wrong is said with its place, and no other world's files suffer.

Each is the help desk under `examples/world` with one line changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import ExitCode
from lab.registration.world import loaded
from tests.distributions import installed_here

ROOT = Path(__file__).parents[2]
QUIET = str(ROOT / "tests" / "scenarios" / "quiet.scenario.yaml")
REGISTRATION, CONTENT = "chaos_lab_desk/registration.py", "chaos_lab_desk/content.py"
Broken = Callable[..., Path]


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Broken]:
    """Installs the desk with a part of a file replaced; its folder."""
    with ExitStack() as stack:

        def install(file: str, part: str, other: str) -> Path:
            project, site = tmp_path / "world", tmp_path / "site"
            site.mkdir()
            shutil.copytree(ROOT / "examples" / "world", project, ignore=shutil.ignore_patterns("__pycache__"))
            text = (project / file).read_text(encoding="utf-8")
            assert part in text
            (project / file).write_text(text.replace(part, other), encoding="utf-8")
            stack.callback(loaded.cache_clear)
            loaded.cache_clear()
            stack.enter_context(installed_here(project, site))
            return project

        yield install


def lab(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """A command's exit code, and all that it printed."""
    code = main([*map(str, words)])
    printed = capsys.readouterr()
    said = " ".join((printed.out + printed.err).split())
    assert "Traceback" not in said
    assert "internal error" not in said
    return code, said


@pytest.mark.parametrize(
    ("part", "other", "message"),
    [
        (
            "WINDOW_INTERVALS = 4",
            "import no_such_module",
            "No module named 'no_such_module' in chaos_lab_desk.",
        ),
        ("WINDOW_INTERVALS = 4", "WINDOW_INTERVALS = 4 / 0", "ZeroDivisionError: division by zero in chaos_lab_desk."),
        ("WORLD = World(", "ELSEWHERE = World(", "has no attribute 'WORLD'"),
    ],
)
def test_a_world_that_cannot_be_loaded_is_named_and_keeps_no_other_from_working(
    broken: Broken, capsys: pytest.CaptureFixture[str], part: str, other: str, message: str
) -> None:
    desk = broken(REGISTRATION, part, other)
    code, said = lab(capsys, "validate", desk / "quiet.scenario.yaml")
    assert code == ExitCode.INVALID
    assert message in said
    assert lab(capsys, "validate", QUIET) == (ExitCode.OK, f"OK {QUIET}")
    assert message in lab(capsys, "doctor")[1]


RUN = pytest.mark.parametrize(
    ("file", "part", "other", "code", "messages"),
    [
        (REGISTRATION, '"questions",\n', '"spans",\n', 2, ["'desk' registers 'spans', which recordings have already"]),
        (REGISTRATION, "(_QUESTIONS,)", "(_QUESTIONS, _QUESTIONS)", 2, ["'desk' registers 'questions', which"]),
        (REGISTRATION, 'name="escalation_cost_eur"', 'name="escalation_ratio"', 2, ["'slis[1].name' of this world"]),
        (REGISTRATION, "content:Desk", "content:Desc", 2, ["'chaos_lab_desk.content:Desc' of a world"]),
        (REGISTRATION, "slis:escalation_cost_eur", "slis:no_such", 2, ["'chaos_lab_desk.slis:no_such' of a world"]),
        (REGISTRATION, "desk:rules.yaml", "desk:rulez.yaml", 1, ["rulez.yaml: these rules of a world cannot be read"]),
        ("chaos_lab_desk/rules.yaml", "rises: escalation_ratio", "rises: escalations_ratio", 1,
         ["rules.yaml:18:17: unknown signal 'escalations_ratio'; did you mean 'escalation_ratio'?"]),
        ("chaos_lab_desk/signals.py", "    questions =", '    raise KeyError("topic")\n    questions =', 3,
         ["world 'desk' of chaos-lab-desk, in chaos_lab_desk.signals line", "failed: KeyError: 'topic'"]),
        ("chaos_lab_desk/signals.py", '"topic_escalation_ratio"', '"topic_ratio"', 2,
         ["world 'desk' computed signals that it has not registered seen: topic_ratio"]),
        ("chaos_lab_desk/slis.py", "    times_s, (cost,)", '    raise KeyError("cost")\n    times_s, (cost,)', 3,
         ["world 'desk' of chaos-lab-desk, in chaos_lab_desk.slis line"]),
        (CONTENT, '        """Hands', '        raise RuntimeError("oh no")\n        """Hands', 3,
         ["world 'desk' of chaos-lab-desk, in chaos_lab_desk.content line", "failed while making a run: Runtime"]),
        (CONTENT, '            "topic": rows[:, TOPIC],\n', "", 2,
         ["rows of the table 'questions' without columns that it registers seen: without topic"]),
        (CONTENT, 'return {"questions": columns}', 'return {"question": columns}', 2,
         ["rows of a table that it has not registered seen: question"]),
        (CONTENT, '"desk.escalation.cost"', '"desk.escalation.costs"', 2,
         ["world 'desk' gives metrics that it has not registered seen: desk.escalation.costs"]),
    ],
)  # fmt: skip


@RUN
def test_what_is_wrong_with_a_world_is_said_when_it_is_used(
    broken: Broken, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    file: str, part: str, other: str, code: int, messages: list[str],
) -> None:  # fmt: skip
    desk = broken(file, part, other)
    short = (desk / "quiet.scenario.yaml").read_text(encoding="utf-8").replace("300s", "60s").replace("40/s", "5/s")
    (desk / "short.scenario.yaml").write_text(short, encoding="utf-8")
    words = ("--jobs", 1, "--no-report", "--runs-dir", tmp_path / "runs")
    ended, said = lab(capsys, "run", desk / "short.scenario.yaml", *words)
    assert ended == code, said
    for message in messages:
        assert message in said


def test_the_doctor_says_what_does_not_fit_in_a_registration(
    broken: Broken, capsys: pytest.CaptureFixture[str]
) -> None:
    broken(REGISTRATION, "slis:escalation_cost_eur", "slis:no_such")
    assert (
        "world desk cannot be used: 'chaos_lab_desk.slis:no_such' of a world cannot be loaded"
        in lab(capsys, "doctor")[1]
    )
