"""The containers' processes: an init reaps what is left behind, probes leave nothing, all stop when they are told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import pytest

from lab.testbeds.stack.session import Session
from tests.waiting import eventually

pytestmark = pytest.mark.stack

ORPHAN = "(sleep 1; exit 2) &"
"""What a probe leaves behind that is given up: a process whose parent is gone, and which fails."""
PROBE = "pg_isready"
OF_THE_SERVER = ("postgres: checkpointer", "postgres: walwriter")
STARVED_QUOTA_US = 1000
"""The least that Docker takes: a hundredth of a CPU, on which no probe ends in time."""


class Process(NamedTuple):
    """A process as the container sees it."""

    pid: int
    name: str
    state: str
    parent: int


class Server(NamedTuple):
    """What tells one life of a PostgreSQL server from the next."""

    container_since: str
    processes: list[tuple[str, str]]


def processes(container: Any) -> list[Process]:
    """All processes of a container, those that nobody has reaped included, but for the one that lists them."""
    code, output = container.exec_run(["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true"])
    assert code == 0, output
    found = []
    for line in output.decode().splitlines():
        pid, _, rest = line.partition(" (")
        name, _, fields = rest.rpartition(") ")
        state, parent = fields.split()[:2]
        found.append(Process(int(pid), name, state, int(parent)))
    return [process for process in found if process.name != "cat"]


def server(stack: Session) -> Server:
    """The database's container and the server's own processes; after a restart these have other numbers."""
    listed = stack.compose.container("db").top(ps_args="-eo pid,args")["Processes"]
    own = sorted((args, pid) for pid, args in listed if args.startswith(OF_THE_SERVER))
    assert len(own) == len(OF_THE_SERVER), listed
    return Server(started_at(stack.compose.container("db")), own)


def started_at(container: Any) -> str:
    container.reload()
    return str(container.attrs["State"]["StartedAt"])


def failed_probes(container: Any, since: str = "") -> list[dict[str, Any]]:
    """The failed probes among the last few, of those that began after the one that is named by its start."""
    container.reload()
    log = container.attrs["State"]["Health"]["Log"]
    return [probe for probe in log if probe["ExitCode"] and probe["Start"] > since]


def last_probe(container: Any) -> str:
    container.reload()
    return max((str(probe["Start"]) for probe in container.attrs["State"]["Health"]["Log"]), default="")


def is_tidy(container: Any) -> bool:
    """Whether there is neither a zombie nor an orphan: a process of the init beside the service itself."""
    return not [
        process
        for process in processes(container)
        if process.state == "Z" or (process.parent == 1 and process.name in ("sh", "sleep", "timeout", PROBE))
    ]


def test_pid_1_of_every_container_is_an_init_and_reaps_orphans(stack: Session) -> None:
    containers = stack.compose.containers()
    assert set(containers) >= set(stack.compose.services)
    before = {service: started_at(container) for service, container in containers.items()}
    for service, container in containers.items():
        (first,) = [process for process in processes(container) if process.pid == 1]
        assert first.name == "tini", service
        container.exec_run(["sh", "-c", ORPHAN], detach=True)
    for container in containers.values():
        eventually(partial(is_tidy, container))
    assert {service: started_at(container) for service, container in containers.items()} == before


def test_an_orphan_that_fails_is_no_crashed_backend(stack: Session) -> None:
    container = stack.compose.container("db")
    before = server(stack)
    with stack.levers.database.connect() as connection:  # a crash would end every session
        container.exec_run(["sh", "-c", ORPHAN], detach=True)
        eventually(lambda: any(process.name == "sleep" for process in processes(container)))
        eventually(partial(is_tidy, container))
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server(stack) == before
    command = "cat /var/log/database/*.json | grep -c 'all server processes terminated'"
    assert container.exec_run(["sh", "-c", command]).output.strip() == b"0"


def test_a_probe_of_a_server_that_hangs_ends_itself_and_restarts_nothing(stack: Session) -> None:
    container = stack.compose.container("db")
    before = server(stack)
    (postmaster,) = [process for process in processes(container) if process.parent == 1 and process.name == "postgres"]
    known = last_probe(container)
    assert container.exec_run(["sh", "-c", f"kill -STOP {postmaster.pid}"]).exit_code == 0
    try:
        # One is enough: on a busy machine Docker gives up those that began too late.
        eventually(lambda: [probe for probe in failed_probes(container, known) if probe["ExitCode"] == 128 + 9])
        eventually(partial(is_tidy, container))  # while the server still hangs
    finally:
        container.exec_run(["sh", "-c", f"kill -CONT {postmaster.pid}"])
    eventually(stack.compose.is_healthy)
    assert server(stack) == before


@pytest.mark.slow
def test_a_probe_that_docker_gives_up_under_load_leaves_nothing_and_restarts_nothing(stack: Session) -> None:
    container = stack.compose.container("db")
    before = server(stack)
    quota_us = container.attrs["HostConfig"]["CpuQuota"]
    known = last_probe(container)
    container.update(cpu_quota=STARVED_QUOTA_US)
    try:
        eventually(lambda: failed_probes(container, known))
    finally:
        container.update(cpu_quota=quota_us)
    eventually(stack.compose.is_healthy)
    eventually(partial(is_tidy, container))
    assert server(stack) == before


def test_every_service_stops_on_demand_within_its_grace_period(stack: Session) -> None:
    """Docker kills what is late: that would be exit code 137."""
    containers = stack.compose.containers()
    try:
        with ThreadPoolExecutor(len(containers)) as pool:
            list(pool.map(lambda container: container.stop(timeout=None), containers.values()))
        ended = {}
        for service, container in containers.items():
            container.reload()
            ended[service] = container.attrs["State"]["ExitCode"]
        assert ended == dict.fromkeys(containers, 0)
    finally:
        for container in containers.values():
            container.start()
        stack.compose.await_health()
        stack.recover()
