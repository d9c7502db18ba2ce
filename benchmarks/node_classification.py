"""Node classification: accuracy and F1 of the nodes' classes.

Planetoid graphs have their public split; generated and HGCN's disease trees a
stratified split of 30 % for training, 10 % for validation and 60 % for testing.
Selection is by validation loss: scores that a constant prediction can reach, such as
the F1 of one class, would stop at the first epoch.
"""

import sys

import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data

from benchmarks.cli import main
from benchmarks.encoders import Encoder, prepare_graph
from benchmarks.presets import Preset
from benchmarks.training import Evaluation, Task


class NodeClassification(Task):
    """A graph with masks, and an encoder whose outputs are the logits."""

    name = "node_classification"

    def __init__(
        self, data: Data, model: str, preset: Preset, device: torch.device
    ) -> None:
        num_classes = int(data.y.max()) + 1
        self.encoder = Encoder(model, preset, data.num_features, num_classes)
        self.module = self.encoder.to(device)
        graph = prepare_graph(data, preset.adjacency)
        self.graph = type(graph)(*(tensor.to(device) for tensor in graph))
        self.y = data.y.to(device)
        self.train_mask = data.train_mask.to(device)
        self.parts = {"val": data.val_mask, "test": data.test_mask}

    def loss(self) -> Tensor:
        """Cross-entropy of the training nodes."""
        logits = self.encoder(self.graph)
        return cross_entropy(logits[self.train_mask], self.y[self.train_mask])

    def evaluate(self) -> Evaluation:
        """Metrics of validation and test nodes."""
        logits, y = self.encoder(self.graph).cpu(), self.y.cpu()
        predicted = logits.argmax(dim=-1)
        scores = {}
        for part, mask in self.parts.items():
            truth, guess = y[mask], predicted[mask]
            scores[part] = {
                "loss": cross_entropy(logits[mask], truth).item(),
                "accuracy": float(accuracy_score(truth, guess)),
                "macro_f1": float(
                    f1_score(truth, guess, average="macro", zero_division=0)
                ),
            }
            if int(y.max()) == 1:
                scores[part]["f1"] = float(f1_score(truth, guess, zero_division=0))
        return Evaluation(-scores["val"]["loss"], **scores)


if __name__ == "__main__":
    sys.exit(main(NodeClassification, __doc__))
