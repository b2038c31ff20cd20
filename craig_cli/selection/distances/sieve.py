"""Which picks may be nearest to a row of a cell: what certainly is not is left out before it is measured.

Cells are worked on in groups, picks in bunches of nearby ones. Three bounds spare nearly all of the pairs:

- A pick farther from a centre than the reach of its rows is no one's nearest (triangle inequality): bunches are held
  against the middle of a group, what is left of them pick by pick against the centre of each cell.
- Along a unit vector u from the group to the region of a bunch  d_ij >= <x_j, u> - <x_i, u>,  which in many dimensions
  says far more: a cloud is much thinner in any one direction than its radius. How far along u a pick may be and still
  be nearest to a row of the cell only falls from level to level, so it serves until it spares a bunch no more.
- What is left is held against the rows of the cell in single precision.

Numbers of single precision are coordinates from the ``origin`` in units, 1 / ``scale``, in which the picks are within 1
of it. Limits allow for their rounding, so that no pick is left out that is nearest in double precision.
"""

from __future__ import annotations

import numpy as np

from craig_cli.jit import inner, lowest_bit
from craig_cli.selection.distances.bunches import apart
from craig_cli.selection.distances.metrics import aim, block_near, block_norms, reach_of, sum_of_norm
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.distances.single import AT_ONCE, at, below, farthest_along, products

GROUP = 16  # cells that a bunch is held against while it is in the cache
UNIT = 2.0**-24  # what a number of single precision is off by
FARTHEST = 1e15  # rows this many times as far as the picks: products may be too large for single precision


@inner
def limit_of(reach, scale, far, n_features, metric):
    """No sum in single precision of a difference whose norm is below ``reach`` is above this.

    Coordinates are off by UNIT of themselves, so a difference by that of two norms, which are up to ``far``; its sum by
    a UNIT for each coordinate and some. All of this is allowed for twice.
    """
    norm = reach * scale * (1.0 + 2.0 * UNIT * (n_features + 8)) + 4.0 * UNIT * far
    return np.float32(sum_of_norm(norm, metric))


@inner
def enter(blocks, cell_centres, first, origin, scale, metric, singles, centres, middle, from_middle):
    """A group of cells, ``blocks`` (c, d, WIDTH) from number ``first`` on: their rows in single precision, their
    centres likewise, the ``middle`` of these, how far rows are from it, and returns how far they are from the origin.
    """
    size, n_features, _ = blocks.shape
    middle[:] = 0.0
    centres[:] = 0.0
    for c in range(size):
        cell = first + c
        for k in range(n_features):
            centre = cell_centres[cell // WIDTH, k, cell % WIDTH]
            middle[k] += centre / size
            centres[c, k] = (centre - origin[k]) * scale
            row, single, zero = blocks[c, k], singles[c, k], origin[k]
            for p in range(WIDTH):
                single[p] = (row[p] - zero) * scale
    farthest = 0.0
    for c in range(size):
        block_norms(blocks[c], middle, metric, from_middle[c])
        for p in range(WIDTH):
            farthest = max(farthest, from_middle[c, p])
    return max(1.0, (apart(middle, origin, metric) + farthest) * scale)


@inner
def farthest_reach(current, offsets, metric):
    """A pick farther than this from where rows (WIDTH,) have these offsets is not closer than ``current`` to any."""
    farthest = 0.0
    for p in range(WIDTH):
        if current[p] > 0.0:
            farthest = max(farthest, reach_of(current[p], offsets[p], metric))
    return farthest


@inner
def reaches(current, from_middle, offsets, scale, far, n_features, metric, limits, along):
    """The reach of a group from its middle, where its rows are ``current`` (c, WIDTH) from what is nearest so far.

    Writes the ``limits`` (GROUP, WIDTH) of sums from the cells' centres, and how far ``along`` any direction, (GROUP,
    WIDTH), a pick may be from each row; both float32.
    """
    reach = 0.0
    limits[:] = -1.0
    for c in range(len(current)):
        reach = max(reach, farthest_reach(current[c], from_middle[c], metric))
        own = farthest_reach(current[c], offsets[c * WIDTH :], metric)
        limits[c] = limit_of(own, scale, far, n_features, metric)
        for p in range(WIDTH):
            along[c, p] = reach_of(current[c, p], 0.0, metric) * scale if current[c, p] > 0.0 else -np.inf
    return reach


@inner
def aim_at(regions, middle, metric, directions):
    """The directions (q', d) float32 of the regions from the middle of a group; 0 where there is none."""
    direction = np.empty(len(middle))
    directions[:] = 0.0
    for q in range(len(regions)):
        if aim(middle, regions[q], apart(middle, regions[q], metric), metric, direction):
            for k in range(len(middle)):
                directions[q, k] = direction[k]


@inner
def reach_along(q, singles, starts, slack, directions, backs, most):
    """How far along the direction of region ``q``, and those beside it, a pick may be and still be nearest to a row.

    singles (c, d, WIDTH) the cells, starts (c, WIDTH) how far each row is from what is its nearest so far
    backs   (q', GROUP) of each cell; most (q',) of all; all of this float32
    """
    addresses = np.empty(2 * AT_ONCE, dtype=np.int64)
    farthest = np.empty(AT_ONCE, dtype=np.float32)
    first = q // AT_ONCE * AT_ONCE
    for i in range(AT_ONCE):
        addresses[i] = at(directions, first + i)
        most[first + i] = -np.inf
    for c in range(len(starts)):
        addresses[AT_ONCE:] = at(starts, c)
        farthest_along(singles[c], addresses, farthest)
        for i in range(AT_ONCE):
            backs[first + i, c] = farthest[i] + slack
            most[first + i] = max(most[first + i], backs[first + i, c])


@inner
def look(
    level, first, stop, bunches, region, centre_blocks, radii, metric, middle, reach, slack, cells, limits, singles,
    starts, slack_along, directions, backs, most, known, number, found,
):  # fmt: skip
    """How many of the bunches first .. stop have picks that may be nearest to a row of a group.

    Of each of these it writes the ``number`` and, by cell, which they are: found (b, GROUP) uint64.

    reach   from the middle; limits (GROUP, WIDTH) of sums from the centres ``cells`` (GROUP, d) float32
    known   (q' / AT_ONCE,) the level at which ``reach_along`` of these regions was found, -1 where it was not
    """
    to_bunches, along = np.empty(WIDTH), np.empty(WIDTH, dtype=np.float32)
    addresses = np.empty(2 * AT_ONCE, dtype=np.int64)
    aims = slack_along < np.inf
    kept = 0
    for b in range(first, stop):
        if b == first or b % WIDTH == 0:
            block_norms(centre_blocks[b // WIDTH], middle, metric, to_bunches)
        if (to_bunches[b % WIDTH] - radii[b]) * (1.0 - 1e-12) - slack >= reach:
            continue
        q = region[b]
        if aims:
            products(bunches[b], directions[q], along)
            left = below(along, most[q]) if known[q // AT_ONCE] >= 0 else np.uint64(1)
            if left != 0 and known[q // AT_ONCE] < level:
                reach_along(q, singles, starts, slack_along, directions, backs, most)
                known[q // AT_ONCE] = level
                left = below(along, most[q])
            if left == 0:
                continue
        wanted = np.uint64(0)
        for c in range(0, GROUP, AT_ONCE):
            for i in range(AT_ONCE):
                addresses[i], addresses[AT_ONCE + i] = at(cells, c + i), at(limits, c + i)
            block_near(bunches[b], addresses, metric, found[kept, c : c + AT_ONCE])
        for c in range(len(starts)):
            if aims:
                found[kept, c] &= below(along, backs[q, c])
            wanted |= found[kept, c]
        if wanted != 0:
            number[kept] = b
            kept += 1
    return kept


@inner
def in_order(number, found, order, begin, end, wanted, place, picks, slots):
    """How many picks of the bunches found, of ranks begin .. end, some cell is to be held against.

    Writes them in ascending order: ``picks``, and ``slots``, where their bits are: bunch * WIDTH + bit. ``wanted`` has
    a bit for each pick, none of them set before or after; ``place`` has room for all.
    """
    for b in range(len(number)):
        bits = np.uint64(0)
        for c in range(GROUP):
            bits |= found[b, c]
        while bits != 0:
            t = lowest_bit(bits)
            bits &= bits - np.uint64(1)
            j = order[number[b], t]
            place[j] = b * WIDTH + t
            wanted[j // WIDTH] |= np.uint64(1) << np.uint64(j % WIDTH)
    count = 0
    for run in range(begin // WIDTH, (end + WIDTH - 1) // WIDTH):
        bits = wanted[run]
        wanted[run] = 0
        while bits != 0:
            j = run * WIDTH + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            picks[count], slots[count] = j, place[j]
            count += 1
    return count


@inner
def of_cell(c, picks, slots, found, own):
    """How many of the ``picks`` cell ``c`` is to be held against; writes them to ``own``."""
    count = 0
    for i in range(len(picks)):
        if found[slots[i] // WIDTH, c] >> np.uint64(slots[i] % WIDTH) & np.uint64(1) != 0:
            own[count] = picks[i]
            count += 1
    return count
