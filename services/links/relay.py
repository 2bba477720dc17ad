"""One proxied connection: two lanes, each reading one socket and writing the other, as the link's faults allow."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .faults import UNDISTURBED, Direction, plan_lane
from .pacing import TIMER_TOLERANCE_S

if TYPE_CHECKING:
    from .link import Link

QUEUE_MAX_BYTES = 262144
"""A lane stops reading while more than this is under way, as a full TCP window would make it."""
ORPHAN_TIMEOUT_S = 30.0
"""How long a black-holed socket outlives its peer's FIN: clients that give up must not use up the descriptors."""
BURST_S = 0.005
"""Chunks that follow each other faster are one message, which is lost as a whole or not at all."""
_LINGER_NONE = struct.pack("ii", 1, 0)


def reset_socket(transport: asyncio.Transport) -> None:
    """Ends a connection with RST instead of FIN."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    transport.abort()


class Lane(asyncio.Protocol):
    """One direction of a connection: reads its own socket, writes its peer's. An empty chunk stands for the FIN."""

    def __init__(self, connection: Connection, direction: Direction) -> None:
        self.connection = connection
        self.direction = direction
        self.traffic = connection.link.traffic[direction]
        self.peer: Lane
        self.transport: asyncio.Transport | None = None
        self.plan = UNDISTURBED
        self.direct = False  # nothing disturbs, nothing waits: a chunk goes straight to the other socket
        self._write: Callable[[bytes], None]
        self.lost = False  # the stream has a hole, and must never go on
        self.ended = False  # the FIN was passed on
        self.gone = False  # the own socket is closed
        self._read_all = False
        self._queue: deque[tuple[float, bytes | memoryview]] = deque()
        self._queued_bytes = 0
        self._last_ready_s = 0.0
        self._heard_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._in_line = False
        self._blocked: set[str] = set()

    # -- from the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connection.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.direct:
            self.traffic.bytes += len(data)
            self._write(data)
        else:
            self._receive(data)

    def eof_received(self) -> bool:
        if not self._read_all:
            self._read_all = True
            self._receive(b"")
        return True  # keeps the other direction open

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.peer.direct = False
        self.connection.socket_gone(self)

    def pause_writing(self) -> None:
        self.peer.block("output", True)

    def resume_writing(self) -> None:
        self.peer.block("output", False)

    # -- the lane itself

    def block(self, reason: str, on: bool) -> None:
        """Stops reading while there is a reason to."""
        was_blocked = bool(self._blocked)
        (self._blocked.add if on else self._blocked.discard)(reason)
        if self.transport is None or self.transport.is_closing() or self._read_all:
            return  # to read on after the FIN would bring it again
        if was_blocked == bool(self._blocked):
            return
        (self.transport.pause_reading if on else self.transport.resume_reading)()

    def replan(self) -> None:
        """Takes over the link's faults as they are now; what a fault no longer holds goes on its way."""
        link = self.connection.link
        self.plan = plan_lane(link.faults, self.connection.draws, self.direction)
        self.direct = False
        self._in_line = False  # a new Bandwidth has no queue
        if self.plan.passes_nothing and self._queue:
            self.lost = True
            self.discard()
        if not self.plan.delay and not self.plan.drop:
            self._queue = deque((0.0, data) for _, data in self._queue)
            self._last_ready_s = 0.0
        self.advance()

    def advance(self) -> None:
        """Sends all that is due, and comes back when the next chunk is."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._in_line or self.peer.transport is None:
            return
        bandwidth = self.connection.link.bandwidth if self.plan.throttle else None
        while self._queue:
            ready_s, data = self._queue[0]
            wait_s = ready_s - time.monotonic()
            if wait_s > TIMER_TOLERANCE_S:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self.advance)
                break
            if bandwidth and data:
                self._in_line = True
                bandwidth.enter(self)
                break
            self._pop()
            self._deliver(data)
        if self.plan is UNDISTURBED and not self._queue and not self.peer.gone and not self.connection.closed:
            self._write = self.peer.transport.write
            self.direct = True

    def send_piece(self, limit_bytes: int) -> int:
        """Its turn on a throttled link."""
        self._in_line = False
        now_s = time.monotonic()
        sent_bytes = 0
        while self._queue and sent_bytes < limit_bytes:  # empty when the connection ended while in line
            ready_s, data = self._queue[0]
            if ready_s > now_s + TIMER_TOLERANCE_S or not data:
                break
            piece = memoryview(data)[: limit_bytes - sent_bytes]
            self._pop()
            if len(piece) < len(data):
                self._queue.appendleft((ready_s, memoryview(data)[len(piece) :]))
                self._queued_bytes += len(data) - len(piece)
            self._deliver(piece)
            sent_bytes += len(piece)
        self.advance()
        return sent_bytes

    def discard(self) -> None:
        """Forgets what is under way."""
        self._queue.clear()
        self._queued_bytes = 0
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.block("queue", False)

    def _receive(self, data: bytes) -> None:
        if self.connection.closed:
            return
        self.direct = False
        if self.plan.resets(self.connection.link.random):
            self.connection.reset()
        elif data and not self.lost and self._loses_next():
            self.lost = True
        elif self.plan.passes_nothing:
            self.lost = True
            if not data and self.transport is not None:
                asyncio.get_running_loop().call_later(ORPHAN_TIMEOUT_S, reset_socket, self.transport)
        elif self.lost:
            if not data:
                self.connection.reset()  # where only a share is lost, a FIN gets through in the end
        else:
            ready_s = time.monotonic() + self.plan.wait_s(self.connection.link.random)
            self._last_ready_s = max(self._last_ready_s, ready_s)  # nothing overtakes
            self._queue.append((self._last_ready_s if self.plan.delay or self.plan.drop else 0.0, data))
            self._queued_bytes += len(data)
            if self._queued_bytes > QUEUE_MAX_BYTES:
                self.block("queue", True)
            if len(self._queue) == 1:
                self.advance()

    def _loses_next(self) -> bool:
        now_s = time.monotonic()
        is_next = now_s - self._heard_s > BURST_S
        self._heard_s = now_s
        return is_next and self.plan.loses(self.connection.link.random)

    def _pop(self) -> None:
        _, data = self._queue.popleft()
        self._queued_bytes -= len(data)
        if self._queued_bytes <= QUEUE_MAX_BYTES and self._blocked:
            self.block("queue", False)

    def _deliver(self, data: bytes | memoryview) -> None:
        output = self.peer.transport
        if output is None or output.is_closing():
            return
        if data:
            self.traffic.bytes += len(data)
            output.write(data)
        else:
            self.ended = True
            output.write_eof()
            self.connection.lane_ended()


class Connection:
    """A client's connection and, unless the link is cut, the one to the upstream that serves it."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.draws = {"delay": link.random.random()}
        self.request = Lane(self, "request")
        self.response = Lane(self, "response")
        self.request.peer, self.response.peer = self.response, self.request
        self._connecting: asyncio.Task[None] | None = None
        self.closed = False

    def opened(self, lane: Lane) -> None:
        """A socket is open: the client's first, then the upstream's."""
        if lane is self.request:
            self.link.connections.add(self)
            self.link.stats.connections += 1
            self.replan()
            if self.request.plan.passes_nothing:
                self.request.lost = True  # its SYN; there is no upstream connection to go on with
            else:
                self._connecting = asyncio.get_running_loop().create_task(self._connect())
        elif self.closed:
            reset_socket(cast(asyncio.Transport, lane.transport))
        else:
            self.replan()

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.response, self.link.upstream_host, self.link.upstream_port)
        except OSError:
            self.link.stats.upstream_errors += 1
            self.reset()

    def replan(self) -> None:
        """Takes over the link's faults. A stream with a hole must not go on once the cut is over: it is reset."""
        for lane in (self.request, self.response):
            if not self.closed:
                lane.replan()
        if any(lane.lost and not lane.plan.cut for lane in (self.request, self.response)):
            self.reset()

    def lane_ended(self) -> None:
        """Closes the sockets when both directions have passed their FIN on."""
        if self.request.ended and self.response.ended:
            self._end(with_reset=False)

    def reset(self) -> None:
        """Ends both sockets with RST."""
        if not self.closed:
            self.link.stats.resets += 1
            self._end(with_reset=True)

    def socket_gone(self, lane: Lane) -> None:
        """A socket died: the other learns it, unless the cut swallows that too."""
        if self.closed:
            return
        if lane.plan.passes_nothing and lane.peer.transport is not None and not lane.peer.gone:
            lane.lost = True
        else:
            self.reset()

    def _end(self, *, with_reset: bool) -> None:
        self.closed = True
        self.link.connections.discard(self)
        for lane in (self.request, self.response):
            lane.direct = False
            lane.discard()
            if lane.transport is not None:
                reset_socket(lane.transport) if with_reset else lane.transport.close()
