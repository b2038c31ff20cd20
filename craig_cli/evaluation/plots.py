"""Figures of what ``craig eval`` measures: arrays in, the bytes of a PNG or SVG out, the same bytes every time.

Lines differ by dash and marker and not by colour alone, so that they can be told apart in grey. matplotlib is needed
(the extra ``plot``) and imported only here.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Sequence

import numpy as np

from craig_cli.errors import UsageError
from craig_cli.evaluation.gradient_comparison import Comparison
from craig_cli.evaluation.history import Run
from craig_cli.evaluation.verdict import Verdict

FORMATS = {".png": "png", ".svg": "svg"}
STYLES = (
    {"linestyle": "-", "marker": "o", "color": "#000000"},
    {"linestyle": "--", "marker": "s", "color": "#c23b22"},
    {"linestyle": "-.", "marker": "^", "color": "#1f5fa8"},
    {"linestyle": ":", "marker": "D", "color": "#3a7d44"},
    {"linestyle": (0, (5, 1)), "marker": "v", "color": "#8a5a9e"},
    {"linestyle": (0, (3, 1, 1, 1, 1, 1)), "marker": "P", "color": "#b8860b"},
    {"linestyle": (0, (1, 3)), "marker": "X", "color": "#5f5f5f"},
)
MARKER_DISTANCE = 0.09  # of the axes' diagonal
_SETTINGS: dict = {
    "svg.hashsalt": "craig",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is there everywhere
    "font.size": 9.0,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plot_format(path: str | os.PathLike) -> str:
    """ "png" or "svg" by the ending of ``path``. Raises UsageError for another one, and where matplotlib is missing."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in FORMATS:
        raise UsageError(f"--plot {path}: expected a name that ends in {' or '.join(FORMATS)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib, which is not installed; install craig with its extra: pip install 'craig[plot]'"
        ) from None
    return FORMATS[ending]


def _alike_everywhere(draw):
    """``draw`` under this module's settings, whatever those of the user are; they are back afterwards."""

    @functools.wraps(draw)
    def drawn(*args, **options):
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_SETTINGS)
            return draw(*args, **options)

    return drawn


@_alike_everywhere
def plot_histories(runs: Sequence[Run], optimum: float | None, form: str) -> bytes:
    """Residual (or, without an ``optimum``, objective) and error against seconds and gradient evaluations.

    Seconds include each run's offset, before which its line does not begin. A row of panels for the error is there
    where a run has one. Residuals of 0 or less, which a logarithm cannot show, are left out.
    """
    errors = any(run.error is not None for run in runs)
    figure, axes = _figure(2 if errors else 1, 2)
    for run, style in _styled(runs):
        value = run.objective if optimum is None else run.residual(optimum)
        shown = np.isfinite(value) & ((value > 0) | (optimum is None))
        label = run.name + (f" (from {run.offset:.3g} s)" if run.offset else "")
        for column, along in enumerate((run.seconds, run.evaluations)):
            _line(axes[0][column], along[shown], value[shown], style, label)
            if run.error is not None:
                _line(axes[1][column], along, run.error, style, label)
    on = _common([run.measured_on for run in runs]) or "training rows"
    for column, unit in enumerate(("seconds", "gradient evaluations")):
        axes[0][column].set_ylabel(f"objective on {on}" if optimum is None else f"objective - optimum, {on}")
        if optimum is not None:
            axes[0][column].set_yscale("log")
        if errors:
            kinds = {run.error_kind for run in runs if run.error_kind is not None and run.error is not None}
            kind = {"error_rate": "error rate", "rmse": "RMSE"}[min(kinds)]
            test = _common([run.error_on for run in runs if run.error is not None])
            axes[1][column].set_ylabel(f"{kind} on {test}" if test else kind)
        axes[-1][column].set_xlabel(unit)
    _legend(figure, axes[0][0])
    return _bytes(figure, form)


@_alike_everywhere
def plot_gradient_errors(comparisons: Sequence[tuple[str, Comparison]], form: str) -> bytes:
    """Figure 2: of each (name, Comparison) the normalised errors along the path and in the ball, on a row of panels.

    The points of the ball are in no order, so each line is sorted. Random subsets are thin, their mean is thick.
    """
    inside = any(len(compared.ball.error) for _, compared in comparisons)
    figure, axes = _figure(len(comparisons), 2 if inside else 1)
    for (name, compared), row in zip(comparisons, axes):
        unit = compared.largest_full_norm or 1.0
        epochs: np.ndarray = np.arange(len(compared.path.error))
        for axis, part, along in zip(row, (compared.path, compared.ball), (epochs, None)):
            errors, random = part.error / unit, part.random / unit
            if along is None:
                errors, random = np.sort(errors), np.sort(random, axis=1)
                along = np.arange(1, len(errors) + 1) / max(1, len(errors))
            for number, each in enumerate(random):
                label = "random subsets" if number == 0 else None
                axis.plot(along, each, color="#b5b5b5", linewidth=0.7, label=label, zorder=1)
            if len(random):
                _line(axis, along, random.mean(axis=0), STYLES[1], "their mean")
            _line(axis, along, errors, STYLES[0], "coreset")
            if compared.epsilon is not None:
                axis.axhline(compared.epsilon / unit, color="#1f5fa8", linestyle=(0, (6, 2)), label="epsilon")
            axis.set_yscale("log")
        row[0].set_ylabel(f"{name}\ngradient error / largest full gradient")
        row[0].set_xlabel("epoch of the training path")
        if inside:
            row[1].set_xlabel(f"share of random points, ||(w, b)|| <= {compared.radius:.4g}")
    _legend(figure, axes[0][0])
    return _bytes(figure, form)


@_alike_everywhere
def plot_curves(
    curves: Sequence[tuple[str, Sequence[int], Sequence[float], int | None]], units: str, form: str
) -> bytes:
    """epsilon against size for each (name, size (m,), epsilon (m,), the size where the bound flattens or None)."""
    figure, axes = _figure(1, 1)
    axis = axes[0][0]
    for (name, sizes, epsilons, knee), style in _styled(curves):
        size, epsilon = np.asarray(sizes), np.asarray(epsilons)
        _line(axis, size, epsilon, style, name)
        if knee is not None:
            at = int(np.searchsorted(size, knee))
            axis.plot(
                size[at], epsilon[at], marker="*", markersize=13, color=style["color"], markeredgecolor="white",
                linestyle="none", zorder=5, label=f"the bound flattens: {knee:,}",
            )  # fmt: skip
    axis.set_xlabel("size (rows)")
    axis.set_ylabel(f"epsilon ({units})")
    axis.set_ylim(bottom=0)
    _legend(figure, axis)
    return _bytes(figure, form)


@_alike_everywhere
def plot_sizes(verdict: Verdict, n_rows: int, score: str, form: str) -> bytes:
    """The score, and where it is known what the objective is above its optimum, against the share of ``n_rows``.

    A line a way, through the medians, from the least to the greatest of the seeds; all rows are a dashed line.
    """
    ways = list(dict.fromkeys(line.way for line in verdict.lines))
    residuals = any("residual" in line.values for line in verdict.lines)
    figure, axes = _figure(1, 2 if residuals else 1)
    for way, style in _styled(ways):
        lines = [line for line in verdict.lines if line.way == way]
        along = np.array([100.0 * line.size / n_rows for line in lines])
        middle = np.array([line.score for line in lines])
        low, high = (np.array([pick(line.scores) for line in lines]) for pick in (min, max))
        _line(axes[0][0], along, middle, style, way)
        axes[0][0].vlines(along, low, high, color=style["color"], linewidth=0.8)
        if residuals:
            above = np.array([line.values.get("residual", np.nan) for line in lines])
            _line(axes[0][1], along[above > 0], above[above > 0], style, way)
    axes[0][0].axhline(verdict.whole.score, color="#1f5fa8", linestyle=(0, (6, 2)), label="all rows")
    axes[0][0].set_ylabel(f"{score} of the rows held out")
    if residuals:
        axes[0][1].set_ylabel("objective above its optimum on all rows")
        axes[0][1].set_yscale("log")
    ticks = sorted({100.0 * line.size / n_rows for line in verdict.lines})
    for axis in axes[0]:
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axis.set_xlabel("rows (%)")
    _legend(figure, axes[0][0])
    return _bytes(figure, form)


def _figure(rows: int, columns: int):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * columns, 3.2 * rows + 0.3), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _legend(figure, axis) -> None:
    """Below the panels, where it covers nothing."""
    handles, labels = axis.get_legend_handles_labels()
    columns = max(1, min(len(labels), int(15 * figure.get_figwidth()) // (10 + max(map(len, labels)))))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=3.5)


def _bytes(figure, form: str) -> bytes:
    # Neither the day nor the program's version belongs into the bytes.
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=metadata)
    return stream.getvalue()


def _styled(things: Sequence):
    return [(thing, STYLES[number % len(STYLES)]) for number, thing in enumerate(things)]


def _line(axis, along: np.ndarray, value: np.ndarray, style: dict, label: str | None) -> None:
    """A line with markers at some distance from each other, however many points it has."""
    shown = np.isfinite(value)
    mark = {"markevery": MARKER_DISTANCE, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axis.plot(along[shown], value[shown], label=label, **mark, **style)


def _common(names: list[str | None]) -> str | None:
    """The one name that all have; otherwise what they have in common is not worth saying."""
    return names[0] if len(set(names)) == 1 else None
