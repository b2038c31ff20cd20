"""What a user gets who says nothing but how much: the default beside random rows and the ways it was chosen from.

    python -m tests.benchmarks.bench_default                       every set at 1 %, 5 % and 10 %
    python -m tests.benchmarks.bench_default ijcnn1 svm 10         some of them, at some percentages
    python -m tests.benchmarks.bench_default svm 1 --seeds 20

Residual: full objective (l2 1e-5, intercept free) of the model that is optimal on the coreset, less the optimum of all
rows; of svm, the test error of an RBF SVM (C 1, 10 and 16 with gamma "scale", 2 and 4) on 20,000 test rows of ijcnn1,
of svm-one-hot the same (C 1 and 10, gamma "scale") of 6,000 rows of one-hot.
Each cell is the median and the worst of SEEDS seeds, over the median of random rows. The last column is the seconds of
one selection by default, without reading the data. The picks of a set are made once for the ways that share them.
"""

from __future__ import annotations

import argparse
import time
from functools import cache, partial

import numpy as np
import scipy.sparse as sp

from craig_cli import read_dataset
from craig_cli.dataset import from_arrays
from craig_cli.guided.pilot import select_with_pilot
from craig_cli.guided.policy import ROUNDS
from craig_cli.guided.rough_model import rough_model
from craig_cli.selection.classes import class_parts
from craig_cli.selection.groups import build_groups
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.selection.weights.clusters import Clusters, draw_members
from craig_cli.selection.weights.targets import Target, calibrated_weights
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.benchmarks.bench_pilot import L2, TOL, covtype, housing, mnist
from tests.benchmarks.bench_selection import DATA, ijcnn1

SEEDS = 5
PERCENTAGES = (1, 5, 10)
MACHINES = {
    "svm": ((1.0, "scale"), (10.0, 2.0), (16.0, 4.0)),
    "svm-one-hot": ((1.0, "scale"), (10.0, "scale")),
}  # C, gamma
TEST_ROWS = 20_000


def one_hot():
    """32,000 rows of 11 categorical features that depend on each other, 123 columns, labels by a logistic model."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((32_000, 3))
    columns, score = [], np.zeros(len(latent))
    for levels in (5, 8, 16, 7, 14, 6, 5, 2, 41, 8, 11):
        pull = 0.8 * latent @ rng.standard_normal((3, levels)) + rng.standard_normal(levels)
        level = (pull + rng.gumbel(size=pull.shape)).argmax(axis=1)
        columns.append(np.eye(levels)[level])
        score += 0.8 * rng.standard_normal(levels)[level]
    return np.column_stack(columns), (score - 1.5 + rng.logistic(size=len(score)) > 0).astype(float), False


def sparse_binary():
    """50,000 rows of 300 binary columns, few of them 1, with 3 % positives."""
    rng = np.random.default_rng(1)
    share = np.minimum(0.5, 0.6 / np.arange(1, 301) ** 0.7)
    pull = np.log(share / (1.0 - share)) + 0.7 * rng.standard_normal((50_000, 4)) @ rng.standard_normal((4, 300))
    rows = (pull + rng.logistic(size=pull.shape) > 0).astype(float)
    score = rows @ (1.2 * rng.standard_normal(300) * (rng.random(300) < 0.3)) + rng.logistic(size=len(rows))
    return rows, (score > np.quantile(score, 0.97)).astype(float), False


def abalone():
    """Ridge regression; columns and target of mean 0 and variance 1."""
    data = read_dataset([str(DATA / "abalone.bz2")])
    rows = data.features.toarray() if sp.issparse(data.features) else data.features
    table = np.column_stack([rows, data.labels])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    return table[:, :-1], table[:, -1], True


SETS = {
    "ijcnn1": lambda: (*ijcnn1(), False),
    "covtype": lambda: (*covtype(), False),
    "one-hot": one_hot,
    "sparse": sparse_binary,
    "housing": lambda: (*housing(), True),
    "abalone": abalone,
    "mnist": lambda: (*mnist(100, 3), False),
}


def ways(dataset, loss, fraction, design):
    """name -> function of a seed that gives (rows, weights)."""
    plan = Plan.paper(fraction=fraction, loss=loss)
    paper = select_dataset(dataset, plan)
    groups, _ = build_groups(dataset, dataset.features, class_parts(dataset, loss, None, True), plan)
    clusters = []
    for group in groups:
        place = np.full(dataset.n_rows, -1)
        place[group.rows] = np.arange(len(group.rows))
        picks = place[paper.index][place[paper.index] >= 0]
        nearest = group.space.assign(picks, np.ones(len(group.rows)), 1e-6)[0]
        clusters.append(Clusters(picks, nearest, np.bincount(nearest, minlength=len(picks)).astype(float), picks))
    counts = [each.counts for each in clusters]
    medoids = [each.exemplars for each in clusters]

    @cache
    def model(seed):
        return rough_model(dataset, design.loss, L2, picks=len(paper), rounds=ROUNDS, vectors=False, seed=seed).found

    def way(members, fitted, seed):
        chosen = medoids
        if members:
            chosen = [draw_members(group, each, np.random.default_rng(seed)) for group, each in zip(groups, clusters)]
        weights = counts
        if fitted:
            gradients = model(seed).gradients if fitted == "model" else None
            weights, _ = calibrated_weights(dataset, groups, chosen, counts, Target(None, gradients))
        return np.concatenate([group.rows[part] for group, part in zip(groups, chosen)]), np.concatenate(weights)

    def whole(select, seed):
        coreset = select(fraction=fraction, loss=loss, seed=seed)
        return coreset.index, coreset.weight

    def drawn(algorithm, **asked):
        return select_dataset(dataset, Plan.paper(algorithm=algorithm, **asked))

    def pilot(**asked):
        return select_with_pilot(dataset, Plan(l2=L2, **asked))[0]

    def default(**asked):
        return select_dataset(dataset, Plan(**asked))

    return {
        "random": partial(whole, partial(drawn, "random")),
        "medoid, count (the paper)": partial(way, False, None),
        "medoid, class means": partial(way, False, "means"),
        "medoid, at a rough model": partial(way, False, "model"),
        "member, count": partial(way, True, None),
        "member, class means": partial(way, True, "means"),
        "member, at a rough model": partial(way, True, "model"),
        "strata": partial(whole, partial(drawn, "strata")),
        "--pilot": partial(whole, pilot),
        "default": partial(whole, default),
    }


def table(name, percentages, seeds, dataset, loss, design, measures):
    """Print a line a way; ``measures``: name -> function of (rows, weights) that is to be small."""
    for percent in percentages:
        print(f"\n{name}, {dataset.n_rows:,} x {dataset.n_features}, {percent} %: " + ", ".join(measures))
        base = {}
        for way, choose in ways(dataset, loss, percent / 100, design).items():
            begun = time.perf_counter()
            chosen = [choose(seed) for seed in range(seeds)]
            seconds = (time.perf_counter() - begun) / seeds
            cells = []
            for measure, function in measures.items():
                found = [function(*each) for each in chosen]
                median, worst = float(np.median(found)), max(found)
                base.setdefault(measure, median)
                ratio = median / base[measure]
                cells.append(f"{median:9.2e} (worst {worst:8.1e}, {ratio:6.2g} of random)")
            clock = f"{seconds:8.2f} s" if way == "default" else ""
            print(f"{way:30s}" + "".join(cells) + clock, flush=True)


def run(name, percentages, seeds=SEEDS):
    """The table of one set."""
    kernel = name in MACHINES
    features, labels, regression, *test = (KERNEL_SETS if kernel else SETS)[name]()
    features = features.toarray() if sp.issparse(features) else features
    dataset = from_arrays(features, labels)
    loss = "squared" if regression else None
    design = build_design(dataset, loss or "logistic", L2)
    best = newton(design, np.zeros((design.n_outputs, design.width)), TOL).coef

    def train(index, weights):
        return newton(design.take(index, weights), best, TOL).coef

    def value(coef):
        return design.objective(coef, design.margins(coef))

    if kernel:
        measures = machines(MACHINES[name], features, labels, *test)
    else:
        measures = {"residual": lambda index, weights: value(train(index, weights)) - value(best)}
    table(name, percentages, seeds, dataset, loss, design, measures)


def machines(settings, features, labels, test_features, test_labels):
    """name -> test error of an SVM trained on (rows, weights)."""
    from sklearn.svm import SVC

    def error(penalty, gamma, index, weights):
        machine = SVC(C=penalty, gamma=gamma).fit(features[index], labels[index], sample_weight=weights)
        return float((machine.predict(test_features) != test_labels).mean())

    return {f"C {penalty:g} gamma {gamma}": partial(error, penalty, gamma) for penalty, gamma in settings}


def ijcnn1_and_test():
    """The training rows of ijcnn1, and some of its test rows."""
    test = read_dataset([str(DATA / "ijcnn1.t.bz2")]).take(np.random.default_rng(0).permutation(91_701)[:TEST_ROWS])
    rows = test.features.toarray() if sp.issparse(test.features) else test.features
    return *ijcnn1(), False, rows, test.labels


def one_hot_and_test():
    """The rows of one_hot, 6,000 of them to test on."""
    rows, labels, _ = one_hot()
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = order[6000:], order[:6000]
    return rows[train], labels[train], False, rows[test], labels[test]


KERNEL_SETS = {"svm": ijcnn1_and_test, "svm-one-hot": one_hot_and_test}


def main():
    """Run the named sets, at the percentages that are named; all need the real data."""
    if not DATA.is_dir():
        print(f"needs the real data in {DATA.name}/, skipped")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*", metavar="SET|PERCENT")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    percentages = [int(word) for word in arguments.words if word.isdigit()] or PERCENTAGES
    for name in [word for word in arguments.words if not word.isdigit()] or [*SETS, *KERNEL_SETS]:
        run(name, percentages, arguments.seeds)


if __name__ == "__main__":
    main()
