"""What is found before anything runs: names that two distributions claim, engines that cannot be asked."""

from __future__ import annotations

import json
import shutil
import socket
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lab.cli import main
from lab.contracts import Boundary
from lab.engines import engines
from lab.errors import ExitCode, UserError
from lab.injection import faults
from lab.injection.faults import Witness, fault, fault_types
from lab.judging.grading import registered_graders
from lab.plugins import installed
from lab.registration.world import installed_worlds
from tests.distributions import write_distribution

MODULE = """
def documented(observed):
    \"\"\"Documented.\"\"\"

def silent(observed):
    pass

number = 7
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, distribution: str, group: str, **entries: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "strangers.py").write_text(MODULE, encoding="utf-8")
    write_distribution(folder, distribution, {group: entries})
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize(
    ("group", "what", "listed"),
    [
        ("lab.engines", "engine", engines),
        ("lab.graders", "grader", registered_graders),
        ("lab.worlds", "world", installed_worlds),
    ],
)
def test_a_name_that_two_distributions_claim_is_an_error_naming_both(tmp_path, monkeypatch, group, what, listed):
    install(tmp_path / "one", monkeypatch, "first-comer", group, twice="strangers:documented")
    assert "twice" in listed()
    install(tmp_path / "two", monkeypatch, "Late_Comer", group, twice="strangers:silent")
    with pytest.raises(UserError, match=f"two {what}s are called 'twice'") as caught:
        listed()
    assert "strangers:documented of first-comer" in str(caught.value)
    assert "strangers:silent of late-comer" in str(caught.value)


def test_one_distribution_found_twice_claims_nothing_twice(tmp_path, monkeypatch):
    for place in ("one", "two"):
        install(tmp_path / place, monkeypatch, "same", "lab.engines", once="strangers:documented")
    assert installed("lab.engines", "engine")["once"].value == "strangers:documented"


def test_two_faults_of_one_name_are_an_error_naming_both(monkeypatch):
    monkeypatch.setattr(faults, "_registered", dict(fault_types()))
    entries = {"stranger": EntryPoint("stranger", __name__, "lab.injectors")}
    monkeypatch.setattr(faults, "installed", lambda group, what: {**installed(group, what), **entries})
    shown = (Witness("client_error_ratio", "{target}", 0.02),)
    with pytest.raises(UserError, match="two faults are called 'network-partition'") as caught:

        @fault("network-partition", boundary=Boundary.NETWORK, target="link", witnesses=shown, recovery_s=1)
        def strange(testbed, link):
            yield

    assert "injectors.network of chaos-lab" in str(caught.value)
    assert f"{__name__} of unknown distribution" in str(caught.value)


def test_engines_are_tried_before_anything_runs_and_all_that_is_wrong_is_reported(folder, monkeypatch, capsys):
    names = {"silent": "strangers:silent", "number": "strangers:number", "lost": "no_such_module:diagnose"}
    install(folder / "site", monkeypatch, "strangers", "lab.engines", fine="strangers:documented", **names)
    Path("plain.txt").write_text("#!/bin/sh\n", encoding="utf-8")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/diagnose"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        specs = ["fine", *names, "cmd:no-such-program-here", "cmd:./gone", "cmd:./plain.txt", "cmd:sh gone.sh x", url]
        words = [word for spec in specs for word in ("--engine", spec)]
        assert main(["run", "quiet.scenario.yaml", *words]) == ExitCode.INVALID
    errors = capsys.readouterr().err
    assert "engine 'fine'" not in errors
    for expected in (
        "engine 'silent' cannot be asked\n  seen:     it has no docstring",
        "engine 'number' is an int, expected a function",
        "No module named 'no_such_module'",
        "no program 'no-such-program-here' on the PATH",
        "./gone: engine 'cmd:./gone': no such program",
        "./plain.txt: engine 'cmd:./plain.txt': this is not executable",
        "gone.sh: engine 'cmd:sh gone.sh x': no such script",
        f"engine {url!r} cannot be reached",
    ):
        assert expected in errors, expected
    assert not Path("runs").exists()


def test_an_engine_without_a_docstring_is_listed_as_broken(tmp_path, monkeypatch, capsys):
    install(tmp_path, monkeypatch, "strangers", "lab.engines", silent="strangers:silent", fine="strangers:documented")
    assert main(["engines", "--json"]) == ExitCode.OK
    listed = {engine["name"]: engine for engine in json.loads(capsys.readouterr().out)["engines"]}
    assert "no docstring" in listed["silent"]["problem"]
    assert (listed["fine"]["doc"], listed["fine"]["problem"], listed["rules"]["problem"]) == ("Documented.", None, None)


def test_what_is_installed_while_the_lab_runs_is_found_and_what_is_removed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "first", "lab.engines", one="strangers:documented")
    before = engines()
    assert "one" in before
    assert engines() == before
    time.sleep(0.02)  # file systems keep times in ticks of some milliseconds
    write_distribution(tmp_path / "site", "second", {"lab.engines": {"two": "strangers:documented"}})
    assert set(engines()) == {*before, "two"}
    shutil.rmtree(tmp_path / "site" / "first-1.0.dist-info")
    assert "one" not in engines()
