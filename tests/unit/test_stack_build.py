"""The progress of a build: told from the builders' own output, with its end and its whole where it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.testbeds.stack import build
from lab.testbeds.stack.build import Steps, build_images
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.secrets import OWN
from tests.disks import disk, fill

VARIABLES = dict.fromkeys(OWN, "x")
CLASSIC = """\
Building db
Sending build context to Docker daemon  12.29kB

Step 1/5 : ARG BASE_IMAGE
Step 2/5 : FROM ${BASE_IMAGE}
 ---> 7cb0c35b1112
Step 3/5 : RUN apt-get update     && apt-get install -y postgresql
 ---> Using cache
 ---> 0d3a38a3c8a6
Step 4/5 : COPY schema.sql /app/
 ---> 4a7c38a3c8a6
Step 5/5 : RUN one     && two
 ---> Running in 2b71c5a9f000
some output
 ---> 9204cf91aeeb
Successfully built 9204cf91aeeb
Successfully tagged chaos-lab-00-db:latest
Building cache
Step 1/2 : FROM ${BASE_IMAGE}
 ---> 7cb0c35b1112
Step 2/2 : RUN apt-get install redis
 ---> Using cache
 ---> a44ac3530796
Successfully built a44ac3530796
"""
BUILDKIT = """\
#1 [db internal] load build definition from Dockerfile
#1 transferring dockerfile: 1.2kB done
#1 DONE 0.0s
#5 [db 1/3] FROM docker.io/library/debian:bookworm-slim
#5 DONE 0.1s
#6 [db 2/3] RUN apt-get update     && apt-get install -y postgresql
#7 [cache 2/2] RUN apt-get install redis
#7 CACHED
#6 0.412 Get:1 http://deb.debian.org/debian bookworm InRelease
#6 DONE 12.3s
#8 [db 3/3] COPY schema.sql /app/
#8 DONE 0.0s
#9 [db] exporting to image
#9 DONE 0.4s
"""
FAKE = """#!/bin/sh
[ "$*" != "compose version" ] || exit 1
printf 'Building db\\nStep 1/1 : RUN apt-get install x\\n ---> Running in 1\\n'
for i in $(seq 40); do echo "E: line $i"; done
exit 7
"""


def steps_of(output: str) -> list[str]:
    steps = Steps()
    return [step for line in output.splitlines() if (step := steps.read(line))]


def test_the_classic_builders_steps_are_reported_but_for_those_in_the_cache() -> None:
    assert steps_of(CLASSIC) == ["db 4/5: COPY schema.sql /app/", "db 5/5: RUN one && two", "db is built"]


def test_buildkits_steps_are_reported_but_for_those_in_the_cache() -> None:
    assert steps_of(BUILDKIT) == [
        "db 2/3: RUN apt-get update && apt-get install -y postgresql",
        "db 3/3: COPY schema.sql /app/",
    ]


def test_a_long_step_is_cut() -> None:
    (step,) = steps_of(f"Building db\nStep 1/1 : RUN {'x' * 500}\n ---> Running in 1\n")
    assert len(step) < 120
    assert step.endswith("…")


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compose:
    """A project whose Compose is a script that fails in the middle of a build."""
    (tmp_path / "bin").mkdir()
    for name in ("docker", "docker-compose"):
        (tmp_path / "bin" / name).write_text(FAKE, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Compose(tmp_path, VARIABLES)


def test_a_build_that_fails_says_its_end_and_where_the_whole_is(compose: Compose, tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(StackError) as failure:
        build_images(compose, tmp_path / "state" / "build.log", lines.append)
    assert [line.partition(" s  ")[2] for line in lines] == ["db 1/1: RUN apt-get install x"]
    assert "ended with 7" in str(failure.value)
    assert "E: line 40" in str(failure.value)
    assert "E: line 1\n" not in str(failure.value)
    assert str(tmp_path / "state" / "build.log") in str(failure.value)
    assert "E: line 1\n" in (tmp_path / "state" / "build.log").read_text(encoding="utf-8")


def test_a_full_disk_under_the_log_is_an_error_that_names_it(compose: Compose, tmp_path: Path) -> None:
    with disk(tmp_path / "state"):
        fill(tmp_path / "state")
        with pytest.raises(StackError, match=r"cannot be kept in .*build\.log: no space left on device"):
            build_images(compose, tmp_path / "state" / "build.log", lambda _: None)


@pytest.mark.parametrize("meanwhile", ["sleep 1", "for i in $(seq 10); do echo Get:$i; sleep 0.1; done"])
def test_a_long_step_is_shown_again(
    meanwhile: str, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = FAKE.replace("for i", f"{meanwhile}\nfor i", 1).replace("exit 7", "exit 0")
    (tmp_path / "bin" / "docker-compose").write_text(script, encoding="utf-8")
    monkeypatch.setattr(build, "SILENCE_S", 0.1)
    lines: list[str] = []
    build_images(compose, tmp_path / "build.log", lines.append)
    words = [line.partition(" s  ")[2] for line in lines]
    assert words[-2:] == ["still at db 1/1: RUN apt-get install x", "all images are built"]
