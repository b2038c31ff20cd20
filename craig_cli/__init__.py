"""craig: coresets for data-efficient training.

The command line is the main way in; the same functions are reachable from Python and are imported on
first use, so that ``import craig_cli`` stays instant:

    from craig_cli import select_coreset
    coreset = select_coreset(X, y, fraction=0.1)
"""

from importlib import import_module

from craig_cli.version import __version__

_LAZY = {
    "select_coreset": "craig_cli.api",
    "reweight_coreset": "craig_cli.selection.reweight",
    "Plan": "craig_cli.selection.plan",
    "CoresetSampler": "craig_cli.api",
    "train_model": "craig_cli.api",
    "evaluate_model": "craig_cli.api",
    "read_coreset": "craig_cli.artifacts.coreset",
    "read_dataset": "craig_cli.formats",
    "Dataset": "craig_cli.dataset",
    "Coreset": "craig_cli.artifacts.coreset",
    "Model": "craig_cli.artifacts.model",
    "Reselector": "craig_cli.deep.reselector",
    "select_gradients": "craig_cli.deep.gradients",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
