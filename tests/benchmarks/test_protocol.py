"""The protocol of the benchmarks: splits, negatives, selection, records."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data
from torch_geometric.utils import from_networkx, to_undirected

from benchmarks.common import negatives, runs, training
from benchmarks.common.classes import NodeClassification
from benchmarks.common.encoders import MODELS, Encoder, prepare_graph
from benchmarks.common.graphs import balanced_masks, load_graph
from benchmarks.common.links import LinkPrediction, hard_pairs, split_links
from benchmarks.common.negatives import HEURISTICS, hard_negatives, ranking
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.training import Evaluation, Task, fit
from pyg_hyperbolic.datasets import DiseaseTree
from tests.where import each

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tree() -> Data:
    return DiseaseTree(300)[0]


def pairs(edge_index: torch.Tensor) -> set[tuple[int, int]]:
    return {(int(u), int(v)) for u, v in edge_index.flatten(1).t()}


def test_messages_never_run_over_hidden_edges(tree: Data) -> None:
    task = LinkPrediction(tree, "hgcn", Preset(), 0, CPU)
    message, edges = pairs(task.graph.edge_index), pairs(tree.edge_index)
    for split, share in ((task.split.val, 0.05), (task.split.test, 0.1)):
        hidden = pairs(split.edge_label_index[:, split.edge_label == 1])
        absent = pairs(split.edge_label_index[:, split.edge_label == 0])
        assert len(hidden) == int(share * 299)
        assert hidden <= edges and not absent & edges
        assert not hidden & message and not {(v, u) for u, v in hidden} & message
        assert all(u != v for u, v in absent)
    again = LinkPrediction(tree, "gcn", Preset(), 0, CPU)
    assert again.split is task.split is not split_links(tree, 1)
    anew = split_links(tree.clone(), 0)  # by whatever was drawn before
    assert torch.equal(anew.test.edge_label_index, task.split.test.edge_label_index)


def test_training_negatives_are_edges_of_no_part(tree: Data) -> None:
    task = LinkPrediction(tree, "gcn", Preset(), 0, CPU)
    edges, drawn = pairs(tree.edge_index), set()
    for _ in range(20):
        found = task.negatives(400)
        assert found.shape == (2, 400)
        drawn |= pairs(found)
    assert len(drawn) > 7000 and max(map(max, drawn)) == 299
    assert not drawn & edges and all(u != v for u, v in drawn)


def test_hard_negatives_share_an_end_and_are_no_edges(tree: Data) -> None:
    edges, hard = hard_pairs(tree, 0)
    half = negatives.PER_END
    assert hard.shape == (2, edges.size(1), 2 * half)
    assert (hard[0, :, :half] == edges[0, :, None]).all()
    assert (hard[1, :, half:] == edges[1, :, None]).all()
    assert not pairs(hard) & pairs(tree.edge_index)
    assert (hard[0] != hard[1]).all()
    assert torch.equal(hard, hard_pairs(tree, 0)[1])


def test_hard_negatives_are_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    # Node 0 shares two neighbors with 3, one with 4, and none with the path 5, 6, 7.
    graph = networkx.Graph([(0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (4, 5)])
    networkx.add_path(graph, [5, 6, 7])
    every = from_networkx(graph).edge_index
    monkeypatch.setattr(negatives, "PER_END", 2)
    hard = hard_negatives(torch.tensor([[0], [1]]), every, every, 0)
    assert hard[1, 0, :2].sort().values.tolist() == [3, 4]
    few = hard_negatives(torch.tensor([[0], [1]]), every[:, :4], every[:, :4], 0)
    assert few.shape == (2, 1, 4)  # some of them twice


def test_rules_and_pagerank_are_those_of_networkx() -> None:
    graph = networkx.karate_club_graph()
    edge_index = from_networkx(graph).edge_index
    every = [(i, j) for i in graph for j in graph if i != j]
    expected = {
        "common neighbors": [len(set(graph[i]) & set(graph[j])) for i, j in every],
        "Adamic-Adar": [s for *_, s in networkx.adamic_adar_index(graph, every)],
        "degree product": [graph.degree(i) * graph.degree(j) for i, j in every],
    }
    for name, rule in HEURISTICS.items():
        found = rule(edge_index, len(graph))
        got = [found[i, j] for i, j in every]
        np.testing.assert_allclose(got, expected[name], rtol=1e-5)
    found = negatives.pagerank(edge_index, len(graph), np.array([5]))[0]
    options = {"personalization": {5: 1}, "tol": 1e-10, "weight": None}
    exact = networkx.pagerank(graph, alpha=0.85, **options)
    np.testing.assert_allclose(found, [exact[i] for i in graph], atol=0.01)


def test_ranks_with_ties() -> None:
    scores = torch.tensor([2.0, 0.0]), torch.tensor([[3.0, 2, 1, 0], [0.0, 0, 0, 0]])
    found = ranking(*scores)
    assert found["mrr"] == pytest.approx((1 / 2.5 + 1 / 3) / 2)
    assert found["hits_10"] == 1
    assert ranking(torch.zeros(1), torch.ones(1, 10))["hits_10"] == 0


class Scripted(Task):
    """A task whose validation score is given, and whose test score is the epoch."""

    name = "scripted"

    def __init__(self, scores: list[float], loss: float = 1.0) -> None:
        self.module = torch.nn.Linear(1, 1)
        self.scores, self.value, self.evaluations = scores, loss, 0
        self.weights: list[float] = []

    def loss(self) -> torch.Tensor:
        return self.value * self.module.weight.sum()

    def evaluate(self) -> Evaluation:
        score = self.scores[self.evaluations]
        self.evaluations += 1
        self.weights.append(self.module.weight.item())
        return Evaluation(score, {"score": score}, {"epoch": self.evaluations})


def test_selection_looks_at_validation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "EVALUATE_EVERY", 1)
    task, seen = Scripted([1, 3, 2, 2, 2, 9]), []
    preset = Preset(epochs=6, patience=3)
    result = fit(task, preset, lambda epoch, best: seen.append((epoch, best)))
    assert result.best_epoch == 2 and result.best.test == {"epoch": 2}
    assert result.epochs == 5  # the 9 came too late
    assert seen == [(1, 1), (2, 3), (3, 3), (4, 3), (5, 3)]
    assert task.module.weight.item() == task.weights[1] != task.weights[-1]


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="the loss of epoch 5 is nan"):
        fit(Scripted([1.0], loss=float("nan")), Preset(epochs=10))


def test_weight_decay_leaves_curvature_alone(tree: Data) -> None:
    task = LinkPrediction(tree, "hgcn", Preset(), 0, CPU)
    before = task.encoder.curvature().item()
    task.loss = lambda: 0.0 * sum(p.sum() for p in task.module.parameters())  # type: ignore[method-assign]
    fit(task, Preset(weight_decay=1.0, epochs=3, lr=0.1))
    assert task.encoder.curvature().item() == before


def test_adjacencies_are_the_dense_ones() -> None:
    edge_index = to_undirected(torch.tensor([[0, 0], [1, 2]]))
    data = Data(x=torch.eye(3), edge_index=edge_index)
    dense = torch.tensor([[1.0, 1, 1], [1, 1, 0], [1, 0, 1]])
    degree = dense.sum(1)
    expected = {
        "row": dense / degree[:, None],
        "symmetric": dense / (degree[:, None] * degree).sqrt(),
    }
    for name, matrix in expected.items():
        found = prepare_graph(data, name)
        torch.testing.assert_close(found.adjacency.to_dense(), matrix)
        assert pairs(found.edge_index) == pairs((matrix.T > 0).nonzero().t())
    with pytest.raises(ValueError, match=r"'adjacency' must be .* \(got 'column'\)"):
        prepare_graph(data, "column")


@each("change", [{}, {"norm": True, "residual": True, "layers": 3}])
@each("model", MODELS)
def test_sparse_features_are_encoded_as_dense_ones(
    model: str, change: dict[str, Any]
) -> None:
    seed_everything(0)
    x = torch.zeros(40, 30)
    x[torch.arange(40), torch.randint(30, (40,))] = 1.0
    edge_index = to_undirected(torch.randint(40, (2, 60)))
    graph = prepare_graph(Data(x=x, edge_index=edge_index), "row")
    assert graph.x.is_sparse
    encoder = Encoder(model, Preset(input_dropout=0.5, **change), 30, 4).eval()
    out = encoder(graph)
    torch.testing.assert_close(out, encoder(graph._replace(x=x)))
    dropped = encoder.train()._drop(graph.x).to_dense()
    assert 0 < (dropped == 2).sum() < 40 and set(dropped.unique().tolist()) <= {0, 2}
    if change:  # all that was asked for has a part in it
        out.square().sum().backward()
        names = [n for n, p in encoder.named_parameters() if p.grad is None]
        assert not names
        assert len(encoder.maps) == 3 and len(encoder.norms) == 2


def test_classes_are_balanced_in_random_splits() -> None:
    y = torch.arange(2000) % 7
    train, val, test = balanced_masks(y, 0)
    assert torch.bincount(y[train]).tolist() == [20] * 7
    assert int(val.sum()) == 500 and int(test.sum()) == 1000
    assert not (train & val).any() and not ((train | val) & test).any()
    assert not torch.equal(test, balanced_masks(y, 1)[2])


def test_graphs_by_name() -> None:
    one = load_graph("synthetic-tree-0.2", LINKS, 0)
    scaled = load_graph("synthetic-tree-0.2 x 100", LINKS, 0)
    torch.testing.assert_close(scaled.x, 100 * one.x)
    blocks = load_graph("blocks", CLASSES, 0)
    assert blocks.x.norm(dim=1).mean().item() == pytest.approx(8, rel=1e-4)
    masks = blocks.train_mask, blocks.val_mask, blocks.test_mask
    assert [int(mask.sum()) for mask in masks] == [100, 500, 900]


def test_two_classes_are_selected_by_macro_f1(tree: Data) -> None:
    task = NodeClassification(tree, "mlp", Preset(), 0, CPU)
    task.module.eval()
    found = task.evaluate()
    expected = found.val["macro_f1"] - 1e-4 * found.val["loss"]
    assert found.score == pytest.approx(expected) and "f1" in found.test


def test_a_line_half_written_is_not_a_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    runs.append(path, {"seed": 0})
    with path.open("a") as file:
        file.write('{"seed": 1, "te')  # its process was killed here
    runs.append(path, {"seed": 2})
    assert [run["seed"] for run in runs.read(path)] == [0, 2]
    assert runs.read(tmp_path / "absent.jsonl") == []
