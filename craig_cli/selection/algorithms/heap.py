"""A binary heap of row positions: the largest bound on top, of equals the lowest row index (ties go to it)."""

from __future__ import annotations

from craig_cli.jit import inner


@inner
def _before(a, b, bound, row_of):
    """True where position a goes before position b: a larger bound, of equals the lower row."""
    return bound[a] > bound[b] or (bound[a] == bound[b] and row_of[a] < row_of[b])


@inner
def pop(heap, size, bound, row_of):
    top = heap[0]
    last = heap[size - 1]
    size -= 1
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and _before(heap[child + 1], heap[child], bound, row_of):
            child += 1
        if not _before(heap[child], last, bound, row_of):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return top


@inner
def push(heap, size, item, bound, row_of):
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if not _before(item, heap[parent], bound, row_of):
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = item
