"""Data of different kind for benchmarks: name -> () -> (training rows, labels, test rows, labels, is it a regression).

Columns are standardised and targets have variance 1, but for what ``RAW`` names, which selection sees as it is. Real
data where there is any, the rest made up; all of it small enough to train anything on all rows.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli import read_dataset
from tests.benchmarks.bench_selection import DATA

RAW = ("uneven", "census", "mnist", "text")
REAL = ("ijcnn1", "covtype", "mnist", "abalone", "housing")


def _split(rows, labels, regression=False, train=10_000, test=10_000, raw=False):
    order = np.random.default_rng(0).permutation(len(labels))
    train = min(train, len(labels) // 2)
    first, second = order[:train], order[train : train + test]
    known, unknown = rows[first], rows[second]
    if not raw:
        mean, spread = known.mean(axis=0), known.std(axis=0)
        spread[spread == 0.0] = 1.0
        known, unknown = (known - mean) / spread, (unknown - mean) / spread
    if regression:
        labels = (labels - labels[first].mean()) / labels[first].std()
    return known, labels[first], unknown, labels[second], regression


def _real(name, count, train, test, labels=lambda found: found, **how):
    data = read_dataset([str(DATA / name)])
    data = data.take(np.arange(min(count, data.n_rows)))
    rows = data.features.toarray() if data.is_sparse else np.asarray(data.features, dtype=np.float64)
    return _split(rows, labels(data.labels), train=train, test=test, **how)


def one_hot():
    """11 categorical features that depend on each other, 123 columns, labels by a logistic model."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((32_000, 3))
    columns, score = [], np.zeros(len(latent))
    for levels in (5, 8, 16, 7, 14, 6, 5, 2, 41, 8, 11):
        pull = 0.8 * latent @ rng.standard_normal((3, levels)) + rng.standard_normal(levels)
        level = (pull + rng.gumbel(size=pull.shape)).argmax(axis=1)
        columns.append(np.eye(levels)[level])
        score += 0.8 * rng.standard_normal(levels)[level]
    return _split(np.column_stack(columns), (score - 1.5 + rng.logistic(size=len(score)) > 0).astype(float), train=8000)


def letters():
    """26 classes of three clusters each in 16 columns of whole numbers."""
    rng = np.random.default_rng(5)
    label, cluster = rng.integers(0, 26, 24_000), rng.integers(0, 3, 24_000)
    centre = 1.5 * rng.standard_normal((26, 3, 16)) + rng.standard_normal((26, 1, 16))
    rows = centre[label, cluster] + rng.standard_normal((24_000, 16)) @ (0.35 * rng.standard_normal((16, 16)))
    return _split(np.round(1.5 * rows), label.astype(float), train=12_000)


def uneven():
    """12 columns in units from 1e-3 to 1e5, two of them log-normal; 7 % positives."""
    rng = np.random.default_rng(7)
    z = rng.standard_normal((30_000, 12)) @ (np.eye(12) + 0.3 * rng.standard_normal((12, 12)))
    score = z[:, 0] - 0.8 * z[:, 1] + 1.2 * np.sin(2 * z[:, 2]) * z[:, 3] + 0.7 * z[:, 4] ** 2
    score = 1.5 * (score + 1.5 * (z[:, 5] > 1) * (z[:, 6] > 0) + 0.5 * z[:, 7]) + rng.logistic(size=len(z))
    rows = z * [1, 1e4, 1e-2, 10, 1e3, 1, 0.1, 1e5, 1, 100, 1e-3, 1]
    rows[:, 8], rows[:, 9] = np.exp(1.5 * z[:, 8]), 50 * np.exp(z[:, 9])
    return _split(rows, (score > np.quantile(score, 0.93)).astype(float), train=14_000, raw=True)


def noisy():
    """One label in ten of the training rows is wrong."""
    rng = np.random.default_rng(8)
    x = rng.standard_normal((20_000, 10))
    labels = (x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.8 * x[:, 3] + 0.5 * x[:, 4] ** 2 > 0.5).astype(float)
    wrong = rng.random(10_000) < 0.1
    return x[:10_000], np.where(wrong, 1 - labels[:10_000], labels[:10_000]), x[10_000:], labels[10_000:], False


def heavy():
    """Columns of Student's t with two degrees of freedom, whose variance is infinite."""
    rng = np.random.default_rng(9)
    x = rng.standard_t(2, (20_000, 10))
    score = 2 * np.tanh(x[:, 0]) + 2 * np.abs(np.tanh(x[:, 1])) - 1 + 1.6 * np.tanh(x[:, 2] * x[:, 3])
    return _split(x, (score + 0.6 * rng.logistic(size=len(x)) > 0).astype(float))


def duplicates():
    """20,000 draws of 1,500 different rows, some of them very often."""
    rng = np.random.default_rng(10)
    often = rng.pareto(1.2, 1500) + 0.05
    x = np.round(rng.standard_normal((1500, 8))[rng.choice(1500, 20_000, p=often / often.sum())], 1)
    score = x[:, 0] * x[:, 1] + x[:, 2] - 0.5 * x[:, 3] + 0.5 * rng.logistic(size=len(x))
    return _split(x, (score > 0).astype(float))


def wide():
    """40 columns, of which 15 say something."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((20_000, 40))
    score = x[:, 0] * x[:, 1] + x[:, 2] - x[:, 3] + 0.7 * np.sin(3 * x[:, 4]) + 0.5 * x[:, 5:15].sum(axis=1)
    return _split(x, (score + rng.logistic(size=len(x)) > 0).astype(float))


def friedman():
    """Friedman's regression (1991), ten columns, five of them of no use."""
    rng = np.random.default_rng(13)
    x = rng.random((20_000, 10))
    target = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return _split(x, target + rng.standard_normal(len(x)), True)


def census():
    """Four numbers in their own units and eight categories, one-hot: 103 columns as they come."""
    rng = np.random.default_rng(14)
    n = 24_000
    age, hours = rng.gamma(6, 6, n) + 17, np.clip(rng.normal(40, 12, n), 1, 99)
    gain, school = (rng.random(n) < 0.08) * np.exp(rng.normal(8.5, 1, n)), rng.integers(1, 17, n)
    score = 0.04 * (age - 40) - 0.001 * (age - 45) ** 2 + 0.03 * (hours - 40) + 0.25 * (school - 10)
    score += 0.0003 * np.minimum(gain, 2e4) - 1.2
    columns = [age, hours, gain, school]
    for levels in (8, 16, 7, 14, 6, 5, 2, 41):
        level = rng.choice(levels, n, p=rng.dirichlet(np.full(levels, 0.7)))
        score += 0.5 * rng.standard_normal(levels)[level] * (1 + 0.03 * (school - 10))
        columns.append(np.eye(levels)[level])
    labels = (score + 0.7 * rng.logistic(size=n) > 0).astype(float)
    return _split(np.column_stack(columns), labels, train=12_000, raw=True)


def text():
    """Words of 12 topics in 3,000 columns, weighed as in tf-idf, rows of length 1; sparse."""
    rng = np.random.default_rng(11)
    n, words = 16_000, 3000
    topics = rng.gamma(0.25, size=(12, words)) / np.arange(1, words + 1)
    chance = rng.dirichlet(np.full(12, 0.3), n) @ (topics / topics.sum(axis=1, keepdims=True))
    counts = rng.poisson(chance * rng.integers(15, 80, n)[:, None])
    rows = sp.csr_matrix(counts, dtype=np.float64)
    rows = rows @ sp.diags(np.log(n / (1.0 + (counts > 0).sum(axis=0))))
    rows = sp.diags(1.0 / np.maximum(np.sqrt(rows.multiply(rows).sum(axis=1).A1), 1e-9)) @ rows
    score = np.asarray(rows @ (rng.standard_normal(words) * (rng.random(words) < 0.2))).ravel()
    labels = 2.0 * (score - score.mean()) / score.std() + rng.logistic(size=n) > 0.5
    return _split(rows.tocsr(), labels.astype(float), train=8000, raw=True)


SETS = {
    "ijcnn1": lambda: _real("ijcnn1.bz2", 24_000, 12_000, 12_000, lambda found: (found > 0).astype(float)),
    "covtype": lambda: _real("covtype.parquet", 20_000, 10_000, 10_000),
    "mnist": lambda: _real("mnist.train.parquet", 16_000, 8000, 8000, raw=True),
    "one-hot": one_hot,
    "letters": letters,
    "uneven": uneven,
    "noisy": noisy,
    "heavy": heavy,
    "duplicates": duplicates,
    "wide": wide,
    "census": census,
    "text": text,
    "abalone": lambda: _real("abalone.bz2", 4177, 2500, 1600, regression=True),
    "housing": lambda: _real("cal_housing.parquet", 20_640, 10_000, 10_000, regression=True),
    "friedman": friedman,
}
