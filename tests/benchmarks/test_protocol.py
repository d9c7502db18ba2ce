"""The protocol of the benchmarks: splits, negatives, selection, records."""

import json
from pathlib import Path

import pytest
import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from benchmarks import link_prediction, runs, training
from benchmarks.encoders import MODELS, Encoder, prepare_graph
from benchmarks.link_prediction import LinkPrediction
from benchmarks.presets import DEFAULT, PRESETS, Preset, preset
from benchmarks.report import table
from benchmarks.training import Evaluation, Task, fit
from pyg_hyperbolic.datasets import DiseaseTree

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tree() -> Data:
    return DiseaseTree(300)[0]


def pairs(edge_index: torch.Tensor) -> set[tuple[int, int]]:
    return {(int(u), int(v)) for u, v in edge_index.t()}


def test_messages_never_run_over_hidden_edges(tree: Data) -> None:
    seed_everything(0)
    task = LinkPrediction(tree, "hgcn", Preset(), CPU)
    message = pairs(task.graph.edge_index)
    edges = pairs(tree.edge_index)
    for part, share in (("val", 0.05), ("test", 0.1)):
        split = task.parts[part]
        hidden = pairs(split.edge_label_index[:, split.edge_label == 1])
        absent = pairs(split.edge_label_index[:, split.edge_label == 0])
        assert len(hidden) == int(share * 299)
        assert hidden <= edges and not absent & edges
        assert not hidden & message and not {(v, u) for u, v in hidden} & message
        assert all(u != v for u, v in absent)


def test_training_negatives_are_edges_of_no_part(
    tree: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_everything(0)
    task = LinkPrediction(tree, "gcn", Preset(), CPU)
    edges, drawn = pairs(tree.edge_index), set()
    sample = link_prediction.negative_sampling

    def record(*args: object) -> torch.Tensor:
        out = sample(*args)
        drawn.update(pairs(out))
        return out

    monkeypatch.setattr(link_prediction, "negative_sampling", record)
    for _ in range(20):
        task.loss()
    assert len(drawn) > 1000
    assert not drawn & edges
    assert all(u != v for u, v in drawn)


class Scripted(Task):
    """A task whose validation score is given, and whose test score is the epoch."""

    name = "scripted"

    def __init__(self, scores: list[float], loss: float = 1.0) -> None:
        self.module = torch.nn.Linear(1, 1)
        self.scores, self.value, self.evaluations = scores, loss, 0

    def loss(self) -> torch.Tensor:
        return self.value * self.module.weight.sum()

    def evaluate(self) -> Evaluation:
        score = self.scores[self.evaluations]
        self.evaluations += 1
        return Evaluation(score, {"score": score}, {"epoch": self.evaluations})


def test_selection_looks_at_validation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "EVALUATE_EVERY", 1)
    result = fit(Scripted([1, 3, 2, 2, 2, 9]), Preset(epochs=6, patience=3))
    assert result.best_epoch == 2 and result.best.test == {"epoch": 2}
    assert result.epochs == 5  # the 9 came too late


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="the loss of epoch 5 is nan"):
        fit(Scripted([1.0], loss=float("nan")), Preset(epochs=10))


def test_weight_decay_leaves_curvature_alone(tree: Data) -> None:
    task = LinkPrediction(tree, "hgcn", Preset(), CPU)
    before = task.encoder.curvature().item()
    task.loss = lambda: 0.0 * sum(p.sum() for p in task.module.parameters())
    fit(task, Preset(weight_decay=1.0, epochs=20, lr=0.1))
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
        _, (source, target), weight = prepare_graph(data, name)
        out = torch.zeros(3, 3).index_put((target, source), weight)
        torch.testing.assert_close(out, matrix)
    with pytest.raises(ValueError, match=r"'adjacency' must be .* \(got 'column'\)"):
        prepare_graph(data, "column")


@pytest.mark.parametrize("model", MODELS)
def test_sparse_features_are_encoded_as_dense_ones(model: str) -> None:
    x = torch.zeros(40, 30)
    x[torch.arange(40), torch.randint(30, (40,))] = 1.0
    edge_index = to_undirected(torch.randint(40, (2, 60)))
    graph = prepare_graph(Data(x=x, edge_index=edge_index), "row")
    assert graph.x.is_sparse
    encoder = Encoder(model, Preset(input_dropout=0.5), 30, 4).eval()
    torch.testing.assert_close(encoder(graph), encoder(graph._replace(x=x)))
    dropped = encoder.train()._drop(graph.x).to_dense()
    assert 0 < (dropped == 2).sum() < 40 and set(dropped.unique().tolist()) <= {0, 2}


def test_a_line_half_written_is_not_a_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    runs.append(path, {"seed": 0})
    with path.open("a") as file:
        file.write('{"seed": 1, "te')  # its process was killed here
    runs.append(path, {"seed": 2})
    assert [run["seed"] for run in runs.read(path)] == [0, 2]
    assert runs.read(tmp_path / "absent.jsonl") == []


def test_table_shows_mean_and_deviation_of_the_test_scores() -> None:
    base = {
        "task": "link_prediction",
        "dataset": "cora",
        "seconds_per_epoch": 0.002,
        "curvature": {"a": 1.0, "b": 0.25},
    }
    done = [
        {**base, "model": "hgcn", "test": {"roc_auc": score}} for score in (0.9, 0.92)
    ]
    done.append({**base, "model": "gcn", "error": "the loss is nan", "curvature": {}})
    text = table(done)
    assert "| 91.0 ± 1.4 |" in text
    assert "| 1, 0.25" in text
    assert "0, 1 failed" in text


def test_presets_are_known_models_and_json() -> None:
    for models in PRESETS.values():
        assert set(models) <= {*MODELS, "*"}
    assert preset("link_prediction", "some/file.pt", "hgcn") is DEFAULT
    json.dumps(vars(DEFAULT))
