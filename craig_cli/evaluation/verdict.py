"""What runs on chosen rows say (compare.py): who beats random rows, how many rows are enough, and what selection costs.

Two ways of one size differ where neither other seeds nor other rows to judge by would easily have it otherwise:

seeds  the 95 % interval of the paired differences (Student) leaves out 0; or, of three seeds and more, every score of
       one way is below every score of the other, which in noise alone three seeds do once in ten times, five once in
       126. Scores on few random rows are so skewed that the interval alone would need many seeds.
rows   where each row held out has a loss of its own, so does the 95 % interval of their mean differences
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from craig_cli.evaluation.compare import RANDOM, Run

NORMAL = 1.96  # 97.5 %
APART = 3  # seeds
ROUNDING = 1e-12


@dataclass(frozen=True)
class Line:
    """The runs of one way and size: medians over the seeds.

    against  -1 better than random rows of that size, 1 worse, 0 within the noise; None: not known
    difference, noise  mean paired difference to those, and what of it rows held out leave open, None if not known
    """

    way: str
    size: int
    scores: list[float]
    score: float
    values: dict[str, float]
    select_seconds: float | None
    train_seconds: float
    against: int | None = None
    difference: float | None = None
    noise: float | None = None


@dataclass(frozen=True)
class Verdict:
    """All lines; the whole is that of all rows, ``limit`` the score that is near enough to it.

    enough     the line of the fewest rows that are within the limit, None where none are
    resolution  two models of which one has that line's rows are told apart by the rows held out if they differ by
                more; None where that is not known
    """

    whole: Line
    lines: list[Line]
    limit: float
    enough: Line | None
    resolution: float | None


def judge(whole: list[Run], runs: Sequence[list[Run]], within: float) -> Verdict:
    """The verdict on ``runs``, lists of the seeds of one way and size; ``within``: share of the score of all rows."""
    random = {each[0].size: each for each in runs if each[0].way == RANDOM}
    reference = _line(whole, None)
    lines = [_line(each, random.get(each[0].size) if each[0].way != RANDOM else None) for each in runs]
    limit = reference.score + within * abs(reference.score)
    near = [line for line in lines if _stays_within(line, lines, limit)]
    enough = None
    if near:
        fewest = [line for line in near if line.size == min(each.size for each in near)]
        # Where random rows will do, nothing has to be selected.
        enough = min(fewest, key=lambda line: (line.way != RANDOM, line.score))
    resolution = None
    shown = enough or min(lines, key=lambda line: line.score)
    mine = next(each for each in runs if (each[0].way, each[0].size) == (shown.way, shown.size))
    if mine[0].judged.losses is not None:
        apart = np.mean([_apart(each, whole[0]) for each in mine], axis=0)
        resolution = float(NORMAL * apart.std() / np.sqrt(len(apart)))
    return Verdict(reference, lines, limit, enough, resolution)


def _stays_within(line: Line, lines: list[Line], limit: float) -> bool:
    """Whether this size and the larger ones of its way are within the limit: one lucky size is not enough."""
    return all(each.score <= limit for each in lines if each.way == line.way and each.size >= line.size)


def _line(runs: list[Run], random: list[Run] | None) -> Line:
    scores = [each.judged.score for each in runs]
    keys = [key for key in runs[0].judged.values if all(key in each.judged.values for each in runs)]
    against = difference = noise = None
    if random is not None and len(runs) == len(random) > 1:
        difference, noise, beyond = paired(runs, random)
        against = int(np.sign(difference)) if beyond else 0
    return Line(
        way=runs[0].way,
        size=runs[0].size,
        scores=scores,
        score=float(np.median(scores)),
        values={key: float(np.median([each.judged.values[key] for each in runs])) for key in keys},
        select_seconds=_median(each.select_seconds for each in runs),
        train_seconds=float(np.median([each.judged.seconds for each in runs])),
        against=against,
        difference=difference,
        noise=noise,
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _apart(one: Run, other: Run) -> np.ndarray:
    """(m,) the difference of their losses on each row."""
    assert one.judged.losses is not None and other.judged.losses is not None
    return one.judged.losses - other.judged.losses


def paired(ours: list[Run], theirs: list[Run]) -> tuple[float, float | None, bool]:
    """(mean difference of the scores, what the rows leave open of it or None, whether it is beyond noise) of runs of
    the same seeds, at least two.
    """
    scores, others = (np.array([each.judged.score for each in runs]) for runs in (ours, theirs))
    differences = scores - others
    size = abs(float(differences.mean()))
    by_seeds = size > stdtrit(len(differences) - 1, 0.975) * differences.std(ddof=1) / np.sqrt(len(differences))
    apart = len(differences) >= APART and (scores.max() < others.min() or others.max() < scores.min())
    beyond = size > ROUNDING * np.abs(others).max() and (by_seeds or apart)
    if any(each.judged.losses is None for each in (*ours, *theirs)):
        return float(differences.mean()), None, bool(beyond)
    each_row = np.mean([_apart(one, other) for one, other in zip(ours, theirs)], axis=0)
    noise = float(NORMAL * each_row.std() / np.sqrt(len(each_row)))
    return float(differences.mean()), noise, bool(beyond and size > noise)


def sentences(verdict: Verdict, n_rows: int, within: float, score: str) -> list[str]:
    """The verdict in words; ``score``: what the number is called, n_rows: of the training data."""
    texts = [_enough(verdict, n_rows, within, score), *_against_random(verdict, n_rows), _costs(verdict)]
    near = within * abs(verdict.whole.score)
    if verdict.resolution is not None and verdict.resolution > near:
        texts.append(
            f"The rows held out tell a {score} only to within {verdict.resolution:.2g}, {100 * within:g} % are "
            f"{near:.2g}: more of them (--test), or a wider --within, would make this sure."
        )
    return texts


def share(size: int, n_rows: int) -> str:
    """A size in per cent of the rows."""
    return f"{100 * size / n_rows:.3g} %"


def _by(line: Line) -> str:
    return "drawn at random" if line.way == RANDOM else f"chosen by {line.way}"


def _enough(verdict: Verdict, n_rows: int, within: float, score: str) -> str:
    whole, enough = verdict.whole, verdict.enough
    if enough is None:
        best = min(verdict.lines, key=lambda line: line.score)
        return (
            f"None of these sizes is enough: {share(best.size, n_rows)} of the rows, {_by(best)}, come nearest, with a "
            f"{score} of {best.score:.5g} where all rows have {whole.score:.5g}; try more rows, or a wider --within."
        )
    text = (
        f"{share(enough.size, n_rows)} of the rows ({enough.size:,}) are enough: {_by(enough)} they have a {score} of "
        f"{enough.score:.5g}, all rows {whole.score:.5g} (within {100 * within:g} %)"
    )
    if enough.way == RANDOM:
        return text + "; nothing has to be selected for that."
    sizes = [
        line.size for line in verdict.lines if line.way == RANDOM and _stays_within(line, verdict.lines, verdict.limit)
    ]
    if not any(line.way == RANDOM for line in verdict.lines):
        return text + "."
    return text + (
        f"; random rows need {share(min(sizes), n_rows)}." if sizes else "; random rows of none of these sizes are."
    )


def _against_random(verdict: Verdict, n_rows: int) -> list[str]:
    lines = [line for line in verdict.lines if line.against is not None]
    if not lines:
        return ["With one seed there is no telling what of this is noise; give --seeds 3 or more."]
    texts = []
    for sign, words in ((-1, "Better than random rows"), (1, "Worse than random rows")):
        ways = dict.fromkeys(line.way for line in lines if line.against == sign)
        parts = []
        for way in ways:
            sizes = [share(line.size, n_rows) for line in lines if (line.way, line.against) == (way, sign)]
            parts.append(f"{way} at {', '.join(sizes)}")
        if parts:
            texts.append(f"{words}: {'; '.join(parts)}.")
    if not texts:
        return ["Nothing here differs from random rows by more than the noise."]
    if not any(line.against == -1 for line in lines):
        texts.insert(0, "Nothing here is better than random rows by more than the noise.")
    if any(line.against == 0 for line in lines):
        texts[-1] = texts[-1][:-1] + "; all else is within the noise."
    return texts


def _costs(verdict: Verdict) -> str:
    """Of what is enough; else of the best there is."""
    selected = [line for line in verdict.lines if line.way != RANDOM]
    line = verdict.enough or min(selected or verdict.lines, key=lambda each: each.score)
    saved = verdict.whole.train_seconds - line.train_seconds
    text = (
        f"One training takes {verdict.whole.train_seconds:.3g} s on all rows and {line.train_seconds:.3g} s on "
        f"{line.size:,}"
    )
    if line.way == RANDOM or line.select_seconds is None:
        return text + "."
    text += f", selecting those by {line.way} {line.select_seconds:.3g} s"
    if saved <= 0.0:
        return text + ": it never pays."
    times = int(np.ceil(line.select_seconds / saved))
    return text + (": it pays from the first training on." if times <= 1 else f": it pays after {times:,} trainings.")
