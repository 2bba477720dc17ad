"""The shell scripts around Docker, with stand-ins for the programs they call."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, eventually

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
ENGINE = """#!/bin/bash
touch "$STAND_INS/answers"
trap 'rm "$STAND_INS/answers"; exit 0' TERM
while :; do sleep 0.05; done
"""
CLIENT = """#!/bin/sh
[ "$1 $2" != "image inspect" ] || exit 1
[ "$1" != import ] || exit 0
[ -e "$STAND_INS/answers" ] && echo 1.0
"""
BOOTSTRAP = """#!/bin/sh
printf '%s\\n' "$@" >"$STAND_INS/arguments"
for argument in "$@"; do
    case $argument in --customize-hook=upload*) set -- $argument; cp "$2" "$STAND_INS/${2##*/}" ;; esac
done
"""

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    """Runs a script with stand-ins first on the path, and ends the stand-in engine afterwards."""
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    nothing = "#!/bin/sh\n"
    programs = {"dockerd": ENGINE, "docker": CLIENT, "mmdebstrap": BOOTSTRAP, "iptables": nothing}
    for name, text in {**programs, "docker-compose": nothing, "apt-config": nothing}.items():
        (stand_ins / name).write_text(text, encoding="utf-8")
        (stand_ins / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{stand_ins}:{os.environ['PATH']}",
        "STAND_INS": str(stand_ins),
        "LAB_DOCKER_STATE": str(tmp_path / "state"),
    }

    def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPTS / name, *arguments],
            check=False, capture_output=True, text=True, env=environment | variables, timeout=PATIENCE_S,
        )  # fmt: skip

    yield run
    run("ci-docker.sh", "stop")


def pid_of(tmp_path: Path) -> int:
    return int((tmp_path / "state" / "dockerd.pid").read_text(encoding="utf-8"))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def working_in(directory: Path) -> list[str]:
    """The pids of the processes that have this working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == directory:
                found.append(process.name)
    return found


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs Linux's setsid")
class TestEngine:
    def test_starts_once_and_is_ended_by_stop(self, script: Script, tmp_path: Path) -> None:
        assert script("ci-docker.sh", "start").returncode == 0
        pid = pid_of(tmp_path)
        again = script("ci-docker.sh", "start")
        assert (again.returncode, again.stderr, pid_of(tmp_path)) == (0, "", pid)
        assert script("ci-docker.sh", "stop").returncode == 0
        assert not is_running(pid)
        assert script("ci-docker.sh", "stop").returncode == 0

    def test_a_pid_that_is_another_process_by_now_is_left_alone(self, script: Script, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir()
        other = subprocess.Popen(["sleep", "600"])
        try:
            (tmp_path / "state" / "dockerd.pid").write_text(f"{other.pid}\n", encoding="utf-8")
            assert script("ci-docker.sh", "stop").returncode == 0
            time.sleep(0.1)
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    def test_an_engine_that_does_not_start_is_reported_with_its_log(self, script: Script, tmp_path: Path) -> None:
        (tmp_path / "bin" / "dockerd").write_text("#!/bin/sh\necho no cgroups >&2\nexit 3\n", encoding="utf-8")
        failed = script("ci-docker.sh", "start")
        assert failed.returncode == 1
        assert "no cgroups" in failed.stderr


def test_the_base_image_carries_what_pip_needs_on_this_machine(script: Script, tmp_path: Path) -> None:
    bundle = tmp_path / "authority.crt"
    bundle.write_text("a certificate", encoding="utf-8")
    made = script(
        "base-image.sh", "a:tag", LAB_CA_BUNDLE=str(bundle), PIP_INDEX_URL="http://mirror.test/simple",
        LAB_APT_MIRROR="http://mirror.test/debian",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "bin" / "host-ca.crt").read_text(encoding="utf-8") == "a certificate"
    settings = (tmp_path / "bin" / "pip.conf").read_text(encoding="utf-8").splitlines()
    assert settings[:2] == ["[global]", "index-url = http://mirror.test/simple"]
    assert "cert = /etc/ssl/host-ca.crt" in settings
    assert (tmp_path / "bin" / "arguments").read_text(encoding="utf-8").splitlines()[-1] == "http://mirror.test/debian"


STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$(basename "$0") $*" in
"$HANGS") echo "what it said last"; sleep 600 ;;
"$FAILS") echo "cannot do $FAILS"; exit 7 ;;
"docker image ls"*) echo chaos-lab-1-python:latest; echo chaos-lab-1-db:latest ;;
esac
"""


class TestContinuousIntegration:
    """`.ci/run` in a checkout of stand-ins."""

    @pytest.fixture
    def ci(self, tmp_path: Path) -> Script:
        top, calls = tmp_path / "checkout", tmp_path / "calls"
        for name in (".ci", ".venv/bin", "scripts", "bin"):
            (top / name).mkdir(parents=True)
        shutil.copy(SCRIPTS.parent / ".ci" / "run", top / ".ci" / "run")
        (top / ".env").write_text("COMPOSE_PROJECT_NAME=chaos-lab-1\n", encoding="utf-8")
        programs = [f"bin/{name}" for name in ("make", "docker", "apt-get")]
        for name in (*programs, ".venv/bin/lab", ".venv/bin/python", "scripts/ci-docker.sh"):
            (top / name).write_text(STAND_IN, encoding="utf-8")
            (top / name).chmod(0o755)

        def run(*_: str, **variables: str) -> subprocess.CompletedProcess[str]:
            environment = {**os.environ, "PATH": f"{top / 'bin'}:{os.environ['PATH']}", "CALLS": str(calls)}
            environment |= {"HANGS": "nothing", "FAILS": "nothing", "LAB_CI_MINUTE_S": "1", **variables}
            return subprocess.run(
                [top / ".ci" / "run"], check=False, capture_output=True, text=True, env=environment,
                stdin=subprocess.DEVNULL, timeout=PATIENCE_S,
            )  # fmt: skip

        return run

    def test_shows_what_each_part_took_and_leaves_no_container_image_or_engine_behind(
        self, ci: Script, tmp_path: Path
    ) -> None:
        done = ci()
        assert done.returncode == 0, done.stdout + done.stderr
        parts = done.stdout.split("== what each part took\n")[1].splitlines()
        assert [line.split(" s  ")[1] for line in parts][:2] == ["set up", "a Docker engine"]
        assert [line.split(" s  ")[1] for line in parts][-3:] == ["the stack", "cleaning up", "in all"]
        calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        assert "docker compose build" in calls
        assert calls[-6:] == [
            "docker version", "lab stack down --volumes", "lab stack down fraud --volumes",
            "docker image ls --format {{.Repository}}:{{.Tag}} --filter reference=chaos-lab-1-*",
            "docker image rm --no-prune chaos-lab-1-python:latest chaos-lab-1-db:latest", "ci-docker.sh stop",
        ]  # fmt: skip

    def test_after_a_part_that_failed_the_others_go_on_and_the_end_names_it(self, ci: Script, tmp_path: Path) -> None:
        done = ci(FAILS="make test-slow ARGS=--ignore=tests/services")
        assert done.returncode == 1
        assert done.stdout.split("== failed\n")[1].split("\n")[:-1] == ["          make test-slow"]
        calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        assert "make run ARGS=--fresh" in calls
        assert "make test-stack" in calls
        assert "ci-docker.sh stop" in calls

    def test_a_part_that_others_need_is_the_last_where_it_fails(self, ci: Script, tmp_path: Path) -> None:
        done = ci(FAILS="make stack")
        assert done.returncode == 1
        assert done.stdout.split("== failed\n")[1].split("\n")[:-1] == ["          make stack"]
        calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        assert "make test-stack" not in calls
        assert "ci-docker.sh stop" in calls

    def test_what_goes_on_beside_a_part_that_fails_ends_with_it(self, ci: Script, tmp_path: Path) -> None:
        done = ci(HANGS="apt-get -qq update", FAILS="make .venv/.installed-services")
        assert done.returncode == 1
        assert "== failed: set up" in done.stdout
        assert "ci-docker.sh start" not in (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        eventually(lambda: not working_in(tmp_path / "checkout"))

    def test_images_that_cannot_be_built_fail_with_the_end_of_the_log(self, ci: Script, tmp_path: Path) -> None:
        done = ci(FAILS="docker compose build")
        assert done.returncode == 1
        assert "cannot do docker compose build" in done.stdout
        assert "== failed: the rest of the images" in done.stdout
        assert "make test-stack" not in (tmp_path / "calls").read_text(encoding="utf-8").splitlines()

    def test_a_part_that_hangs_is_interrupted_and_what_it_printed_is_shown(self, ci: Script) -> None:
        done = ci(HANGS="python benchmarks/proxy_vs_haproxy.py")
        assert done.returncode == 1
        assert "what it said last" in done.stdout
        assert "== the fault proxy beside haproxy did not end within 4 s and was interrupted" in done.stdout
        assert "== failed: the fault proxy beside haproxy" in done.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shell_scripts_are_clean() -> None:
    services = SCRIPTS.parent / "services"
    scripts = [*SCRIPTS.glob("*.sh"), *services.glob("*/*.sh"), SCRIPTS.parent / ".ci" / "run"]
    checked = subprocess.run(
        ["shellcheck", "--severity=warning", *scripts], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
