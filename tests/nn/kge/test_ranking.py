"""Ranks beside PyG's, and beside a loop over all entities."""

import math

import pytest
import torch
from torch import Tensor
from torch_geometric.nn.kge import KGEModel

from pyg_hyperbolic.nn.kge import HyperbolicKGEModel, RotH, evaluation
from pyg_hyperbolic.nn.kge.ranking import metrics, ranks_of
from tests.nn.kge.models import Kind, Triples, spread
from tests.where import each


def by_a_loop(model: HyperbolicKGEModel, triples: Triples, known: Triples) -> Tensor:
    """Ranks of tails, then of heads: one and those that are better and not known."""
    every = set(zip(*(index.tolist() for index in known), strict=True))
    entities, tails, heads = range(model.num_nodes), [], []

    def score(head: int, rel: int, tail: int, inverse: bool = False) -> float:
        if inverse and model.reciprocal:
            head, rel, tail = tail, rel + model.num_relations, head
        return model(*(torch.tensor([i]) for i in (head, rel, tail))).item()

    for h, r, t in zip(*(index.tolist() for index in triples), strict=True):
        wrong = [e for e in entities if (h, r, e) not in every and e != t]
        tails.append(1 + sum(score(h, r, e) > score(h, r, t) for e in wrong))
        wrong, true = [e for e in entities if (e, r, t) not in every and e != h], True
        heads.append(
            1 + sum(score(e, r, t, true) > score(h, r, t, true) for e in wrong)
        )
    return torch.tensor([*tails, *heads]).double()


@pytest.mark.parametrize("reciprocal", [True, False])
def test_filtered_ranks_are_those_of_a_loop(
    kind: Kind, reciprocal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "_SCORES", 30)  # several blocks of questions
    heads, tails = torch.randint(12, (2, 40))
    known = heads, torch.randint(3, (40,)), tails
    triples = tuple(index[:9] for index in known)
    options = {"curvature": [0.5, 1.0, 2.0], "reciprocal": reciprocal}
    model = spread(kind, 12, 3, 6, **options).double()
    expected = by_a_loop(model, triples, known)
    found = model.test_filtered(*triples, known, batch_size=5, log=False)
    assert found == pytest.approx(metrics(expected))
    # Answers need not be known, and more than they are filtered.
    nothing = tuple(index[:0] for index in known)
    alone = by_a_loop(model, triples, nothing)
    found = model.test_filtered(*triples, nothing, log=False)
    assert found == pytest.approx(metrics(alone))
    assert not torch.equal(alone, expected)


@each("geometry", ["hyperbolic", "euclidean"])
def test_unfiltered_ranks_are_pygs(kind: Kind, geometry: str, triples: Triples) -> None:
    model = spread(kind, 12, 3, 6, geometry=geometry)
    found = model.test(*triples, 5, k=3, log=False)
    assert found == pytest.approx(KGEModel.test(model, *triples, 5, k=3, log=False))


def test_metrics_are_what_they_are_called() -> None:
    found = metrics(torch.tensor([1.0, 2.0, 4.0, 20.0]).double())
    assert found.mean_rank == 6.75 and found.mrr == (1 + 1 / 2 + 1 / 4 + 1 / 20) / 4
    assert found[2:] == (0.25, 0.5, 0.75)


def test_ties_get_the_mean_of_their_ranks_and_nan_the_last() -> None:
    scores = torch.tensor([[1.0, 1.0, 1.0, 0.0, 2.0], [math.nan, 1.0, 1.0, 1.0, 1.0]])
    answer = torch.tensor([1, 0])
    assert ranks_of(scores, answer, None).tolist() == [3.0, 5.0]
    known = torch.tensor([0, 0]), torch.tensor([1, 4])  # the answer, and the better one
    assert ranks_of(scores, answer, known).tolist() == [2.0, 5.0]


def test_a_model_that_knows_nothing_ranks_in_the_middle(triples: Triples) -> None:
    """It scores all alike: no order of equals may make it look good."""
    model = RotH(12, 3, 6)
    torch.nn.init.zeros_(model.node_emb.weight)
    torch.nn.init.zeros_(model.rel_emb.weight)
    mean_rank, _, hits = model.test(*triples, 100, k=6, log=False)
    assert mean_rank == 5.5 and hits == 0
