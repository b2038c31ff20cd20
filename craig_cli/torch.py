"""Rows and weights for PyTorch's loaders, selected anew while training goes on: the extra ``craig[torch]``.

    sampler = CoresetSampler(labels, fraction=0.1, multiple_of=64)
    for rows, x, y in DataLoader(Indexed(data), batch_size=64, sampler=sampler):
        z = model(x)
        loss = (cross_entropy(z, y, reduction="none") * sampler.weights(rows)).mean()
        sampler.observe(rows, z, y)

Nothing is patched. How the frameworks treat such a sampler, and what each of them needs, is in guide/deep.md.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from craig_cli.deep.reselector import CORRECTION, Reselector
from craig_cli.errors import UsageError

try:
    import torch
    from torch import distributed
    from torch.utils.data import Dataset, IterableDataset, Sampler
except ImportError as error:
    raise ImportError('craig_cli.torch needs PyTorch: pip install "craig[torch]"') from error

__all__ = ["CoresetSampler", "Indexed", "last_layer_gradients"]

PENDING = 64  # batches that are observed before they are copied to the CPU
SKETCH = 256  # numbers of the sketch of gradients times hidden values


class Indexed(Dataset):
    """``data`` with the number of each row: (row, *item) of tuples and lists, {"rows": row, ...} of dicts.

    The row is an int64 tensor (). Raises UsageError for data that has no numbered rows.
    """

    def __init__(self, data) -> None:
        if isinstance(data, IterableDataset) or not hasattr(data, "__getitem__"):
            raise UsageError(f"Indexed: expected data with numbered rows, found {type(data).__name__}")
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int):
        return _numbered(row, self.data[row])

    def __getitems__(self, rows: list[int]) -> list:
        many = getattr(self.data, "__getitems__", None)
        items = many(rows) if many is not None else [self.data[row] for row in rows]
        return [_numbered(row, item) for row, item in zip(rows, items)]


def _numbered(row: int, item):
    number = torch.tensor(row, dtype=torch.int64)
    if isinstance(item, dict):
        return {"rows": number, **item}
    return (number, *item) if isinstance(item, (tuple, list)) else (number, item)


class CoresetSampler(Sampler[int]):
    """Yields the rows of each epoch, as many in every one, selected anew when the loader starts it.

    The arguments are those of ``Reselector``; ``multiple_of`` is batch size times processes times accumulated steps,
    so that no framework cuts an epoch or fills it up with rows twice. Every process yields all rows, in the same order:
    the framework's own wrapper divides them (``shard`` where there is none). Where torch.distributed is initialised,
    starting an epoch exchanges what the processes observed, so that all of them have to start it.
    """

    def __init__(
        self,
        labels,
        fraction: float = 0.1,
        every: int = 1,
        correction: float = CORRECTION,
        seed: int = 0,
        *,
        way: str = "strata",
        classes: int | None = None,
        multiple_of: int = 1,
        doubt: float | None = None,
    ) -> None:
        labels = labels.cpu().numpy() if isinstance(labels, torch.Tensor) else labels
        self.reselector = Reselector(
            labels, fraction, every, correction, seed, way=way, classes=classes, multiple_of=multiple_of, doubt=doubt
        )
        self._epoch, self._position = -1, 0
        self._next: int | None = None  # the epoch that set_epoch named
        self._resumed: tuple[int, int] | None = None  # (epoch, position) that a state named
        self._weights = torch.full((len(self.reselector.labels),), float("nan"))
        self._pending: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __len__(self) -> int:
        return self.reselector.size

    @property
    def epoch(self) -> int:
        """The epoch that was started last, -1 before the first."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Which epoch is started next; without it, the one after the last."""
        self._next = int(epoch)

    def __iter__(self) -> Iterator[int]:
        _refuse_dispatcher()
        self._exchange()
        position = 0
        if self._resumed is not None:
            epoch, position = self._resumed
        else:
            epoch = self._epoch + 1 if self._next is None else self._next
        self._next = self._resumed = None
        rows, weights = self.reselector.select(epoch)
        self._epoch, self._position = epoch, position
        self._weights = torch.full_like(self._weights, float("nan"))
        self._weights[torch.from_numpy(rows)] = torch.from_numpy(weights)
        return self._rest(rows.tolist(), position)

    def _rest(self, rows: list[int], position: int) -> Iterator[int]:
        for number in range(position, len(rows)):
            self._position = number + 1
            yield rows[number]

    def weights(self, rows: torch.Tensor) -> torch.Tensor:
        """(m,) float32 weights of ``rows`` (m,) int64, on their device; of an epoch's rows their mean is 1.

        Not to be divided by a batch's own sum. Raises UsageError for a row that this epoch did not draw.
        """
        drawn = self._weights[rows.detach().cpu()]
        missing = torch.isnan(drawn)
        if missing.any():
            row = int(rows.flatten()[int(missing.flatten().int().argmax())])
            raise UsageError(f"weights: row {row} is not one that epoch {self._epoch} drew")
        return drawn.to(rows.device)

    def observe(self, rows: torch.Tensor, outputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Keep what the network makes of ``rows`` (m,): its ``outputs`` (m, q) before the softmax, any dtype or device.

        labels  (m,) classes, or (m, q) probabilities

        Does nothing where gradients are off, as in validation. Raises as ``Reselector.observe``, some batches later.
        """
        if not torch.is_grad_enabled():
            return
        self._pending.append((rows.detach(), _softmax_less_labels(outputs, labels)))
        if len(self._pending) >= PENDING:
            self._flush()

    def _flush(self) -> None:
        for rows, values in self._pending:
            self.reselector.observe(rows.cpu().numpy(), values.cpu().numpy())
        self._pending.clear()

    def _exchange(self) -> None:
        self._flush()
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        processes = distributed.get_world_size()
        if processes > 1:
            news: list = [None] * processes
            distributed.all_gather_object(news, self.reselector.news())
            self.reselector.absorb(news)

    def shard(self, rank: int, processes: int) -> Shard:
        """The sampler of one of several processes, for DistributedDataParallel without a framework."""
        if not 0 <= rank < processes:
            raise UsageError(f"shard: expected a rank from 0 to {processes - 1}, found {rank}")
        if len(self) % processes:
            raise UsageError(f"shard: expected a multiple of {processes} rows (multiple_of), found {len(self)}")
        return Shard(self, rank, processes)

    def state_dict(self) -> dict:
        """All that a training resumes from: epoch, rows handed out in it, table of gradients and ages, as tensors.

        A loader with workers asks for rows ahead of training; a StatefulDataLoader knows how far.
        """
        self._flush()
        state = self.reselector.state_dict()
        state = {
            key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in state.items()
        }
        return {"sampler": [self._epoch, self._position], **state}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state``: the next epoch to be started is its rest. Raises UsageError for another sampler's."""
        self._pending.clear()
        self.reselector.load_state_dict(state)
        epoch, position = state["sampler"]
        self._epoch, self._position = epoch, position
        self._resumed = (epoch, position) if 0 < position < len(self) else None


class Shard(Sampler[int]):
    """Every ``processes``-th row of a CoresetSampler, from ``rank`` on."""

    def __init__(self, sampler: CoresetSampler, rank: int, processes: int) -> None:
        self.sampler, self.rank, self.processes = sampler, rank, processes

    def __len__(self) -> int:
        return len(self.sampler) // self.processes

    def __iter__(self) -> Iterator[int]:
        rows = iter(self.sampler)
        while together := list(itertools.islice(rows, self.processes)):
            yield together[self.rank]

    def set_epoch(self, epoch: int) -> None:
        self.sampler.set_epoch(epoch)


def _softmax_less_labels(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(m, q) float32 p - y. In bfloat16 the p - y of a sure row would be 0."""
    values = torch.softmax(outputs.detach().float(), dim=-1)
    if labels.dim() == values.dim():
        return values - labels.detach().float()
    ones = torch.ones((len(values), 1), device=values.device)
    return values.scatter_add_(1, labels.detach().long().to(values.device).unsqueeze(1), -ones)


def _refuse_dispatcher() -> None:
    """One process reads for all in accelerate's dispatcher, and would wait for ever for what the others observed."""
    if "accelerate" not in sys.modules:
        return
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if type(frame.f_locals.get("self")).__name__ == "DataLoaderDispatcher":
            raise UsageError(
                "accelerate: dispatch_batches=True starts the sampler in one process alone; set it to False"
            )
        frame = frame.f_back


def last_layer_gradients(
    model: torch.nn.Module,
    loader: Iterable,
    loss: Callable | None = None,
    *,
    hidden: torch.nn.Module | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> np.ndarray:
    """(n, q) float32 gradients of each row's loss at the outputs of ``model``, in the order of ``loader``.

    loader  yields (x, y), or (rows, x, y) of ``Indexed`` data; not shuffled
    loss    called as loss(outputs, y); a function whose sum over rows is differentiated. None: cross-entropy, p - y
    hidden  the last layer: its gradients are those of the outputs times its inputs, of which a random-sign sketch of
            SKETCH numbers is returned, (n, SKETCH); inner products are right in expectation
    """
    parts, inputs, signs = [], [], None
    hook = None if hidden is None else hidden.register_forward_pre_hook(lambda _, args: inputs.append(args[0].detach()))
    training = model.training
    model.eval()
    try:
        for batch in loader:
            x, y = batch[-2:]
            x, y = (x, y) if device is None else (x.to(device), y.to(device))
            with torch.no_grad():
                outputs = model(x)
            values = _softmax_less_labels(outputs, y) if loss is None else _by_autograd(loss, outputs, y)
            if hidden is not None:
                below = inputs.pop().float()
                signs = signs or _signs(values.shape[1], below.shape[1], seed, values.device)
                values = (values @ signs[0]) * (below @ signs[1]) / SKETCH**0.5
            parts.append(values.cpu().numpy())
    finally:
        model.train(training)
        if hook is not None:
            hook.remove()
    return np.concatenate(parts)


def _by_autograd(loss: Callable, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        outputs = outputs.detach().float().requires_grad_()
        (values,) = torch.autograd.grad(loss(outputs, y).sum(), outputs)
    return values.reshape(len(values), -1)


def _signs(outputs: int, inputs: int, seed: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(seed)
    return tuple(
        torch.from_numpy(generator.choice(np.array([-1.0, 1.0], dtype=np.float32), (width, SKETCH))).to(device)
        for width in (outputs, inputs)
    )
