"""The plane's events: a heap of (time, order and what) in which of equal times the first pushed comes first.

An event has four children, not two: half as many steps from one line of memory to the next.
"""

from __future__ import annotations

from lab.compiled import kernel
from lab.testbeds.sim.plane.layout import *


@kernel
def first_of(heap: Array, i: int, end: int) -> int:
    """The row of the first event in rows i to end - 1."""
    first = i
    for k in range(i + 1, end):
        if heap[k, 0] < heap[first, 0] or (heap[k, 0] == heap[first, 0] and heap[k, 1] < heap[first, 1]):
            first = k
    return first


@kernel
def first_of_four(heap: Array, i: int) -> int:
    """The same of four rows, computed without a branch: which of them it is, a processor could not guess."""
    time0, time1, time2, time3 = heap[i, 0], heap[i + 1, 0], heap[i + 2, 0], heap[i + 3, 0]
    left, right = min(time0, time1), min(time2, time3)
    if (time0 == time1) | (time2 == time3) | (left == right):
        return first_of(heap, i, i + 4)
    of_left, of_right = int(time1 < time0), 2 + int(time3 < time2)
    return i + of_left + ((of_right - of_left) & -int(right < left))


@kernel
def sift_down(heap: Array, n: int, time: int, what: int) -> None:
    """Puts an event in at the root of a heap of n rows whose root is free."""
    i = 0
    child = 1
    while child < n:
        child = first_of_four(heap, child) if child + 3 < n else first_of(heap, child, n)
        at = heap[child, 0]
        if at > time or (at == time and heap[child, 1] > what):
            break
        heap[i, 0] = at
        heap[i, 1] = heap[child, 1]
        i = child
        child = 4 * i + 1
    heap[i, 0] = time
    heap[i, 1] = what


@kernel
def sift_up(heap: Array, n: int, time: int, what: int) -> None:
    """Adds an event to a heap of n rows."""
    i = n
    while i > 0:
        parent = (i - 1) >> 2
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
