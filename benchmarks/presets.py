"""All hyper-parameters of the link prediction and node classification benchmarks.

They were chosen on validation scores alone; what was tried, and with which command it
can be tried again, is in ``benchmarks/README.md``.  Euclidean and hyperbolic models
had the same choices and the same number of trials.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Preset:
    """Hyper-parameters of one training run."""

    layers: int = 2
    hidden_channels: int = 16
    out_channels: int = 16  # link prediction; node classification has one per class
    act: str | None = "relu"
    heads: int = 1  # of attention
    curvature: float = 1.0  # where it starts
    adjacency: str = "symmetric"  # normalization: "symmetric" or "row"
    input_dropout: float = 0.0
    dropout: float = 0.0  # between layers
    lr: float = 0.01
    weight_decay: float = 0.0  # of weights and biases, not of curvatures
    learn_decoder: bool = False  # r and t of the Fermi-Dirac decoder
    epochs: int = 600
    patience: int = 200  # epochs without a better validation score


DEFAULT = Preset()

# Citation graphs need strong regularization: few labels, features of 1433 words.
_CITATION_LP = Preset(
    lr=0.02,
    weight_decay=1e-4,
    input_dropout=0.8,
    dropout=0.3,
    learn_decoder=True,
    epochs=800,
)
_CITATION_NC = Preset(weight_decay=1e-3, input_dropout=0.9, dropout=0.8, act="elu")
_TREE_NC = Preset(lr=0.02, epochs=500, patience=100)

# For each kind of graph the preset of a model, and of all others under "*".
_TREE_LP_MODELS = {"hgcn": Preset(), "*": Preset(adjacency="row")}
_CITATION_LP_MODELS = {
    "hgcn": _CITATION_LP,
    "*": replace(_CITATION_LP, adjacency="row"),
}
_TREE_NC_MODELS = {
    "hgcn": replace(_TREE_NC, adjacency="row", curvature=5.0),
    "*": _TREE_NC,
}
_CITATION_NC_MODELS = {
    "hgcn": replace(_CITATION_NC, lr=0.02, adjacency="row", curvature=0.5),
    "hgcn-tangent": replace(_CITATION_NC, adjacency="row"),
    "gat": Preset(
        hidden_channels=32,
        weight_decay=5e-4,
        input_dropout=0.6,
        dropout=0.5,
        act="elu",
    ),
    "*": Preset(hidden_channels=64, weight_decay=5e-4, input_dropout=0.8, dropout=0.8),
}

# CiteSeer has Cora's presets: nothing was searched for on it.
PRESETS: dict[tuple[str, str], dict[str, Preset]] = {
    ("link_prediction", "disease-tree"): _TREE_LP_MODELS,
    ("link_prediction", "disease"): _TREE_LP_MODELS,
    ("link_prediction", "cora"): _CITATION_LP_MODELS,
    ("link_prediction", "citeseer"): _CITATION_LP_MODELS,
    ("node_classification", "disease-tree"): _TREE_NC_MODELS,
    ("node_classification", "cora"): _CITATION_NC_MODELS,
    ("node_classification", "citeseer"): _CITATION_NC_MODELS,
}


def preset(task: str, dataset: str, model: str) -> Preset:
    """The preset of a model; on a dataset of one's own, the default."""
    models = PRESETS.get((task, dataset), {})
    return models.get(model, models.get("*", DEFAULT))
