"""Link prediction: edges that were hidden, beside pairs that are none.

5 % of the edges are hidden for validation and 10 % for testing; messages run over the
training edges alone.  Each epoch draws fresh negative pairs, none of which is an edge
of any part, or a node with itself.  The logit of a pair is that of the Fermi-Dirac
decoder on squared distances.  Selection is by validation ROC AUC against random pairs;
the selected model is tested against hard ones too, of ``negatives.py``.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.nn.functional import softplus
from torch_geometric import seed_everything
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import add_self_loops

from benchmarks.common.encoders import Encoder, prepare_graph
from benchmarks.common.negatives import HEURISTICS, hard_negatives, ranking
from benchmarks.common.presets import LINKS, Preset
from benchmarks.common.training import Evaluation, Task
from pyg_hyperbolic import kernels
from pyg_hyperbolic.nn import FermiDiracDecoder
from pyg_hyperbolic.utils import embedding_quality


class Split(NamedTuple):
    """The parts of a graph's edges."""

    train: Data
    val: Data
    test: Data


def split_links(data: Data, seed: int) -> Split:
    """Hides edges; the same for every model."""
    return _split(data.x, data.edge_index, seed)


def hard_pairs(data: Data, seed: int) -> tuple[Tensor, Tensor]:
    """Test edges [2, E], and for each its hard negatives [2, E, K]."""
    return _hard_pairs(data.x, data.edge_index, seed)


@lru_cache(maxsize=4)  # by identity: a graph's tensors are the same for all models
def _split(x: Tensor, edge_index: Tensor, seed: int) -> Split:
    seed_everything(seed)
    return Split(
        *RandomLinkSplit(
            num_val=0.05,
            num_test=0.1,
            is_undirected=True,
            add_negative_train_samples=False,
        )(Data(x=x, edge_index=edge_index))
    )


@lru_cache(maxsize=4)
def _hard_pairs(x: Tensor, edge_index: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    train, _, test = _split(x, edge_index, seed)
    edges = test.edge_label_index[:, test.edge_label == 1]
    return edges, hard_negatives(edges, train.edge_index, edge_index, seed)


def scores_of(logits: Tensor, part: Data) -> dict[str, float]:
    """Metrics of a part's edges beside as many random pairs."""
    return {
        "roc_auc": float(roc_auc_score(part.edge_label, logits)),
        "average_precision": float(average_precision_score(part.edge_label, logits)),
    }


class LinkPrediction(Task):
    """A split of the edges, an encoder and a decoder."""

    name, main = LINKS, "roc_auc"

    def __init__(
        self, data: Data, model: str, preset: Preset, seed: int, device: torch.device
    ) -> None:
        self.data, self.seed, self.split = data, seed, split_links(data, seed)
        seed_everything(seed)
        encoder = Encoder(model, preset, data.num_features, preset.out_channels)
        decoder = FermiDiracDecoder(learnable=preset.learn_decoder)
        self.module = torch.nn.ModuleList([encoder, decoder]).to(device)
        self.encoder, self.decoder = encoder, decoder
        self.graph = prepare_graph(self.split.train, preset.adjacency).to(device)
        self.positive = self.split.train.edge_label_index.to(device)
        # Pairs that are never drawn as negatives, as numbers in ascending order.
        excluded, _ = add_self_loops(data.edge_index, num_nodes=data.num_nodes)
        self.excluded = (excluded[0] * data.num_nodes + excluded[1]).unique()

    def logits(self, z: Tensor, pairs: Tensor) -> Tensor:
        """Of pairs of nodes, shape [2, ...]."""
        first, second = pairs.flatten(1).to(z.device)
        c = torch.as_tensor(self.encoder.curvature(), dtype=z.dtype, device=z.device)
        square = kernels.sqdist(z, z, c, first, second)
        return self.decoder.logits(square).view(pairs.shape[1:])

    def negatives(self, number: int) -> Tensor:
        """Random pairs [2, number] that are no edges, a few less on dense graphs."""
        nodes = self.data.num_nodes
        drawn = torch.randint(nodes**2, (number + number // 8 + 8,))
        place = torch.searchsorted(self.excluded, drawn)
        nearest = self.excluded[place.clamp(max=len(self.excluded) - 1)]
        drawn = drawn[nearest != drawn][:number]
        return torch.stack([drawn // nodes, drawn % nodes])

    def loss(self) -> Tensor:
        """Binary cross-entropy with as many negatives as positives."""
        z, number = self.encoder(self.graph), self.positive.size(1)
        negative = self.negatives(number).to(self.positive.device)
        logits = self.logits(z, torch.cat([self.positive, negative], dim=1))
        attracted = softplus(-logits[:number]).mean()
        return attracted + softplus(logits[number:]).mean()

    def evaluate(self) -> Evaluation:
        """Metrics of validation and test pairs."""
        z = self.encoder(self.graph)
        val, test = (
            scores_of(self.logits(z, part.edge_label_index).cpu(), part)
            for part in self.split[1:]
        )
        return Evaluation(val["roc_auc"], val, test)

    def finish(self) -> dict[str, float]:
        """Ranks among hard negatives, and the graph's distances in the embedding."""
        z = self.encoder(self.graph)
        edges, hard = hard_pairs(self.data, self.seed)
        ranks = ranking(self.logits(z, edges), self.logits(z, hard))
        quality = embedding_quality(
            z, self.encoder.curvature(), self.data.edge_index, seed=self.seed
        )
        return {**ranks, **quality._asdict()}


def by_heuristic(name: str, data: Data, seed: int) -> dict[str, dict[str, float]]:
    """Scores of a rule that learns nothing, on validation and test."""
    split, rule = split_links(data, seed), HEURISTICS[name]
    table = rule(split.train.edge_index, data.num_nodes)
    edges, hard = hard_pairs(data, seed)

    def read(pairs: Tensor) -> Tensor:
        return torch.from_numpy(table[pairs[0].numpy(), pairs[1].numpy()])

    val, test = (scores_of(read(part.edge_label_index), part) for part in split[1:])
    return {"val": val, "test": {**test, **ranking(read(edges), read(hard))}}
