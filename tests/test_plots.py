"""Pictures: the right kind of file, the same bytes each time, and with the words that a reader needs."""

from __future__ import annotations

import html
import re
import sys

import numpy as np
import pytest

from craig_cli.errors import UsageError
from craig_cli.evaluation.gradient_comparison import Comparison, Errors
from craig_cli.evaluation.history import Run
from craig_cli.evaluation.plots import STYLES, plot_curves, plot_format, plot_gradient_errors, plot_histories

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")


def run(name: str = "a", error: bool = True, offset: float = 0.0) -> Run:
    epoch = np.arange(20)
    return Run(
        name=name,
        epoch=epoch,
        seconds=offset + 0.1 * epoch,
        evaluations=1000.0 * epoch,
        objective=1.0 + 0.5**epoch,
        measured_on="train.libsvm" if error else None,
        error=0.2 + 0.1 * 0.5**epoch if error else None,
        error_kind="error_rate" if error else None,
        error_on="test.libsvm" if error else None,
        offset=offset,
    )


def curve(name: str = "c", knee: int | None = 4):
    size = np.arange(2, 60)
    return name, size, 100.0 / size, knee


def comparison(epsilon: float | None = 7.0, points: int = 6) -> Comparison:
    def errors(count: int) -> Errors:
        along = np.arange(1.0, count + 1)
        random = np.array([along, 2 * along])
        return Errors(along, 2 * along, 0.1 * along, random, along < 3)

    return Comparison(errors(5), errors(points), 3.0, epsilon)


def words(svg: bytes) -> str:
    """The text of an SVG: glyphs are drawn as paths, with what they say in a comment."""
    return html.unescape(" ".join(re.findall(r"<!-- (.*?) -->", svg.decode())))


@pytest.mark.parametrize("form, start", [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_same_bytes_each_time_whatever_the_settings(form, start):
    draw = [
        lambda: plot_histories([run(), run("b", offset=1.5)], 1.0, form),
        lambda: plot_histories([run(error=False)], None, form),
        lambda: plot_gradient_errors([("c", comparison()), ("d", comparison(None))], form),
        lambda: plot_gradient_errors([("c", comparison(points=0))], form),
        lambda: plot_curves([curve(), curve("d", None)], "feature distance", form),
    ]
    for picture in draw:
        first = picture()
        with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "other", "lines.linewidth": 9}):
            assert picture() == first
            assert matplotlib.rcParams["font.size"] == 30
        assert first.startswith(start)
        assert b"<dc:date>" not in first


def test_axes_and_legend_say_what_is_shown():
    text = words(plot_histories([run(), run("b", offset=1.5)], 1.0, "svg"))
    for expected in (
        "seconds",
        "gradient evaluations",
        "objective - optimum, train.libsvm",
        "error rate on test.libsvm",
        "a",
        "b (from 1.5 s)",
    ):
        assert expected in text
    text = words(plot_histories([run(error=False)], None, "svg"))
    assert "objective on training rows" in text
    assert "error rate" not in text
    text = words(plot_gradient_errors([("c.parquet", comparison())], "svg"))
    for expected in (
        "c.parquet",
        "gradient error / largest full gradient",
        "epoch of the training path",
        "share of random points, ||(w, b)|| <= 3",
        "random subsets",
        "their mean",
        "coreset",
        "epsilon",
    ):
        assert expected in text
    assert "epsilon" not in words(plot_gradient_errors([("c", comparison(None))], "svg"))
    text = words(plot_curves([curve()], "gradient norm", "svg"))
    for expected in ("size (rows)", "epsilon (gradient norm)", "the bound flattens: 4"):
        assert expected in text


def test_lines_can_be_told_apart_without_colour():
    assert len({(str(style["linestyle"]), style["marker"]) for style in STYLES}) == len(STYLES)
    assert len({style["marker"] for style in STYLES}) == len(STYLES)


def test_what_a_logarithm_cannot_show_is_left_out():
    below = plot_histories([run()], 1.5, "svg")  # most residuals are negative
    assert below != plot_histories([run()], 1.0, "svg")
    plot_histories([run()], 5.0, "png")  # all are


def test_endings():
    assert plot_format("a.PNG") == "png"
    assert plot_format("b/c.svg") == "svg"
    with pytest.raises(UsageError, match=r"--plot a\.pdf: expected a name that ends in \.png or \.svg"):
        plot_format("a.pdf")


def test_without_matplotlib_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'craig\[plot\]'"):
        plot_format("a.png")
