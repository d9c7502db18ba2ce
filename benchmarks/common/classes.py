"""Node classification: accuracy and F1 of the nodes' classes.

Selection is by validation accuracy, or macro F1 where there are but two classes, of
which one may be rare; the loss decides between equal ones.
"""

import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data

from benchmarks.common.encoders import Encoder, prepare_graph
from benchmarks.common.presets import CLASSES, Preset
from benchmarks.common.training import Evaluation, Task


class NodeClassification(Task):
    """A graph with masks, and an encoder whose outputs are the logits."""

    name, main = CLASSES, "accuracy"

    def __init__(
        self, data: Data, model: str, preset: Preset, seed: int, device: torch.device
    ) -> None:
        num_classes = int(data.y.max()) + 1
        self.encoder = Encoder(model, preset, data.num_features, num_classes)
        self.module = self.encoder.to(device)
        self.graph = prepare_graph(data, preset.adjacency).to(device)
        self.y, self.two = data.y.to(device), num_classes == 2
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
            macro = f1_score(truth, guess, average="macro", zero_division=0)
            scores[part] = {
                "loss": cross_entropy(logits[mask], truth).item(),
                "accuracy": float(accuracy_score(truth, guess)),
                "macro_f1": float(macro),
            }
            if self.two:
                scores[part]["f1"] = float(f1_score(truth, guess, zero_division=0))
        own = scores["val"]
        score = own["macro_f1" if self.two else "accuracy"] - 1e-4 * own["loss"]
        return Evaluation(score, **scores)
