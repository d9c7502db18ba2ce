"""Link prediction: ROC AUC and average precision on edges that were hidden.

5 % of the edges are hidden for validation and 10 % for testing, with as many pairs
that are no edges; messages run over the training edges alone.  Each epoch draws fresh
negative pairs, none of which is an edge of any part, or a node with itself.  The
logit of a pair is that of the Fermi-Dirac decoder on squared distances.  Selection is
by validation ROC AUC.
"""

import sys

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.nn.functional import softplus
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import add_self_loops, negative_sampling

from benchmarks.cli import main
from benchmarks.encoders import Encoder, prepare_graph
from benchmarks.presets import Preset
from benchmarks.training import Evaluation, Task
from pyg_hyperbolic.nn import FermiDiracDecoder


class LinkPrediction(Task):
    """A split of the edges, an encoder and a decoder."""

    name = "link_prediction"

    def __init__(
        self, data: Data, model: str, preset: Preset, device: torch.device
    ) -> None:
        train, val, test = RandomLinkSplit(
            num_val=0.05,
            num_test=0.1,
            is_undirected=True,
            add_negative_train_samples=False,
        )(Data(x=data.x, edge_index=data.edge_index))
        encoder = Encoder(model, preset, data.num_features, preset.out_channels)
        decoder = FermiDiracDecoder(learnable=preset.learn_decoder)
        self.module = torch.nn.ModuleList([encoder, decoder]).to(device)
        self.encoder, self.decoder = encoder, decoder
        graph = prepare_graph(train, preset.adjacency)
        self.graph = type(graph)(*(tensor.to(device) for tensor in graph))
        self.num_nodes = data.num_nodes
        self.positive = train.edge_label_index.to(device)
        # Pairs that are never drawn as negatives.
        self.excluded, _ = add_self_loops(data.edge_index, num_nodes=self.num_nodes)
        self.parts = {"val": val, "test": test}

    def _logits(self, z: Tensor, pairs: Tensor) -> Tensor:
        return self.decoder(z[pairs[0]], z[pairs[1]], self.encoder.curvature())

    def loss(self) -> Tensor:
        """Binary cross-entropy with as many negatives as positives."""
        z = self.encoder(self.graph)
        negative = negative_sampling(
            self.excluded, self.num_nodes, self.positive.size(1)
        )
        positive = self._logits(z, self.positive)
        negative = self._logits(z, negative.to(z.device))
        return softplus(-positive).mean() + softplus(negative).mean()

    def evaluate(self) -> Evaluation:
        """Metrics of validation and test pairs."""
        z = self.encoder(self.graph)
        scores = {}
        for part, split in self.parts.items():
            logits = self._logits(z, split.edge_label_index.to(z.device)).cpu()
            scores[part] = {
                "roc_auc": float(roc_auc_score(split.edge_label, logits)),
                "average_precision": float(
                    average_precision_score(split.edge_label, logits)
                ),
            }
        return Evaluation(scores["val"]["roc_auc"], **scores)


if __name__ == "__main__":
    sys.exit(main(LinkPrediction, __doc__))
