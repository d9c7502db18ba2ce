"""All hyper-parameters of the link prediction and node classification benchmarks.

They were chosen on validation scores alone: those of ``presets.json`` by
``benchmarks/search.py``, with as many trials for Euclidean as for hyperbolic models,
and those below before, as ``benchmarks/README.md`` tells.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# What ``benchmarks/search.py`` has found, by "task dataset", model and field.
FROZEN = Path(__file__).with_name("presets.json")
# Models that were not searched for take what was found for the one they are made from.
RELATIVES = {
    "hgcn-tangent": "hgcn",
    "hgcn-local": "hgcn",
    "hgat-distance": "hgat",
    "hsage": "hgcn",
    "sage": "gcn",
}


@dataclass(frozen=True)
class Preset:
    """Hyper-parameters of one training run."""

    layers: int = 2
    hidden_channels: int = 16
    out_channels: int = 16  # link prediction; node classification has one per class
    act: str | None = "relu"
    heads: int = 1  # of attention
    curvature: float | str = 1.0  # where it starts
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

# Its features tell nearly all, but slowly: training is as long as in HGCN's code.
_AIRPORT_NC_MODELS = {"*": Preset(hidden_channels=64, epochs=5000, patience=100)}

# CiteSeer has Cora's presets where the search left it out.
PRESETS: dict[tuple[str, str], dict[str, Preset]] = {
    ("link_prediction", "disease-tree"): _TREE_LP_MODELS,
    ("link_prediction", "disease"): _TREE_LP_MODELS,
    ("link_prediction", "cora"): _CITATION_LP_MODELS,
    ("link_prediction", "citeseer"): _CITATION_LP_MODELS,
    ("node_classification", "disease-tree"): _TREE_NC_MODELS,
    ("node_classification", "airport"): _AIRPORT_NC_MODELS,
    ("node_classification", "cora"): _CITATION_NC_MODELS,
    ("node_classification", "citeseer"): _CITATION_NC_MODELS,
}


def frozen() -> dict[str, dict[str, dict[str, Any]]]:
    """What the search has found."""
    return json.loads(FROZEN.read_text()) if FROZEN.exists() else {}


def preset(task: str, dataset: str, model: str) -> Preset:
    """The preset of a model; on a dataset of one's own, the default."""
    found = frozen().get(f"{task} {dataset}", {})
    by_hand = PRESETS.get((task, dataset), {})
    if model in found:
        return Preset(**found[model])
    if model in by_hand:
        return by_hand[model]
    if RELATIVES.get(model) in found:
        return Preset(**found[RELATIVES[model]])
    return by_hand.get("*", DEFAULT)
