"""``craig_cli.torch``: what the sampler promises a loader and a training loop. Needs the extra ``craig[torch]``."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import craig_cli
from craig_cli.errors import DataError, UsageError
from tests.test_deep import CLASSES, gradients

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn.functional import cross_entropy, one_hot  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from craig_cli.torch import CoresetSampler, Indexed, last_layer_gradients  # noqa: E402

N = 640
# torch's own, of python features that are older than it
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data():
    labels, proxies = gradients(N)
    return TensorDataset(torch.from_numpy(proxies), torch.from_numpy(labels))


def sampler_of(data, **settings) -> CoresetSampler:
    return CoresetSampler(data.tensors[1], **{"fraction": 0.1, "multiple_of": 16, **settings})


def loader_of(data, sampler, **settings) -> DataLoader:
    return DataLoader(Indexed(data), batch_size=16, sampler=sampler, **settings)


def train(model, loader, sampler, optimizer) -> list[int]:
    """One epoch; the rows in the order they came."""
    seen = []
    for rows, x, y in loader:
        z = model(x)
        loss = (cross_entropy(z, y, reduction="none") * sampler.weights(rows)).mean()
        sampler.observe(rows, z, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += rows.tolist()
    return seen


def linear():
    torch.manual_seed(0)
    model = torch.nn.Linear(CLASSES, CLASSES)
    return model, torch.optim.SGD(model.parameters(), lr=0.5)


@pytest.mark.parametrize("workers", [0, 2])
def test_three_lines_in_a_loop(data, workers):
    sampler = sampler_of(data)
    loader = loader_of(data, sampler, num_workers=workers)
    model, optimizer = linear()
    before = cross_entropy(model(data.tensors[0]), data.tensors[1])
    epochs = [train(model, loader, sampler, optimizer) for _ in range(4)]
    assert all(len(set(rows)) == len(sampler) == 64 for rows in epochs)
    assert epochs[0] != epochs[1] and set(epochs[0]) != set(epochs[1])
    assert cross_entropy(model(data.tensors[0]), data.tensors[1]) < 0.8 * before
    with torch.no_grad():
        rows = torch.tensor(epochs[3])
        assert sampler.weights(rows).mean() == pytest.approx(1.0, abs=1e-6)


def test_the_plain_loop_of_the_guide_trains(data):
    guide = (Path(craig_cli.__file__).parent / "guide" / "deep.md").read_text()
    code = re.search(r"## A plain loop\n.*?```python\n(.*?)```", guide, flags=re.DOTALL)[1]
    model, optimizer = linear()
    before = cross_entropy(model(data.tensors[0]), data.tensors[1])
    names = {"labels": data.tensors[1], "data": data, "model": model, "optimizer": optimizer}
    exec(code.replace("range(30)", "range(20)"), names)
    assert names["sampler"].epoch == 19
    assert cross_entropy(model(data.tensors[0]), data.tensors[1]) < 0.8 * before


def test_what_is_observed_is_p_minus_y_of_any_dtype_and_keeps_no_graph(data):
    sampler = sampler_of(data)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        outputs = torch.tensor([[9.0, 1.0, -3.0, 2.0]], dtype=dtype, requires_grad=True)
        sampler.observe(torch.tensor([5]), outputs, torch.tensor([0]))
        assert not sampler._pending[-1][1].requires_grad
        leaf = outputs.detach().float().requires_grad_()
        cross_entropy(leaf, torch.tensor([0])).backward()
        sampler.state_dict()
        np.testing.assert_allclose(sampler.reselector.table[5], leaf.grad[0].numpy(), atol=1e-6)
        assert sampler.reselector.table[5, 0] < 0.0
    soft = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    sampler.observe(torch.tensor([6]), torch.zeros(1, 4), soft)
    sampler.state_dict()
    np.testing.assert_allclose(sampler.reselector.table[6], [-0.25, -0.25, 0.25, 0.25])


def test_validation_is_not_observed(data):
    sampler = sampler_of(data)
    with torch.no_grad():
        sampler.observe(torch.tensor([5]), torch.zeros(1, 4), torch.tensor([0]))
    sampler.state_dict()
    assert (sampler.reselector.ages(0) == 1).all()


def test_a_row_that_the_epoch_did_not_draw_is_one_line(data):
    sampler = sampler_of(data)
    drawn = list(sampler)
    other = next(row for row in range(N) if row not in drawn)
    with pytest.raises(UsageError, match=f"weights: row {other} is not one that epoch 0 drew"):
        sampler.weights(torch.tensor([drawn[0], other]))
    assert sampler.weights(torch.tensor(drawn)).dtype == torch.float32


def test_set_epoch_only_stores_a_number(data):
    sampler, other = sampler_of(data), sampler_of(data)
    sampler.set_epoch(3)
    sampler.set_epoch(3)
    assert sampler.epoch == -1
    third = list(sampler)
    assert [list(other) for _ in range(4)][3] == third
    assert sampler.epoch == other.epoch == 3
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    again = sampler_of(data)
    again.set_epoch(3)
    assert list(again) == third
    assert all(type(row) is int for row in third)


def test_weights_are_those_of_the_epoch_while_a_loader_reads_ahead(data):
    sampler = sampler_of(data)
    iterator = iter(loader_of(data, sampler, num_workers=2, prefetch_factor=4))
    rows, _, y = next(iterator)
    weights = sampler.weights(rows)
    sampler.observe(rows, torch.zeros(16, 4, requires_grad=True), y)
    assert torch.equal(sampler.weights(rows), weights)
    assert sum(1 for _ in iterator) == 3


def test_resumes_in_the_middle_of_an_epoch(data):
    model, optimizer = linear()
    sampler = sampler_of(data)
    train(model, loader_of(data, sampler), sampler, optimizer)
    iterator, first = iter(loader_of(data, sampler)), []
    for _ in range(2):
        rows, x, y = next(iterator)
        sampler.observe(rows, model(x), y)
        first += rows.tolist()
    state = pickle.loads(pickle.dumps(sampler.state_dict()))
    rest = [row for rows, _, _ in iterator for row in rows.tolist()]
    other = sampler_of(data)
    other.load_state_dict(state)
    assert list(other) == rest and len(rest) == 32 and not set(rest) & set(first)
    assert torch.equal(other.weights(torch.tensor(first + rest)), sampler.weights(torch.tensor(first + rest)))
    assert list(other) == list(sampler)


def test_a_state_can_be_saved_by_torch(data, tmp_path):
    sampler = sampler_of(data)
    list(sampler)
    torch.save(sampler.state_dict(), tmp_path / "state.pt")
    other = sampler_of(data)
    other.load_state_dict(torch.load(tmp_path / "state.pt"))  # weights_only, as is its default
    assert list(other) == list(sampler)


def test_shards_are_disjoint_and_all_rows_together(data):
    whole = list(sampler_of(data))
    parts = [list(sampler_of(data).shard(rank, 2)) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == sorted(whole)
    assert len(parts[0]) == len(sampler_of(data).shard(0, 2)) == 32
    one = sampler_of(data)
    iterator = iter(one.shard(1, 2))
    taken = [next(iterator) for _ in range(3)]
    other = sampler_of(data)
    other.load_state_dict(one.state_dict())
    assert taken + list(other.shard(1, 2)) == parts[1]
    with pytest.raises(UsageError, match="shard: expected a multiple of 3 rows"):
        one.shard(0, 3)


def test_what_cannot_be_observed_is_one_line(data):
    sampler = sampler_of(data)
    sampler.observe(torch.tensor([3]), torch.full((1, 4), float("nan")), torch.tensor([0]))
    with pytest.raises(DataError, match="p - y of row 3: expected finite numbers"):
        list(sampler)


def test_indexed_numbers_any_item(data):
    row, _, y = Indexed(data)[7]
    assert row.dtype == torch.int64 and row.shape == () and int(row) == 7 and torch.equal(y, data[7][1])
    assert int(Indexed([{"x": 1}, {"x": 2}])[1]["rows"]) == 1
    assert [int(item[0]) for item in Indexed([5, 6, 7]).__getitems__([2, 0])] == [2, 0]
    assert len(pickle.loads(pickle.dumps(Indexed(data)))) == N
    with pytest.raises(UsageError, match="Indexed: expected data with numbered rows"):
        Indexed(iter([1]))


def test_last_layer_gradients_are_those_of_autograd(data):
    model = torch.nn.Sequential(torch.nn.Linear(CLASSES, 6), torch.nn.Tanh(), torch.nn.Linear(6, CLASSES))
    x, y = data.tensors
    plain = last_layer_gradients(model, DataLoader(data, batch_size=100))
    squared = last_layer_gradients(
        model, DataLoader(Indexed(data), batch_size=100), lambda z, y: ((z - one_hot(y, CLASSES)) ** 2).sum(dim=1)
    )
    outputs = model(x).detach().requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(outputs, y, reduction="sum"), outputs)
    np.testing.assert_allclose(plain, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(squared, 2 * (outputs - one_hot(y, CLASSES)).detach().numpy(), atol=1e-5)
    assert model.training
    sketch = last_layer_gradients(model, DataLoader(data, batch_size=100), hidden=model[2])
    hidden = model[1](model[0](x)).detach().numpy()
    whole = (plain[:, :, None] * hidden[:, None, :]).reshape(N, -1)
    truth, found = whole @ whole.T, sketch @ sketch.T
    assert np.corrcoef(truth.ravel(), found.ravel())[0, 1] > 0.97


def test_the_package_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, craig_cli, craig_cli.cli, craig_cli.deep.reselector; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
