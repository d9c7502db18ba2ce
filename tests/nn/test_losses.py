"""Losses beside loops over pairs; what embeddings need to be trained by them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.utils import to_dense_adj

from pyg_hyperbolic.geometry import cone_angle, dist, half_aperture
from pyg_hyperbolic.nn import (
    EntailmentConeLoss,
    FermiDiracLoss,
    HyperbolicEmbedding,
    SampledSoftmaxLoss,
)
from tests.nn.training import train
from tests.where import each

DOUBLE = torch.float64
# The closure of a binary tree of four levels, from each node to all above it.
ABOVE = {i: [] if i == 0 else [(i - 1) // 2] for i in range(15)}
for node, row in ABOVE.items():
    row += ABOVE[row[0]] if node else []
EDGES = torch.tensor([(i, j) for i, row in ABOVE.items() for j in row]).t()
OTHERS = torch.tensor(
    [(i, j) for i in ABOVE for j in range(i) if j not in ABOVE[i]]
).t()  # neither is above the other


def table(dim: int = 3, **options: Any) -> HyperbolicEmbedding:
    return HyperbolicEmbedding(15, dim, initial=1.0, dtype=DOUBLE, **options)


@each("options", [{}, {"sparse": True}, {"padding_idx": 2}])
def test_distances_of_pairs(options: dict[str, Any]) -> None:
    """Each gradient once, sparse or not, and none of the padding."""
    emb = table(**options)
    pairs = torch.tensor([[0, 3, 3, 2, 5], [1, 4, 4, 7, 5]])
    c = torch.tensor(0.7, dtype=DOUBLE, requires_grad=True)
    points = emb.weight.detach().clone().requires_grad_()
    for squared, power in ((False, 1), (True, 2)):
        out = emb.dist(pairs, c, squared=squared)
        true = dist(points[pairs[0]], points[pairs[1]], c) ** power
        torch.testing.assert_close(out, true)
        found = torch.autograd.grad(out.sum(), (emb.weight, c))
        expected = torch.autograd.grad(true.sum(), (points, c))
        assert found[0].is_sparse == emb.sparse
        dense = found[0].to_dense() if emb.sparse else found[0]
        if emb.padding_idx is not None:
            assert not dense[emb.padding_idx].any()
            expected[0][emb.padding_idx] = 0
        torch.testing.assert_close(dense, expected[0])
        torch.testing.assert_close(found[1], expected[1])


def test_nearest_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all blocks, and each point of the table is next to itself."""
    monkeypatch.setattr("pyg_hyperbolic.nn.dense.embedding._PAIRS", 40)
    emb = table()
    points = torch.cat([emb.weight.detach(), 5 * torch.randn(4, 3, dtype=DOUBLE)])
    far, index = emb.nearest(points, 4, 1.3)
    every = dist(points[:, None], emb.weight.detach()[None], 1.3)
    ordered, order = every.sort(dim=1)
    torch.testing.assert_close(far, ordered[:, :4])
    assert torch.equal(index, order[:, :4])
    assert torch.equal(index[:15, 0], torch.arange(15)) and not far.requires_grad
    assert emb.nearest(points[:0], 2, 1.0)[1].shape == (0, 2)
    with pytest.raises(ValueError, match=r"'k' must be at most 15, the number of poi"):
        emb.nearest(points, 16, 1.0)


@each("c", [0.0, 1.0])
@each("only", [None, 9])
def test_sampled_softmax(
    only: int | None, c: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All nodes are drawn once, or one alone, so that a loop has the same value."""
    drawn = range(15) if only is None else 15 * [only]
    weight = None if only is None else (torch.arange(15) == only).float()
    emb, loss = table(), SampledSoftmaxLoss(EDGES, 15, 15, weight)
    size = (14, 15)  # for each node with an ancestor
    monkeypatch.setattr(
        torch, "randint", lambda n, shape, **_: torch.arange(n).expand(size)
    )
    total = 0.0
    for u, v in EDGES.t().tolist():
        others = [w for w in drawn if w != u and w not in ABOVE[u]]
        far = dist(emb.weight[u], emb.weight[[v, *others]], c).tolist()
        total += far[0] + math.log(sum(math.exp(-d) for d in far))
    assert loss(emb, EDGES, c).item() == pytest.approx(total / EDGES.size(1), rel=1e-12)


def test_neighbors_are_known() -> None:
    loss = SampledSoftmaxLoss(EDGES, 15)
    dense = to_dense_adj(EDGES, max_num_nodes=15)[0] + torch.eye(15)
    nodes = torch.arange(15)
    assert torch.equal(loss.is_neighbor(nodes[:, None], nodes), dense > 0)
    none = SampledSoftmaxLoss(EDGES[:, :0], 3, 2)
    assert torch.equal(none.is_neighbor(nodes[:3, None], nodes[:3]), torch.eye(3) > 0)


def test_fermi_dirac() -> None:
    emb, loss = table(), FermiDiracLoss(r=1.5, t=0.5)
    others = torch.tensor([[3, 4], [9, 12]])
    true = 0.0
    for pairs, sign in ((EDGES, -1), (others, 1)):
        u, v = emb.weight[pairs[0]], emb.weight[pairs[1]]
        p = 1 / ((sign * (1.5 - dist(u, v, 1.0) ** 2) / 0.5).exp() + 1)
        true -= p.log().mean()
    torch.testing.assert_close(loss(emb, EDGES, others, 1.0), true)


def test_cones() -> None:
    emb, loss = table(), EntailmentConeLoss(inner=0.3, margin=0.2)
    others = EDGES.flip(0)

    def energy(pairs: Tensor) -> Tensor:
        below, above = emb.weight[pairs[0]], emb.weight[pairs[1]]
        angle = cone_angle(above, below, 2.0)
        return (angle - half_aperture(above, 2.0, 0.3)).clamp(min=0)

    true = energy(EDGES).mean() + (0.2 - energy(others)).clamp(min=0).mean()
    assert true > 0
    torch.testing.assert_close(loss(emb, EDGES, others, 2.0), true)


def learn(emb: HyperbolicEmbedding, loss: Callable[[], Tensor]) -> list[float]:
    kind = torch.optim.SparseAdam if emb.sparse else torch.optim.Adam
    return train(kind(list(emb.parameters()), lr=0.05), loss, 60)


# The sampled softmax is trained below.
LOSSES: dict[str, Callable[[HyperbolicEmbedding], Tensor]] = {
    "fermi": lambda emb: FermiDiracLoss()(emb, EDGES, OTHERS, 1.0),
    "cones": lambda emb: EntailmentConeLoss()(emb, EDGES, EDGES.flip(0), 1.0),
}


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_points_learn_the_tree(name: str, sparse: bool) -> None:
    emb = table(dim=2, sparse=sparse)
    first, *_, last = learn(emb, lambda: LOSSES[name](emb))
    assert last < 0.8 * first and emb.weight.isfinite().all()


@pytest.mark.parametrize("sparse", [False, True])
def test_ancestors_come_to_be_nearest(sparse: bool) -> None:
    emb, loss = table(dim=5, sparse=sparse), SampledSoftmaxLoss(EDGES, 15, 8)
    learn(emb, lambda: loss(emb, EDGES, 1.0))
    index = emb.nearest(emb.weight, 15, 1.0)[1]
    found = [i for leaf in range(7, 15) for i in index[leaf, 1:4] if i in ABOVE[leaf]]
    assert len(found) >= 22  # of 24
