"""Testbeds are found by entry point; what is wrong with one is said, and keeps no other from working."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import ExitCode, Problem, UserError
from lab.testbeds.installed import choose, drivers, load_driver
from tests.distributions import write_distribution

SCENARIO = str(Path(__file__).parents[1] / "scenarios" / "cut.scenario.yaml")
DRIVER = """
from pydantic import Field
from lab.injection.levers import LeverTable
from lab.testbeds.driver import Driver, DriverOptions

class Options(DriverOptions):
    {field}

class Strange(Driver):
    name = "strange"
    summary = "a stranger's"
    options = Options

    @property
    def levers(self):
        return LeverTable("strange")

    def open(self, scenario, seed, options, progress=None):
        raise NotImplementedError
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a testbed `strange` whose module has this text."""

    def installed(text: str, target: str = "Strange", distribution: str = "strange", name: str = "strange") -> None:
        module = f"strange_{distribution.replace('-', '_')}_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / distribution
        folder.mkdir()
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
        write_distribution(folder, distribution, {"lab.testbeds": {name: f"{module}:{target}"}})
        monkeypatch.syspath_prepend(str(folder))
        make_anew()

    def make_anew() -> None:
        """Commands are made with the options of what is installed when they are imported."""
        for command in ("run", "plan", "evaluate", "recover"):
            sys.modules.pop(f"lab.cli.{command}", None)

    yield installed
    make_anew()


def driver(field: str = "speed: int = Field(3, ge=1, description='How fast.')") -> str:
    return DRIVER.format(field=field)


def lab(*words: str) -> int:
    return main(list(words))


def test_the_lab_brings_testbeds_of_its_own() -> None:
    assert {"sim", "stack"} <= set(drivers())
    assert load_driver("sim").is_repeatable


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("import nothing_of_the_kind", "Strange", "ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        (driver(), "Missing", "AttributeError"),
        ("Strange = 5", "Strange", "is no driver"),
        (driver().replace('"strange"\n', '"odd"\n'), "Strange", "its driver calls itself 'odd'"),
        (driver("speed: int"), "Strange", "its option 'speed' has no default"),
        (driver().replace("def open", "def opened"), "Strange", "abstract"),
    ],
    ids=["import", "no such class", "no driver", "other name", "no default", "unfinished"],
)
def test_one_that_cannot_be_loaded_is_named_with_the_reason(
    install: Install, capsys: pytest.CaptureFixture[str], text: str, target: str, message: str
) -> None:
    install(text, target)
    found = drivers()["strange"]
    assert isinstance(found, Problem)
    assert "testbed 'strange' of strange cannot be loaded" in found.what
    assert message in found.what
    assert lab("plan", SCENARIO) == ExitCode.OK, "the others work"
    assert lab("plan", SCENARIO, "--testbed", "strange") == ExitCode.INVALID
    assert "cannot be loaded" in capsys.readouterr().err
    lab("doctor", "--json")
    checks = {check["name"]: check["detail"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert message in checks["testbed strange"]


def test_two_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install(driver(), distribution="one")
    install(driver(), distribution="another")
    with pytest.raises(UserError) as raised:
        drivers()
    assert "two testbeds are called 'strange'" in str(raised.value)
    assert "of one" in str(raised.value)
    assert "of another" in str(raised.value)


def test_an_unknown_name_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("plan", SCENARIO, "--testbed", "sym") == ExitCode.INVALID
    assert "did you mean 'sim'?" in capsys.readouterr().err


def test_its_options_are_checked_where_it_is_chosen(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(driver())
    assert choose("strange", {"speed": "4"}).recorded() == {"speed": 4}
    for name in ("run", "plan", "evaluate", "recover"):
        assert lab(name, "--help") == ExitCode.OK
        own = capsys.readouterr().out.partition("Options with --testbed strange")[2]
        assert "--speed" in own
        assert "How fast." in own
    assert lab("plan", SCENARIO, "--testbed", "strange", "--speed", "0") == ExitCode.INVALID
    assert "'--speed': 0 is not in the range x>=1" in capsys.readouterr().err
    assert lab("plan", SCENARIO, "--speed", "2") == ExitCode.INVALID
    assert "--speed goes with --testbed strange" in capsys.readouterr().err


@pytest.mark.parametrize("field", ["seed: int = 3", "fresh: bool = False", "keyword: str = ''"])
def test_an_option_that_the_command_has_already_keeps_it_from_that_command(
    install: Install, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    install(driver(field))
    assert lab("run", SCENARIO, "--testbed", "strange") == ExitCode.INVALID
    assert "the command has an option" in capsys.readouterr().err


def test_one_option_of_two_testbeds_goes_with_both(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(driver("time_scale: float = Field(2.0, gt=0, le=4, description='Mine.')"))
    assert lab("plan", "--help") == ExitCode.OK
    assert capsys.readouterr().out.count("--time-scale FLOAT") == 2
    assert lab("plan", SCENARIO, "--testbed", "strange", "--time-scale", "9") == ExitCode.INVALID
    assert "less than or equal to 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "words", "meant"),
    [
        ("labels: list[str] = []", ["--labels", "a", "--labels", "b,c"], ["a", "b,c"]),
        ("labels: list[str] = []", [], []),
        ("limit: int | None = None", ["--limit", "5"], 5),
        ("limit: int | None = None", [], None),
        ("size: Literal[1, 2] = 1", ["--size", "2"], 2),
        ("place: Path = Path('here')", ["--place", "there"], "there"),
        ("calm: bool = True", ["--no-calm"], False),
    ],
)
def test_values_of_every_kind_come_from_the_command_line(
    install: Install, capsys: pytest.CaptureFixture[str], field: str, words: list[str], meant: object
) -> None:
    install("from pathlib import Path\nfrom typing import Literal\n" + driver(field))
    assert lab("plan", "--help") == ExitCode.OK
    assert f"--{field.partition(':')[0]}" in capsys.readouterr().out
    assert choose("strange", {}).recorded().keys() == {field.partition(":")[0]}
    lab("plan", SCENARIO, "--testbed", "strange", *words, "--json")
    said = capsys.readouterr()
    assert "has no lever" in said.err, "the testbed has none, but its options were understood"
    command = sys.modules["lab.cli.plan"].command
    with command.make_context("plan", [SCENARIO, "--testbed", "strange", *words]) as context:
        given = command._given(context)
    chosen = choose("strange", {str(option.name): value for option, (value, _) in given.items()})
    assert list(chosen.recorded().values()) == [meant]


@pytest.mark.parametrize(
    ("field", "words", "seen", "expected"),
    [
        ("limit: int | None = None", ["--limit", "x"], "'x'", "integer"),
        ("size: Literal[1, 2] = 1", ["--size", "3"], "'3'", "'1', '2'"),
        ("speed: float = Field(1, le=2)", ["--speed", "nan"], "'nan'", "expected: less than or equal to 2"),
        ("labels: list[int] = []", ["--labels", "x"], "'x'", "expected: a valid integer"),
    ],
)
def test_values_that_cannot_be_are_refused_with_what_was_expected(
    install: Install, capsys: pytest.CaptureFixture[str], field: str, words: list[str], seen: str, expected: str
) -> None:
    install("from typing import Literal\n" + driver(field))
    assert lab("plan", SCENARIO, "--testbed", "strange", *words) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert seen in said
    assert expected in said


def test_what_is_installed_takes_no_option_from_the_lab_s_own(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(driver("keep: int = 3").replace('"strange"', '"another"'), name="another")
    assert lab("plan", "--help") == ExitCode.OK
    said = " ".join(capsys.readouterr().out.split())
    assert "Options with --testbed stack" in said
    assert "testbed 'another' cannot be used: its --keep has another form than that of 'stack'" in said


def test_a_flag_and_a_value_cannot_be_one_option(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(driver("time_scale: bool = False"))
    assert lab("plan", SCENARIO, "--testbed", "strange") == ExitCode.INVALID
    assert "another form" in capsys.readouterr().err
