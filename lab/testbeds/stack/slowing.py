"""A component made slower: its processes run in small slices, and are stopped in between.

A helper in the component's container stops and continues them all (SIGSTOP, SIGCONT), those that start meanwhile too.
It ends with its lease, with the lab that started it, or on demand; then all processes run again.
"""

from __future__ import annotations

import select
import socket
import time
from typing import Any

from lab.agreed import leases
from lab.injection.levers import ComponentSlow, Place
from lab.testbeds.stack.compose import Compose, StackError

SLICE_S = 0.002
"""How long the processes run at a time. A call that meets them stopped waits for up to (factor - 1) slices."""
STARTS_WITHIN_S = 20.0
_FILE = "/tmp/.slices"
_STARTED = b"slices"
# Each line on stdin renews the lease; the end of stdin is that of the lab. It forks nothing, and the time stopped is in
# proportion to the time that they really ran, so that the share holds on a busy machine too (but for long stalls).
_HELPER = f"""
factor=$1 milli=$2 slice_us=$3 lease_us=$4
now() {{ us=${{EPOCHREALTIME/[.,]/}}; }}
wait_us() {{
    printf -v seconds '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
    if IFS= read -r -t "$seconds" _; then now; ends=$((us + lease_us)); elif (($? <= 128)); then exit 0; fi
}}
trap 'kill -s CONT -- -1 2>/dev/null; rm -f {_FILE}' EXIT
trap 'exit 0' HUP INT TERM
now; ends=$((us + lease_us))
echo "$$ $factor" >{_FILE}
echo {_STARTED.decode()}
while now; began=$us; ((us < ends)); do
    wait_us "$slice_us"
    now; ran=$((us - began)); ((ran <= 5 * slice_us)) || ran=$((5 * slice_us))
    kill -s STOP -- -1 2>/dev/null
    wait_us $((ran * (milli - 1000) / 1000))
    kill -s CONT -- -1 2>/dev/null
done
"""
_READ = f'read -r pid factor 2>/dev/null <{_FILE} && kill -0 "$pid" 2>/dev/null && echo "$factor" || true'
_END = f"""
if read -r pid factor 2>/dev/null <{_FILE}; then
    kill "$pid" 2>/dev/null
    for _ in {{1..50}}; do kill -0 "$pid" 2>/dev/null || break; read -r -t 0.1 _ <> <(:); done
    kill -9 "$pid" 2>/dev/null
    rm -f {_FILE}
fi
kill -s CONT -- -1 2>/dev/null
true
"""


class Slowing:
    """The helpers in the containers of a stack."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._helpers: dict[str, socket.socket] = {}
        self._streams: dict[str, Any] = {}

    def read(self, place: Place) -> ComponentSlow | None:
        """What a helper at work in the container was started with; None where there is none."""
        found = self._compose.execute(place.element, ["bash", "-c", _READ]).strip()
        return ComponentSlow(factor=float(found)) if found else None

    def write(self, place: Place, value: ComponentSlow | None) -> None:
        """Starts a helper in place of any other, or ends it (None). Returns when that is done; safe to repeat."""
        self._leave(place.element)
        self._compose.execute(place.element, ["bash", "-c", _END])
        if value is not None:
            self._start(place.element, value.factor)

    def renew(self, place: Place) -> bool:
        """Renews the lease; False where the helper has ended."""
        component = place.element
        helper = self._helpers.get(component)
        if helper is None:
            return False
        try:
            if _has_ended(helper):
                return False
            helper.sendall(b"\n")
        except TimeoutError as error:
            raise StackError(f"{component}: its helper takes no renewal of the lease") from error
        except OSError:
            return False
        return True

    def _start(self, component: str, factor: float) -> None:
        api = self._compose.client.api
        numbers = (factor, round(factor * 1000), round(SLICE_S * 1e6), round(leases.LEASE_S * 1e6))
        command = ["bash", "-c", _HELPER, "slices", *map(str, numbers)]
        created = api.exec_create(self._compose.container(component).id, command, stdin=True)
        stream = api.exec_start(created["Id"], socket=True)
        helper: socket.socket = getattr(stream, "_sock", stream)
        helper.settimeout(STARTS_WITHIN_S)
        self._helpers[component], self._streams[component] = helper, stream
        seen, until_s = b"", time.monotonic() + STARTS_WITHIN_S
        try:
            while _STARTED not in seen and time.monotonic() < until_s and (more := helper.recv(4096)):
                seen += more
        except OSError as error:
            seen += str(error).encode()
        if _STARTED not in seen:
            self._leave(component)
            words = seen.decode(errors="replace").strip()
            raise StackError(f"{component} could not be slowed: no helper started in its container: {words[-300:]}")
        helper.settimeout(1.0)

    def _leave(self, component: str) -> None:
        """Lets go of the helper that was started here; it ends by that, too."""
        self._helpers.pop(component, None)
        stream = self._streams.pop(component, None)
        if stream is not None:
            stream.close()


def _has_ended(helper: socket.socket) -> bool:
    readable, _, _ = select.select([helper], [], [], 0)
    return bool(readable) and helper.recv(4096) == b""
