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
        (REGISTRATION, "desk:rules.yaml", "desk:rulez.yaml", 2, ["rulez.yaml: these rules of a world cannot be read"]),
        ("chaos_lab_desk/rules.yaml", "rises: escalation_ratio", "rises: escalations_ratio", 2,
         ["rules.yaml:18:17: unknown signal 'escalations_ratio'; did you mean 'escalation_ratio'?"]),
        ("chaos_lab_desk/signals.py", "    questions =", '    raise KeyError("topic")\n    questions =', 3,
         ["world 'desk' of chaos-lab-desk, in chaos_lab_desk.signals line", "failed: KeyError: 'topic'"]),
        ("chaos_lab_desk/signals.py", '"topic_escalation_ratio"', '"topic_ratio"', 2,
         ["world 'desk' computed signals that it has not registered seen: topic_ratio"]),
        ("chaos_lab_desk/signals.py", "observed: Observed, metrics: Metrics, grid", "observed: Observed, grid", 2,
         ["world 'desk' computes no signals by chaos_lab_desk.signals:series seen: series() takes 2"]),
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
        (CONTENT, "def reference(", "def references(", 2,
         ["world 'desk': its content lacks", "seen: without reference"]),
        (CONTENT, "operations={OPERATION: Op(OP_NONE)}", "operations={}", 2,
         ["`layout` of its content has no operation 'take_question', which a call plan names"]),
        (CONTENT, "Op(OP_NONE)", "Op(1)", 2, ["has the store of 'take_question' out of range seen: 0 expected: none"]),
        (CONTENT, "Op(OP_NONE)", "Op(5)", 2, ["has the gate of 'take_question' out of range"]),
        (CONTENT, "Op(OP_NONE)", "Op(6, 0, 16)", 2,
         ["the mark of 'take_question' out of range seen: 16 expected: 0 to 15"]),
        (CONTENT, "Op(OP_NONE)", "Op(12, 0, 0.5)", 2,
         ["an operation that is not whole numbers", "lab.draws.threshold"]),
        (CONTENT, "own_count=1", "own_count=2", 2,
         ["`arrive` of its content gives wrong `own` seen: int64 of shape", "a row for each request"]),
        (CONTENT, "(drawn * self._topics).astype(np.int64)", "drawn", 2, ["gives wrong `own` seen: float64"]),
        (CONTENT, "np.zeros((len(times_ns), 1), np.int64)", "np.zeros(len(times_ns), np.int64)", 2,
         ["gives wrong `keys` seen: int64 of shape"]),
        (CONTENT, "np.zeros((len(times_ns), 1), np.int64)", "np.full((len(times_ns), 1), -3)", 2,
         ["gives keys that do not exist seen: -3 to -3 in slot 0 expected: 0 or more"]),
        (CONTENT, '(self._component, "desk.question.count", "", questions)',
         '("desc", "desk.question.count", "", questions)', 2,
         ["`counts` of its content gives metrics of no component seen: desc expected: one of people, desk"]),
        (CONTENT, '"desk.question.count", "", questions', '"desk.question.count", "", questions[1:]', 2,
         ["gives counts of another length seen: desk.question.count of shape"]),
        (CONTENT, "        return []", "        return [(1, 2)]", 2,
         ["`samples` of its content does not give a list of metrics"]),
        (CONTENT, "        return {}\n\n    def branch", '        return {"model.json": {}}\n\n    def branch', 2,
         ["`reference` of its content gives files that are not registered seen: model.json"]),
        (CONTENT, "(handed_on * COST_EUR).astype(np.float64)", "handed_on / 0.0", 2,
         ["gives counts that are no numbers seen: desk.escalation.cost"]),
        (CONTENT, '"topic": rows[:, TOPIC],', '"topic": rows[:, TOPIC], "tropic": rows[:, TOPIC],', 2,
         ["a column that is not registered in the table 'questions' seen: tropic", "did you mean 'topic'"]),
        (CONTENT, '            "request": rows[:, REQUEST],\n', "", 2,
         ["gives rows without 'request' in the table 'questions'"]),
        (CONTENT, '"topic": rows[:, TOPIC]', '"topic": rows[1:, TOPIC]', 2, ["gives columns of several lengths"]),
        (CONTENT, '"topic": rows[:, TOPIC]', '"topic": rows[:, TOPIC] / 4', 2,
         ["gives a wrong column 'topic' in the table 'questions' seen: float64 with fractions"]),
        (CONTENT, "np.full(len(rows), self._component)", "np.zeros(len(rows))", 2,
         ["gives a wrong column 'service.name'", "expected: texts"]),
        (CONTENT, "(rows[:, TIME] - self._start_ns) / NS", "rows[:, TIME]", 2, ["gives rows of other times"]),
        (CONTENT, "rows = rows[np.lexsort((rows[:, REQUEST], rows[:, TIME]))]", "rows = rows[::-1]", 2,
         ["gives rows of other times", "not in order of time"]),
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


def test_rules_of_a_world_are_validated_by_their_name(broken: Broken, capsys: pytest.CaptureFixture[str]) -> None:
    desk = broken("chaos_lab_desk/rules.yaml", "rises: escalation_ratio", "rises: escalations_ratio")
    code, said = lab(capsys, "validate", desk / "chaos_lab_desk" / "rules.yaml")
    assert code == ExitCode.INVALID
    assert "rules.yaml:18:17: unknown signal 'escalations_ratio'" in said


FAULTS = "chaos_lab_desk/faults.py"


@pytest.mark.parametrize(
    ("part", "other", "message"),
    [
        ("fraction: Ratio = 0.6", "fraction=0.6", "parameter 'fraction' of 'misrouted-questions' has no type"),
        ('target="service"', 'target="desk"', "'misrouted-questions' has a target of no kind that there is seen: desk"),
    ],
)
def test_a_fault_that_cannot_be_registered_is_said_by_the_doctor_too(
    broken: Broken, capsys: pytest.CaptureFixture[str], part: str, other: str, message: str
) -> None:
    desk = broken(FAULTS, part, other)
    code, said = lab(capsys, "validate", desk / "misrouted.scenario.yaml")
    assert (code, message in said) == (ExitCode.INVALID, True), said
    code, said = lab(capsys, "doctor")
    assert (code, message in said) == (ExitCode.INTERNAL, True), said


def test_a_world_that_cannot_be_loaded_is_the_only_problem(broken: Broken, capsys: pytest.CaptureFixture[str]) -> None:
    desk = broken(REGISTRATION, "WORLD = World(", "WORLD = World((")
    code, said = lab(capsys, "validate", desk / "misrouted.scenario.yaml")
    assert code == ExitCode.INVALID
    assert "1 problem in 1 of 1 file" in said, said
