"""Training as PyG's example does it, and what a loss is made of."""

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import logsigmoid

from pyg_hyperbolic import curvature_report
from pyg_hyperbolic.nn.kge import HyperbolicKGEModel, RotH
from tests.nn.kge.models import Kind, Triples, spread


def train(model: HyperbolicKGEModel, triples: Triples, optimizers: list[Any]) -> float:
    """The loop of PyG's `examples/kge_fb15k_237.py`; returns the loss of the epoch."""
    loader = model.loader(*triples, batch_size=20, shuffle=True)
    model.train()
    total, number = 0.0, 0
    for head, rel, tail in loader:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = model.loss(head, rel, tail)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        total, number = total + loss.item() * head.numel(), number + head.numel()
    return total / number


def tree() -> Triples:
    """A binary tree of 31 nodes: the parent, and the parent's parent."""
    child, grandchild = torch.arange(1, 31), torch.arange(3, 31)
    parents, theirs = (child - 1) // 2, ((grandchild - 1) // 2 - 1) // 2
    rel = torch.cat([torch.zeros(30), torch.ones(28)]).long()
    return torch.cat([child, grandchild]), rel, torch.cat([parents, theirs])


def learns(kind: Kind, **options: Any) -> None:
    model = kind(31, 2, 8, num_negatives=20, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = [train(model, tree(), [optimizer]) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    model.eval()
    mean_rank, mrr, hits = model.test(*tree(), batch_size=20000, k=3, log=False)
    assert mean_rank < 1 and mrr > 0.8 and hits > 0.9
    assert model.test_filtered(*tree(), tree(), log=False).mrr > 0.7


def test_a_tree_is_learned(kind: Kind) -> None:
    learns(kind)


@pytest.mark.parametrize("options", [{"criterion": "softmax"}, {"reciprocal": False}])
def test_a_tree_is_learned_by_other_losses(options: dict[str, Any]) -> None:
    learns(RotH, **options)


def test_sparse_gradients(kind: Kind) -> None:
    model = kind(31, 2, 8, True)
    own = set(model.curvature.parameters())
    tables = [x for x in model.parameters() if x not in own]
    optimizers = [torch.optim.SparseAdam(tables, 0.05), torch.optim.Adam(own, 0.05)]
    losses = [train(model, tree(), optimizers) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert all(x.grad.is_sparse for x in tables)
    dense = copy.deepcopy(model)
    for module in dense.modules():
        if isinstance(module, torch.nn.Embedding):
            module.sparse = False
    for one in (model, dense):
        one.zero_grad()
        one(*tree()).sum().backward()
    for x, y in zip(model.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(x.grad.to_dense(), y.grad)


def test_the_loss_is_of_triples_in_both_directions_and_their_samples(
    triples: Triples, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, rel, tail = triples
    model = spread(RotH, 12, 3, 6, num_negatives=4)
    sampled = torch.randint(12, (4, 18))
    monkeypatch.setattr(torch, "randint", lambda *_, **__: sampled)
    ends, starts = torch.cat([tail, head]), torch.cat([head, tail])
    relations = torch.cat([rel, rel + 3])
    true = model(starts, relations, ends)
    false = torch.stack([model(starts, relations, some) for some in sampled])
    expected = -(logsigmoid(true).sum() + logsigmoid(-false).sum()) / (5 * 18)
    torch.testing.assert_close(model.loss(*triples), expected)
    model.criterion = "softmax"
    weights = torch.cat([true[None], false]).softmax(dim=0)
    torch.testing.assert_close(model.loss(*triples), -weights[0].log().mean())


def test_without_inverses_half_of_the_samples_are_heads(
    triples: Triples, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, rel, tail = triples
    model = spread(RotH, 12, 3, 6, num_negatives=4, reciprocal=False)
    others = torch.randint(12, (4, 9))
    found = {4: others[:, :4], 5: others[:, 4:]}
    monkeypatch.setattr(torch, "randint", lambda _, shape, **__: found[shape[1]])
    total = logsigmoid(model(*triples)).sum()
    for some in others:
        heads, tails = torch.cat([some[:4], head[4:]]), torch.cat([tail[:4], some[4:]])
        total = total + logsigmoid(-model(heads, rel, tails)).sum()
    torch.testing.assert_close(model.loss(*triples), -total / 45)


def test_interface_is_pygs(kind: Kind, triples: Triples) -> None:
    model = spread(kind, 12, 3, 6, curvature=[0.5, 1.0, 2.0])
    assert repr(model) == f"{kind.__name__}(12, num_relations=3, hidden_channels=6)"
    head, rel, tail = model.random_sample(*triples)
    assert torch.equal(rel, triples[1])
    assert torch.equal(tail[:4], triples[2][:4])
    assert torch.equal(head[4:], triples[0][4:])
    assert model(*(index[:0] for index in triples)).shape == (0,)
    one = kind(12, 3, 6, reciprocal=False)
    assert one.loss(*(index[:1] for index in triples)) > 0
    model.loss(*triples).backward()
    report = curvature_report(model)
    assert len(report) == 3 and not any(state.blocked for state in report)
    other = kind(12, 3, 6)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(*triples), model(*triples))
    other.reset_parameters()
    assert other.node_emb.weight.abs().max() < 0.01
    torch.testing.assert_close(other.curvature().detach(), torch.ones(3).double())
