"""Census-like data, categories and numbers with some missing: a booster on a tenth of the rows, chosen and random.

    python -m tests.benchmarks.bench_census [ROWS] [SEEDS]

scikit-learn's HistGradientBoosting with its own categorical support, on the table that comes back, not on the encoded
one; its test error with --for any, --scale standard, beside stratified random rows of the same number.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pyarrow as pa

from craig_cli import select_coreset

FRACTION = 0.1


def census(n_rows: int, seed: int) -> pa.Table:
    """Work, schooling, region, age, hours, gains ..., and whether somebody earns much, with interactions and noise."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(0)  # of the world, whatever the sample
    sizes = {"work": 12, "school": 16, "family": 6, "region": 40, "origin": 8}
    codes = {}
    for name, size in sizes.items():
        share = 1.0 / np.arange(1, size + 1) ** 1.2
        codes[name] = rng.choice(size, n_rows, p=share / share.sum())
    effects = {name: fixed.normal(0, 0.7, size) for name, size in sizes.items()}
    pairs = fixed.normal(0, 0.8, (sizes["work"], sizes["school"]))
    age = np.clip(rng.gamma(6, 6.5, n_rows), 17, 90)
    hours = np.clip(rng.normal(40, 12, n_rows) + 4 * effects["work"][codes["work"]], 1, 99)
    gain = np.where(rng.random(n_rows) < 0.08, rng.lognormal(8, 1, n_rows), 0)
    score = sum(effects[name][codes[name]] for name in sizes) + pairs[codes["work"], codes["school"]]
    score += -0.004 * (age - 48) ** 2 / 4 + 0.05 * (hours - 40) * (effects["family"][codes["family"]] > 0)
    score += 1.5 * (gain > 3000)
    label = np.where(score + rng.logistic(0, 0.7, n_rows) > np.quantile(score, 0.75), "much", "little")
    columns = {"age": age.round(), "hours": hours.round(), "gain": gain.round(), "row": rng.normal(size=n_rows)}
    table = {name: pa.array(values, mask=rng.random(n_rows) < 0.05) for name, values in columns.items()}
    for name, size in sizes.items():
        names = np.array([f"{name} {k}" for k in range(size)])
        table[name] = pa.array(names[codes[name]], mask=rng.random(n_rows) < 0.04)
    return pa.table({**table, "label": label})


def matrix(table: pa.Table) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """(features with categories as codes, labels, which are categories) as the booster takes them."""
    columns, categories = [], []
    for field in table.schema:
        if field.name == "label":
            continue
        values = table[field.name].to_pylist()
        is_text = pa.types.is_string(field.type)
        columns.append([np.nan if v is None else float(v.split()[1]) if is_text else v for v in values])
        categories.append(is_text)
    return np.array(columns, dtype=float).T, np.array(table["label"].to_pylist()), categories


def main(n_rows: int = 50_000, seeds: int = 10) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    errors, seconds = [], []
    for seed in range(seeds):
        train, test = census(n_rows, seed), census(20_000, 1000 + seed)
        features, labels, categories = matrix(train)
        unseen, answers, _ = matrix(test)
        began = time.perf_counter()
        coreset = select_coreset(train, "label", fraction=FRACTION, scale="standard", seed=seed)
        seconds.append(time.perf_counter() - began)
        random = select_coreset(train, "label", fraction=FRACTION, algorithm="random", seed=seed)
        found = []
        for chosen in (None, coreset, random):
            index = slice(None) if chosen is None else chosen.index
            weight = None if chosen is None else chosen.weight / chosen.weight.mean()
            model = HistGradientBoostingClassifier(categorical_features=categories, random_state=seed)
            model.fit(features[index], labels[index], sample_weight=weight)
            found.append(float(np.mean(model.predict(unseen) != answers)))
        errors.append(found)
        print(
            f"seed {seed}: all {found[0]:.4f}, coreset {found[1]:.4f}, random {found[2]:.4f}, {seconds[-1]:.1f} s",
            flush=True,
        )
    middle = np.median(errors, axis=0)
    print(f"{n_rows:,} rows, {FRACTION:.0%}, median of {seeds} seeds: all {middle[0]:.4f}, coreset {middle[1]:.4f}, "
          f"random {middle[2]:.4f}; coreset at most random in {sum(a <= b for _, a, b in errors)} of {seeds}; "
          f"{np.median(seconds):.1f} s a selection")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
