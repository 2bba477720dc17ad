"""Mutation testing: which modules, what counts as noticed, and that every survivor has a reason that is still true."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import mutate
from scripts.mutate import KILLED, SURVIVED, TIMEOUT, Change, Result

SWAPPED = Change("leading", "return a + b", "return a - b")
MODULE = "graders/axis.py"


def result(survived: int, total: int = 20, *survivors: Change) -> Result:
    return Result(MODULE, {KILLED: total - survived - 1, TIMEOUT: 1, SURVIVED: survived}, survivors, "a1b2c3d")


def test_all_that_judges_is_mutated() -> None:
    known = mutate.modules()
    judging = {f"lab/judging/{name}.py" for name in ("ranking", "ranksum", "statistics", "truth", "witness")}
    graders = {path.relative_to(mutate.ROOT).as_posix() for path in (mutate.ROOT / "graders").glob("[!_]*.py")}
    assert set(known) == judging | graders | {"lab/testbeds/stack/journal.py"}


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("lab/judging/witness.py", ["lab/judging/witness.py"]),
        ("./lab/judging/witness.py", ["lab/judging/witness.py"]),
        ("witness", ["lab/judging/witness.py"]),
        ("graders", [name for name in mutate.modules() if name.startswith("graders/")]),
    ],
)
def test_a_target_is_a_path_a_module_or_a_directory(target: str, meant: list[str]) -> None:
    assert mutate.chosen([target], mutate.modules()) == meant


def test_an_unknown_target_is_a_mistake_of_usage_that_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        mutate.main(["wittness"])
    assert ended.value.code == 2
    assert "wittness: no such target, expected one of graders/axis.py, " in capsys.readouterr().err


def test_without_a_target_everything_is_mutated() -> None:
    assert mutate.chosen([], mutate.modules()) == mutate.modules()


@pytest.mark.parametrize(
    ("survived", "problems"), [(3, []), (4, ["80.0% of its mutants noticed, expected at least 85%"])]
)
def test_too_many_survivors_are_a_problem_and_what_never_ends_is_noticed(survived: int, problems: list[str]) -> None:
    assert mutate.problems_of(result(survived), {}) == [f"{MODULE}: {problem}" for problem in problems]


def test_a_survivor_without_a_reason_is_a_problem_and_so_is_a_reason_without_a_survivor() -> None:
    assert mutate.problems_of(result(1, 20, SWAPPED), {SWAPPED: "both are 0"}) == []
    (missing,) = mutate.problems_of(result(1, 20, SWAPPED), {})
    assert missing == f"{MODULE}: survives without a reason: leading: return a + b  →  return a - b"
    (stale,) = mutate.problems_of(result(0), {SWAPPED: "both are 0"})
    assert stale == f"{MODULE}: has a reason and does not survive: leading: return a + b  →  return a - b"


def test_a_mutant_is_known_by_the_lines_that_it_changes() -> None:
    head = "--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n def f():\n"
    diff = head + "-    return g(\n-        a, 1)\n+    return g(\n+        a, 2)"
    assert mutate.changed_lines(diff) == ("return g( a, 1)", "return g( a, 2)")


def test_each_survivor_has_one_reason(tmp_path: Path) -> None:
    mutant = "{in: leading, was: return a + b, becomes: return a - b}"
    path = tmp_path / "reasons.yaml"
    path.write_text(f"{MODULE}:\n  - why: both are 0\n    mutants:\n      - {mutant}\n", encoding="utf-8")
    assert mutate.read_reasons(path) == {MODULE: {SWAPPED: "both are 0"}}
    path.write_text(f"{MODULE}:\n  - why:\n    mutants:\n      - {mutant}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected one reason, once"):
        mutate.read_reasons(path)
    path.write_text(f"{MODULE}:\n  - why: x\n    mutants:\n      - {mutant}\n      - {mutant}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected one reason, once"):
        mutate.read_reasons(path)


def test_the_page_has_the_numbers_their_commit_and_every_survivor_with_its_reason() -> None:
    page = mutate.page([result(1, 20, SWAPPED)], {MODULE: {SWAPPED: "both are 0"}})
    assert "| graders/axis.py | 20 | 18 | 1 | 1 | 95.0% | a1b2c3d |" in page
    assert "| together | 20 | 18 | 1 | 1 | 95.0% |  |" in page
    assert "both are 0\n\n```diff\nleading\n- return a + b\n+ return a - b\n```" in page


def test_the_numbers_are_read_in_columns() -> None:
    head, row, _ = mutate.as_text(mutate.table([result(1)])).splitlines()
    assert head.split() == " ".join(mutate.HEAD).split()
    assert row.split() == [MODULE, "20", "18", "1", "1", "95.0%", "a1b2c3d"]
    assert len(head) == len(row)


def test_a_run_of_one_module_leaves_the_figures_of_the_others(tmp_path: Path) -> None:
    other = Result("graders/kind.py", {KILLED: 5}, ())
    path = tmp_path / "mutation.json"
    mutate.write_figures([result(2), other, Result("gone.py", {KILLED: 1}, ())], path)
    mutate.write_figures([result(1, 20, SWAPPED)], path)
    assert mutate.read_figures(path) == {MODULE: result(1, 20, SWAPPED), "graders/kind.py": other}


# What is published.


def test_of_every_module_enough_is_noticed_and_each_survivor_has_its_reason() -> None:
    figures, reasons = mutate.read_figures(), mutate.read_reasons()
    assert set(figures) == set(mutate.modules())
    assert [problem for name in figures for problem in mutate.problems_of(figures[name], reasons.get(name, {}))] == []


def test_the_page_is_written_from_the_figures_and_the_reasons() -> None:
    assert mutate.PAGE.read_text("utf-8") == mutate.page(list(mutate.read_figures().values()), mutate.read_reasons())


@pytest.mark.parametrize("module", mutate.read_reasons())
def test_every_reason_is_about_a_line_that_is_there(module: str) -> None:
    code = " ".join((mutate.ROOT / module).read_text("utf-8").split())
    assert {change for change in mutate.read_reasons()[module] if change.was not in code} == set()
