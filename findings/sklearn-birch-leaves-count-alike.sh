#!/usr/bin/env bash
# scikit-learn 1.9.1: the clusters of Birch are made of leaves that count alike, however many rows each stands for.
#
# Guess: Birch keeps in every leaf the number of its rows, their sum and their squares so that rows can be thrown away,
# and the last step clusters the leaves with these numbers: partial_fit on a stream and then n_clusters=KMeans(2) is
# k-means of all rows, but for the width of a leaf.
# Seen: the last step is fit_predict(centres of the leaves). Of 20,000 rows in two heaps and 200 strewn rows the latter
# are most of the leaves, and the heaps come together as one cluster, also with an integer n_clusters. Leaves with
# their numbers of rows as sample_weight give the clusters of all rows; Birch does not show these numbers, so they have
# to be counted with predict of a Birch(n_clusters=None).
# Output seen (sum of squared distances to the mean of the cluster, and where these means are):
#   scikit-learn 1.9.1
#   KMeans of all rows               5,140 at 0.00, 3.09
#   Birch(n_clusters=KMeans(2))     46,287 at 1.51, 9.30
#   Birch(n_clusters=2)             46,287 at 1.51, 9.30
#   leaves with their counts         5,140 at 0.00, 3.09
#   20 leaves, 18 of them with less than 100 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.cluster import Birch, KMeans

print("scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
heaps = [generator.normal(centre, 0.05, 10_000) for centre in (0, 3)]
rows = generator.permutation(np.concatenate([*heaps, generator.uniform(3, 12, 200)]))[:, None]


def check(name, labels):
    parts = [rows[labels == label] for label in np.unique(labels)]
    inertia = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    means = sorted(float(part.mean()) for part in parts)
    print(f"{name:30} {inertia:7,.0f} at " + ", ".join(f"{mean:.2f}" for mean in means))
    return inertia


def kmeans():
    return KMeans(2, n_init=10, random_state=0)


best = check("KMeans of all rows", kmeans().fit_predict(rows))
found = check("Birch(n_clusters=KMeans(2))", Birch(threshold=0.2, n_clusters=kmeans()).fit_predict(rows))
whole = check("Birch(n_clusters=2)", Birch(threshold=0.2, n_clusters=2).fit_predict(rows))
birch = Birch(threshold=0.2, n_clusters=None)
for piece in np.array_split(rows, 10):
    birch.partial_fit(piece)
leaf = birch.predict(rows)
count = np.bincount(leaf, minlength=len(birch.subcluster_centers_))
labels = kmeans().fit(birch.subcluster_centers_, sample_weight=count).labels_
weighted = check("leaves with their counts", labels[leaf])
print(f"{len(count)} leaves, {int((count < 100).sum())} of them with less than 100 rows")
assert weighted < 1.05 * best and found > 3 * best and whole > 3 * best
PYTHON
