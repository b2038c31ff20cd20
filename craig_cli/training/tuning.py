"""Choosing the step and its decay by trying, as the paper does in section 5.1 ("a large number of
combinations").

The pairs tried are the auto step times 1/16, 1/4, 1, 4 and 16 with each of four decays of the schedule.

grid     every pair runs for all the epochs
halving  every pair runs for a ninth of the epochs, the best third for a third, their best third for all
         (successive halving, Jamieson and Talwalkar 2016), on schedules laid out for all the epochs

The score is the training objective in the end, or the best loss on the validation data. A pair that
diverges scores inf. Pairs run in threads, each on its own, so the choice does not depend on the number of
threads. The seconds of a try are kernel time, as those of an epoch are: what tuning costs is their sum.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

from craig_cli.errors import DataError, UsageError
from craig_cli.training.schedules import DECAYS_TO_TRY

FACTORS = (1.0, 0.25, 4.0, 0.0625, 16.0)  # of equal scores the earlier wins
_CUT = 3


def choose_step(setup, tune: str, schedule: str, step: float | None, decay: float | None):
    """(step, decay, tries): the best pair for ``setup`` (loop.Setup), and a dict for each that was tried.

    A ``step`` or ``decay`` that is given stays as it is; UsageError where that leaves nothing to choose,
    DataError where every pair diverges.
    """
    pairs = list(product(_steps(setup, step), _decays(setup, schedule, decay)))
    if len(pairs) == 1:
        raise UsageError("--tune: nothing to choose, the step and its decay are given")
    rungs = [setup.epochs]
    if tune == "halving":
        rungs = [max(1, setup.epochs // _CUT**2), max(1, setup.epochs // _CUT), setup.epochs]
    tries = []
    for rung, epochs in enumerate(rungs):
        scores, seconds = zip(*_run_all(setup, schedule, pairs, epochs))
        for (a, b), score, time in zip(pairs, scores, seconds):
            tried = {"score": score if math.isfinite(score) else None, "seconds": time}
            tries.append({"step": a, "decay": b, "epochs": epochs, **tried})
        ranked = sorted(range(len(pairs)), key=lambda index: (scores[index], index))
        if not math.isfinite(scores[ranked[0]]):
            raise DataError(f"--tune: the objective diverged at every step down to {min(a for a, _ in pairs):g}")
        keep = 1 if rung == len(rungs) - 1 else math.ceil(len(pairs) / _CUT)
        pairs = [pairs[index] for index in ranked[:keep]]
    return *pairs[0], tries


def _steps(setup, step: float | None) -> list[float]:
    if step is not None:
        return [step]
    first, _ = setup.auto_steps()
    return [first * factor for factor in FACTORS]


def _decays(setup, schedule: str, decay: float | None) -> list[float | None]:
    if decay is not None or schedule == "constant":
        return [decay]
    if schedule != "auto":
        return list(DECAYS_TO_TRY[schedule])
    first, last = setup.auto_steps()
    if first == last:
        return [None]
    # None is the schedule's own, which depends on the step.
    own = (math.sqrt(first / last) - 1.0) / max(1, setup.epochs - 1)
    return [None, own / 3, own * 3, own * 9]


def _run_all(setup, schedule: str, pairs: list, epochs: int) -> list[tuple[float, float | None]]:
    """(score, seconds) of each pair; the seconds of one that diverges are not known."""
    from craig_cli.training.loop import train

    alone = replace(setup, threads=1, monitors=(), options={**setup.options, "threads": 1})
    stopped = threading.Event()

    def check(done: int, total: int) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    def score(pair) -> tuple[float, float | None]:
        try:
            history = train(alone, schedule, *pair, epochs=epochs, measured=False, progress=check).history
        except DataError:
            return math.inf, None
        seconds = round(history[-1]["seconds"] - setup.seconds, 6)
        if setup.validation is not None:
            return min(entry["validation_loss"] for entry in history), seconds
        return history[-1]["objective"], seconds

    pool = ThreadPoolExecutor(setup.threads)
    try:
        return list(pool.map(score, pairs))
    except BaseException:
        stopped.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
