"""Names a user may give -> where they live, as "module:attribute".

No heavy imports here, so that ``--help`` and shell completion can list every name at once. A newcomer is one new
file and one line in its table; the contract tests run over every name in these tables.
"""

from importlib import import_module
from typing import NamedTuple

ALGORITHMS = {
    "lazy": "craig_cli.selection.algorithms.lazy:LAZY",
    "partition": "craig_cli.selection.algorithms.partition:PARTITION",
    "stochastic": "craig_cli.selection.algorithms.stochastic:STOCHASTIC",
    "strata": "craig_cli.selection.algorithms.strata:STRATA",
    "random": "craig_cli.selection.algorithms.uniform:RANDOM",
    "random-uniform": "craig_cli.selection.algorithms.uniform:RANDOM_UNIFORM",
}

LOSSES = {
    "logistic": "craig_cli.training.losses:LOGISTIC",
    "multinomial": "craig_cli.training.losses:MULTINOMIAL",
    "squared": "craig_cli.training.losses:SQUARED",
    "huber": "craig_cli.training.losses:HUBER",
    "squared-hinge": "craig_cli.training.losses:SQUARED_HINGE",
    "smoothed-hinge": "craig_cli.training.losses:SMOOTHED_HINGE",
}

OPTIMIZERS = {
    "sgd": "craig_cli.training.optimizers.sgd:SGD",
    "momentum": "craig_cli.training.optimizers.momentum:MOMENTUM",
    "nesterov": "craig_cli.training.optimizers.nesterov:NESTEROV",
    "adagrad": "craig_cli.training.optimizers.adagrad:ADAGRAD",
    "adam": "craig_cli.training.optimizers.adam:ADAM",
    "saga": "craig_cli.training.optimizers.saga:SAGA",
    "svrg": "craig_cli.training.optimizers.svrg:SVRG",
}

FORMATS = {
    "libsvm": "craig_cli.formats.libsvm:read",
    "parquet": "craig_cli.formats.parquet:read",
    "csv": "craig_cli.formats.delimited:read",
    "arrow": "craig_cli.formats.ipc:read",
}
IN_PIECES = {  # of what is not here all rows are read at once
    "libsvm": "craig_cli.formats.libsvm_pieces:pieces",
    "parquet": "craig_cli.formats.parquet:pieces",
    "csv": "craig_cli.formats.delimited:pieces",
    "arrow": "craig_cli.formats.ipc:pieces",
}

EXPORTERS = {
    "libsvm": "craig_cli.exporters.libsvm:LIBSVM",
    "vw": "craig_cli.exporters.vw:VW",
    "xgboost": "craig_cli.exporters.xgboost:XGBOOST",
    "lightgbm": "craig_cli.exporters.lightgbm:LIGHTGBM",
    "catboost": "craig_cli.exporters.catboost:CATBOOST",
    "csv": "craig_cli.exporters.table:CSV",
    "parquet": "craig_cli.exporters.table:PARQUET",
    "feather": "craig_cli.exporters.table:FEATHER",
    "encoded-csv": "craig_cli.exporters.table:ENCODED_CSV",
    "encoded-parquet": "craig_cli.exporters.table:ENCODED_PARQUET",
    "liblinear": "craig_cli.exporters.liblinear:LIBLINEAR",
}

COLUMN_KINDS = {
    "number": "craig_cli.tables.number:NUMBER",
    "category": "craig_cli.tables.category:CATEGORY",
    "text": "craig_cli.tables.text:TEXT",
    "time": "craig_cli.tables.time:TIME",
    "vector": "craig_cli.tables.vector:VECTOR",
    "numbered": "craig_cli.tables.numbered:NUMBERED",
}

METRICS = {
    "euclidean": "craig_cli.selection.distances.metrics:EUCLIDEAN",
    "cosine": "craig_cli.selection.distances.metrics:COSINE",
    "manhattan": "craig_cli.selection.distances.metrics:MANHATTAN",
    "chebyshev": "craig_cli.selection.distances.metrics:CHEBYSHEV",
}

SCHEDULES = ("auto", "constant", "exponential", "k-inverse", "power")
PRECONDITIONS = ("auto", "none", "diagonal", "full")
TUNERS = ("grid", "halving")
ORDERS = ("shuffle", "cyclic", "greedy", "replacement")
SCALES = ("none", "minmax", "standard", "unit")
EXEMPLARS = ("medoid", "member")
WEIGHTS = ("count", "calibrated", "fitted", "equal")
DEFAULT_L2 = 1e-5
BLOCK_SIZE = 1024  # rows of a block of the partition algorithm
DELTA = 0.1  # of the stochastic algorithm's guarantee

TASKS = ("auto", "classification", "regression")


class Recipe(NamedTuple):
    """What a coreset is for, and what that sets where it is not asked for.

    features   the share of the features beside the influence of a row at a rough model, of which 1 is as much again;
               None: there is no model, distances are those of the features
    power      the norm of a row's influence counts to this power: rows that a model has very wrong attract fewer picks
    quotas     classes get picks by their influence to this power, and by their rows to the rest of 1
    always     at the rough model whatever the weights are to be
    """

    says: str
    features: float | None = None
    power: float = 1.0
    quotas: float = 1.0
    always: bool = False
    algorithm: str = "auto"
    exemplar: str | None = None
    weights: str | None = None


RECIPES = {
    "any": Recipe(
        "any trainer: rows that differ, or do different things to a rough model",
        features=4.0,
        power=0.5,
        quotas=0.5,
        algorithm="partition",
    ),
    "linear": Recipe(
        "linear models: rows by what they do to it",
        features=0.5,
        always=True,
        algorithm="strata",
    ),
    "distance": Recipe(
        "kernels, neighbours, clustering: the paper's medoids with counts",
        exemplar="medoid",
        weights="count",
    ),
}
ROUNDS = 6  # of training a rough model, at most


def load(table: dict[str, str], name: str):
    """The object registered under ``name``."""
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
