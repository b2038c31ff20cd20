"""Is the default good for every trainer on data nobody tuned it for? Sets of different kind x trainers, beside random.

    python -m tests.benchmarks.bench_default                         every set at 5 %
    python -m tests.benchmarks.bench_default ijcnn1 uneven 1 5 10    some of them, at some percentages
    python -m tests.benchmarks.bench_default --seeds 10 --map map.svg
    python -m tests.benchmarks.bench_default --try 2,1 --try 4,1     with other numbers in the recipe beside it

Each seed keeps a random 80 % of the training rows, selects from those, trains on what was selected with weights of mean
1 and counts the errors on the test rows. A cell is the mean excess of the error over that of all rows, divided by the
same of random rows of each class (at least 5 % of their error, so that nothing is divided by nothing), and in how many
seeds the error is below theirs. "linear" is the loss of all rows above the optimum at the model that is optimal on the
coreset (l2 1e-5), medians, not by test data. --map draws the cells of the default as a heat map.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.guided.policy import select_for
from craig_cli.registry import RECIPES
from craig_cli.selection.plan import Plan
from craig_cli.training.design import build_design
from craig_cli.training.labels import guess_loss
from craig_cli.training.newton import newton
from tests.benchmarks.bench_selection import DATA
from tests.benchmarks.kinds import RAW, REAL, SETS

SEEDS = 5
SHARE = 0.8
L2 = 1e-5
TOL = 1e-12
NEIGHBOURS = 5
WAYS = {
    "random": {"algorithm": "random"},
    "distance": {"purpose": "distance"},
    "linear": {"purpose": "linear"},
    "any": {},
}


def _svm(regression, rows, labels, weights, ratio):
    from sklearn.svm import SVC, SVR

    return (SVR if regression else SVC)(C=10).fit(rows, labels, sample_weight=weights).predict


def _linear_svm(regression, rows, labels, weights, ratio):
    from sklearn.svm import LinearSVC

    return LinearSVC(C=ratio, max_iter=3000).fit(rows, labels, sample_weight=weights).predict


def _boosting(regression, rows, labels, weights, ratio):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    made = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    rows = rows.toarray() if sp.issparse(rows) else rows
    model = made(max_iter=60, max_leaf_nodes=8, early_stopping=False).fit(rows, labels, sample_weight=weights)
    return lambda test: model.predict(test.toarray() if sp.issparse(test) else test)


def _network(regression, rows, labels, weights, ratio):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    epochs = max(10, min(150, 180_000 // len(labels)))
    how = {"hidden_layer_sizes": (32,), "max_iter": epochs, "batch_size": 32, "random_state": 0, "alpha": 1e-3}
    return (MLPRegressor if regression else MLPClassifier)(**how).fit(rows, labels, sample_weight=weights).predict


def _neighbours(regression, rows, labels, weights, ratio):
    """The weighted mean, or vote, of the nearest few."""
    from sklearn.neighbors import NearestNeighbors

    tree = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(labels))).fit(rows)
    classes, codes = np.unique(labels, return_inverse=True)

    def predict(test):
        near = tree.kneighbors(test, return_distance=False)
        if regression:
            return (weights[near] * labels[near]).sum(axis=1) / weights[near].sum(axis=1)
        votes = np.zeros((len(near), len(classes)))
        for place in near.T:
            np.add.at(votes, (np.arange(len(near)), codes[place]), weights[place])
        return classes[votes.argmax(axis=1)]

    return predict


TRAINERS = {
    "RBF SVM": _svm,
    "linear SVM": _linear_svm,
    "neighbours": _neighbours,
    "boosting": _boosting,
    "network": _network,
}


def _errors(regression, rows, labels, weights, ratio, test, expected, names) -> dict[str, float]:
    found = {}
    for name in names:
        predicted = TRAINERS[name](regression, rows, labels, weights, ratio)(test)
        wrong = (predicted - expected) ** 2 if regression else predicted != expected
        found[name] = float(np.sqrt(wrong.mean()) if regression else wrong.mean())
    return found


def run(name, load, percentages, seeds=SEEDS, trainers=tuple(TRAINERS)) -> dict:
    """Print the tables of a set; (percentage, trainer) -> way -> excess over random's."""
    rows, labels, test, expected, regression = load()
    names = [each for each in trainers if not (regression and each == "linear SVM")]
    centre, unit = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if name in RAW and not sp.issparse(rows) and name != "mnist":
        centre, unit = rows.mean(axis=0), np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1.0)

    def seen(part):
        return part if sp.issparse(part) else (part - centre) / unit

    whole = _errors(regression, seen(rows), labels, np.ones(len(labels)), 1.0, seen(test), expected, names)
    ratios = {}
    for percentage in percentages:
        found: dict = {way: {each: [] for each in ("linear", *names)} for way in WAYS}
        for seed in range(seeds):
            kept = np.sort(np.random.default_rng(seed).permutation(len(labels))[: int(SHARE * len(labels))])
            dataset = from_arrays(rows[kept], labels[kept])
            design = build_design(dataset, "squared" if regression else guess_loss(labels), L2)
            best = newton(design, np.zeros((design.n_outputs, design.width)), TOL).coef
            for way, asked in WAYS.items():
                loss = "squared" if regression else None
                coreset = select_for(dataset, Plan(fraction=percentage / 100, seed=seed, loss=loss, **asked))
                index, weights = coreset.index, coreset.weight / coreset.weight.mean()
                coef = newton(design.take(index, coreset.weight), best, TOL).coef
                above = design.objective(coef, design.margins(coef)) - design.objective(best, design.margins(best))
                found[way]["linear"].append(above)
                chosen = (seen(rows[kept][index]), labels[kept][index], weights, len(kept) / len(index))
                for each, error in _errors(regression, *chosen, seen(test), expected, names).items():
                    found[way][each].append(error)
        print(f"\n{name}, {len(labels):,} x {rows.shape[1]}, {percentage} %: all rows, and excess over random's")
        print(f"{'':12s} {'all':>8s}" + "".join(f" {way:>16s}" for way in WAYS))
        for each in ("linear", *names):
            cells = {way: np.array(values[each]) for way, values in found.items()}
            ratios[percentage, each] = {
                way: float(np.median(values) / np.median(cells["random"])) if each == "linear"
                else (values.mean() - whole[each])
                / max(cells["random"].mean() - whole[each], 0.05 * cells["random"].mean())
                for way, values in cells.items()
            }  # fmt: skip
            line = f"{each:12s} {'' if each == 'linear' else format(whole[each], '.4f'):>8s}"
            for way, values in cells.items():
                below = f"{int((values < cells['random']).sum())}/{seeds}"
                line += f" {ratios[percentage, each][way]:>10.2g} {below:>5s}"
            print(line, flush=True)
    return ratios


def draw(path: str, found: dict[str, dict], percentage: int) -> None:
    """The default's excess over random's as a heat map (SVG): sets by trainers, green is below random, red above."""
    rows = ("linear", *TRAINERS)
    parts = []
    for across, name in enumerate(found):
        x = 110 + 62 * across
        parts.append(f'<text x="{x + 30}" y="24" text-anchor="middle">{name}</text>')
        for down, trainer in enumerate(rows):
            ratio = found[name].get((percentage, trainer), {}).get("any")
            if ratio is None:
                continue
            strength = min(1.0, abs(np.log(max(ratio, 0.1))) / np.log(4.0))
            colour = (1.0 - strength, 1.0, 1.0 - strength) if ratio < 1.0 else (1.0, 1.0 - strength, 1.0 - strength)
            fill = "#" + "".join(f"{int(95 + 160 * part):02x}" for part in colour)
            y = 34 + 28 * down
            label = f"{ratio:.0e}" if ratio < 0.005 else f"{ratio:.2f}"
            parts.append(f'<rect x="{x}" y="{y}" width="60" height="26" fill="{fill}"/>')
            parts.append(f'<text x="{x + 30}" y="{y + 17}" text-anchor="middle">{label}</text>')
    names = "".join(
        f'<text x="100" y="{51 + 28 * down}" text-anchor="end">{name}</text>' for down, name in enumerate(rows)
    )
    size = f'width="{120 + 62 * len(found)}" height="{44 + 28 * len(rows)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    Path(path).write_text(
        "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', names, *parts, "</svg>\n"])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="SET|PERCENT")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--try", dest="tried", action="append", default=[], metavar="C,P", help="features and power")
    parser.add_argument("--map", metavar="FILE", help="draw the first percentage as a heat map")
    asked = parser.parse_args()
    for numbers in asked.tried:
        features, power = map(float, numbers.split(","))
        name = f"c {features:g} p {power:g}"
        RECIPES[name] = RECIPES["any"]._replace(features=features, power=power)
        WAYS[name] = {"purpose": name}
    percentages = [int(word) for word in asked.words if word.isdigit()] or [5]
    names = [word for word in asked.words if not word.isdigit()] or list(SETS)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if name in REAL and not DATA.is_dir():
                print(f"{name}: needs the real data in {DATA.name}/, skipped")
            else:
                found[name] = run(name, SETS[name], percentages, asked.seeds)
    for each in ("linear", *TRAINERS):
        for percentage in percentages:
            cells = [ways[percentage, each]["any"] for ways in found.values() if (percentage, each) in ways]
            if cells:
                mean = np.exp(np.mean(np.log(np.maximum(cells, 1e-9 if each == "linear" else 0.1))))
                print(f"{each}, {percentage} %: geometric mean {mean:.2g}, worst {max(cells):.2g}")
    if asked.map:
        draw(asked.map, found, percentages[0])


if __name__ == "__main__":
    main()
