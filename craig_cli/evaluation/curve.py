"""epsilon against size, from a coreset file alone, and the size where the bound flattens.

Every prefix of a greedy coreset is a coreset with a bound of its own. With both axes brought to [0, 1], from the first
size that has a bound to the whole, the falling convex curve runs below the chord from (0, 1) to (1, 0); where it is
farthest from it (Satopaa et al. 2011, "Finding a kneedle in a haystack"), a further pick lowers epsilon by less than
picks do on average: its slope there is that of the chord.
"""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.facts import CoresetFacts
from craig_cli.registry import ALGORITHMS, load

MOST = 1000  # sizes in a curve; of longer ones as many, evenly spaced in the logarithm


def _is_ranked(facts: CoresetFacts) -> bool:
    """Whether the elements are the medoids that a greedy algorithm picked, in its order."""
    if facts.exemplar is not None:
        return facts.exemplar == "medoid" and facts.weights != "equal"  # those are of strata
    return facts.algorithm is None or facts.algorithm not in ALGORITHMS or load(ALGORITHMS, facts.algorithm).greedy


def curve_of(coreset: Coreset) -> dict:
    """The curve as plain values: n, size, algorithm, units, ranked, curve (size, epsilon), thinned, knee, knee_epsilon.

    Sizes that have no bound yet (some class has no element) are left out. knee is None where the coreset is not
    the greedy's own, or has fewer than three sizes; why_no_knee then says so.
    """
    facts = coreset.facts
    bounded = np.flatnonzero(np.isfinite(coreset.epsilon))
    why = None
    ranked = _is_ranked(facts)
    if not ranked:
        why = "its elements or weights are not those of the greedy, so that only the last epsilon says something"
    elif len(bounded) < 3 or not coreset.epsilon[bounded[0]] > coreset.epsilon[-1]:
        why = "too few sizes with a bound to see where it stops falling"
    size, epsilon = bounded + 1, coreset.epsilon[bounded]
    at = None if why else knee(size, epsilon)
    shown = thin(len(size), MOST, () if at is None else (at,))
    return {
        "n": facts.n,
        "size": len(coreset),
        "algorithm": facts.algorithm,
        "for": facts.purpose,
        "units": facts.units or "feature distance",
        "epsilon": float(epsilon[-1]) if len(epsilon) else None,
        "ranked": ranked,
        "knee": None if at is None else int(size[at]),
        "knee_epsilon": None if at is None else float(epsilon[at]),
        "why_no_knee": why,
        "thinned": len(shown) < len(size),
        "curve": {"size": size[shown].tolist(), "epsilon": epsilon[shown].tolist()},
    }


def knee(size: np.ndarray, epsilon: np.ndarray) -> int:
    """The position farthest below the chord, of a curve (m,) that falls; the first of several."""
    along = (size - size[0]) / (size[-1] - size[0])
    down = (epsilon - epsilon[-1]) / (epsilon[0] - epsilon[-1])
    return int(np.argmax(1.0 - along - down))


def thin(count: int, most: int, wanted: tuple[int, ...] = ()) -> np.ndarray:
    """At most about ``most`` positions of 0 .. count - 1, in order: the first, the last, and those ``wanted``."""
    if count <= most:
        return np.arange(count)
    spaced = np.rint(np.geomspace(1, count, most)).astype(np.int64) - 1
    return np.unique(np.concatenate([spaced, np.asarray(wanted, dtype=np.int64)]))


def some_sizes(sizes: list[int], knee_size: int | None, most: int = 12) -> list[int]:
    """Positions of a dozen sizes for a table, evenly spaced in the logarithm, the one of the knee among them."""
    wanted = np.rint(np.geomspace(sizes[0], sizes[-1], most))
    if knee_size is not None:
        wanted = np.append(wanted, knee_size)
    return np.unique(np.minimum(np.searchsorted(sizes, wanted), len(sizes) - 1)).tolist()
