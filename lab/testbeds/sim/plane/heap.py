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
def later(t: Tables, time: int, kind: int, slot: int) -> None:
    """Notes an event, which `push_noted` pushes."""
    head = t.head
    i = H_FIRST_LATER + 3 * head[H_LATER]
    head[H_LATER] += 1
    head[i] = time
    head[i + 1] = kind
    head[i + 2] = slot


@kernel
def push_noted(t: Tables) -> None:
    """Pushes what was noted; the first in the place of the root where that was taken."""
    head, heap = t.head, t.heap
    for i in range(head[H_LATER]):
        at = H_FIRST_LATER + 3 * i
        head[H_ORDER] += 1
        what = (head[H_ORDER] << ORDER_SHIFT) | (head[at + 1] << SLOT_BITS) | head[at + 2]
        if head[H_ROOT_FREE]:
            head[H_ROOT_FREE] = 0
            sift_down(heap, head[H_HEAP], head[at], what)
        else:
            sift_up(heap, head[H_HEAP], head[at], what)
            head[H_HEAP] += 1
    head[H_LATER] = 0


@kernel
def close(t: Tables) -> None:
    """Fills the root's place where that was taken."""
    head, heap = t.head, t.heap
    if head[H_ROOT_FREE]:
        head[H_ROOT_FREE] = 0
        n = head[H_HEAP] - 1
        head[H_HEAP] = n
        if n > 0:
            sift_down(heap, n, heap[n, 0], heap[n, 1])


def push(tables: Tables, time: int, kind: int, slot: int) -> None:
    """Adds an event from outside, between two calls of `advance`. There must be room."""
    later(tables, time, kind, slot)
    push_noted(tables)


def kind_of(what: int) -> int:
    """An event's kind (EVENT_*)."""
    return (what >> SLOT_BITS) & KIND_MASK


def slot_of(what: int) -> int:
    """The frame, edge or source that an event is about."""
    return what & SLOT_MASK
