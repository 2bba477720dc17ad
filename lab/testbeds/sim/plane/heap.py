"""The plane's events: a binary heap of (time, order and what) in which of equal times the first pushed comes first."""

from __future__ import annotations

from lab.compiled import kernel
from lab.testbeds.sim.plane.layout import *


@kernel
def sift_down(heap: Array, n: int, time: int, what: int) -> None:
    """Puts an event in at the root of a heap of n rows whose root is free. Row n must be there too."""
    heap[n, 0] = FAR
    i = 0
    child = 1
    while child < n:
        first = heap[child, 0]
        second = heap[child + 1, 0]
        child += (second < first) | ((second == first) & (heap[child + 1, 1] < heap[child, 1]))
        at = heap[child, 0]
        its = heap[child, 1]
        if at > time or (at == time and its > what):
            break
        heap[i, 0] = at
        heap[i, 1] = its
        i = child
        child = 2 * i + 1
    heap[i, 0] = time
    heap[i, 1] = what


@kernel
def sift_up(heap: Array, n: int, time: int, what: int) -> None:
    """Adds an event to a heap of n rows."""
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        at = heap[parent, 0]
        if at < time or (at == time and heap[parent, 1] < what):
            break
        heap[i, 0] = at
        heap[i, 1] = heap[parent, 1]
        i = parent
    heap[i, 0] = time
    heap[i, 1] = what


@kernel
def put(heap: Array, n: int, is_root_free: int, time: int, what: int) -> int:
    """Adds an event, in the place of a root that was taken where there is one. Returns the number of rows."""
    if is_root_free:
        sift_down(heap, n, time, what)
        return n
    sift_up(heap, n, time, what)
    return n + 1


@kernel
def close(heap: Array, n: int) -> int:
    """Fills the place of a root that was taken. Returns the number of rows."""
    n -= 1
    if n > 0:
        sift_down(heap, n, heap[n, 0], heap[n, 1])
    return n


def push(tables: Tables, time: int, kind: int, slot: int) -> None:
    """Adds an event from outside, between two calls of `advance`. There must be room."""
    head = tables.head
    head[H_ORDER] += 1
    sift_up(tables.heap, int(head[H_HEAP]), time, (int(head[H_ORDER]) << ORDER_SHIFT) | (kind << SLOT_BITS) | slot)
    head[H_HEAP] += 1


def kind_of(what: int) -> int:
    """An event's kind (EVENT_*)."""
    return (what >> SLOT_BITS) & KIND_MASK


def slot_of(what: int) -> int:
    """The frame, edge or source that an event is about."""
    return what & SLOT_MASK
