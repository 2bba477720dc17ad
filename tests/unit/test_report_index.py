"""Every run keeps a page of its own, and the index lists all runs of a directory, whoever made them and when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import ExitCode
from lab.recording.opening import find_runs, open_run
from lab.report import run_digest, write_run_report
from lab.report.index import render_index, write_index
from tests.cli_cases import CHAIN, HEALTHY, lab
from tests.report_pages import Reader

pytestmark = pytest.mark.usefixtures("folder")


def the_run(scenario: str) -> Path:
    return next(Path("runs", scenario).iterdir())


def listed() -> list[str]:
    reader = Reader(Path("runs/index.html").read_text(encoding="utf-8"))
    return [href for href in reader.values("href") if href.endswith(".html")]


def make(*words: str) -> None:
    assert lab("run", *words, "--engine", "constant", "--jobs", "1") == ExitCode.FAILED


def test_a_later_run_adds_to_the_index_and_takes_nothing_from_it() -> None:
    make("cut.scenario.yaml", "quiet.scenario.yaml")
    make("quiet.scenario.yaml", "--seed", "9")
    assert len(listed()) == len(find_runs(Path("runs"))) == 3
    for href in listed():
        assert Path("runs", href).is_file(), href
    assert not Path("runs/report.html").exists()


def test_runs_of_several_systems_are_told_apart() -> None:
    make("quiet.scenario.yaml")
    system = Path("other.system.yaml")
    system.write_text(CHAIN.read_text(encoding="utf-8").replace("name: chain", "name: other"), encoding="utf-8")
    scenario = Path("quiet.scenario.yaml")
    scenario.write_text(scenario.read_text(encoding="utf-8").replace(str(CHAIN), str(system)), encoding="utf-8")
    make("quiet.scenario.yaml")
    rows = Reader(Path("runs/index.html").read_text(encoding="utf-8")).values("data-name")
    assert sorted(str(name).split()[-1] for name in rows) == ["chain", "other"]


def test_the_page_to_open_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    make("quiet.scenario.yaml")
    printed = capsys.readouterr().out
    assert f"Report  {the_run('quiet')}/report.html" in printed
    assert printed.count("Report") == 1  # the one to open; of several runs, the index
    make("quiet.scenario.yaml", "-o", "campaign.html")
    assert "Report  campaign.html" in capsys.readouterr().out
    make("quiet.scenario.yaml", "--no-report")
    assert "Report" not in capsys.readouterr().out


def test_a_page_of_its_own_is_no_change_of_a_recording() -> None:
    make("quiet.scenario.yaml")
    assert (the_run("quiet") / "report.html").is_file()
    open_run(the_run("quiet"), verify=True)


def test_a_page_is_written_anew_only_when_it_would_say_something_else() -> None:
    make("cut.scenario.yaml")
    run = open_run(the_run("cut"))
    page = run.path / "report.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</html>", "<!-- mark --></html>"), encoding="utf-8")
    write_run_report(run, ["constant"])
    assert "<!-- mark -->" in page.read_text(encoding="utf-8")
    before = run_digest(run)
    assert lab("grade", "runs", "--engine", HEALTHY) == ExitCode.FAILED
    assert run_digest(run) != before
    text = page.read_text(encoding="utf-8")
    assert "<!-- mark -->" not in text
    assert HEALTHY in Reader(text).values("title")
    assert HEALTHY in Reader(Path("runs/index.html").read_text(encoding="utf-8")).values("title")


def test_what_did_not_pass_comes_first_and_what_cannot_be_read_is_reported() -> None:
    lab("run", "quiet.scenario.yaml", "cut.scenario.yaml", "--engine", HEALTHY, "--jobs", "1")
    lab("run", "quiet.scenario.yaml", "--seed", "9", "--engine", HEALTHY, "--engine", "constant", "--jobs", "1")
    lab("run", "quiet.scenario.yaml", "--seed", "10", "--no-report", "--engine", HEALTHY, "--jobs", "1")
    broken = Path("runs/quiet/77-broken")
    broken.mkdir()
    (broken / "run.json").write_text("{}", encoding="utf-8")
    write_index(Path("runs"))
    text = Path("runs/index.html").read_text(encoding="utf-8")
    rows = [attrs["data-outcomes"] for tag, attrs in Reader(text).tags if tag == "tr" and "data-outcomes" in attrs]
    verdicts = [json.loads(row or "") for row in rows]
    assert [row[HEALTHY] for row in verdicts] == ["fail", "pass", "pass", "pass"]
    assert [row.get("constant") for row in verdicts] == [None, None, "fail", None]
    assert "no page yet" in text
    assert "quiet/77-broken" in text


def test_the_index_is_the_same_bytes_again_and_opens_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    make("cut.scenario.yaml", "quiet.scenario.yaml")
    root = Path("runs")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a table was read")

    monkeypatch.setattr("pyarrow.parquet.read_table", refuse)
    assert render_index(root, find_runs(root)) == Path("runs/index.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_costs_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    Path("runs/index.html").mkdir()
    assert lab("run", "quiet.scenario.yaml", "--engine", "constant", "--jobs", "1") == ExitCode.INVALID
    printed = capsys.readouterr()
    assert "✗ FAIL  quiet" in printed.out
    assert "runs/index.html: cannot be written" in printed.err
