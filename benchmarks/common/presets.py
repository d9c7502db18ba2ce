"""Hyper-parameters of a run, and those that the search has found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINKS, CLASSES = "link_prediction", "node_classification"

# What ``benchmarks/search.py`` has found, by "task dataset" and model.
FOUND = Path(__file__).parents[1] / "results" / "presets.json"


@dataclass(frozen=True)
class Preset:
    """Hyper-parameters of one training run."""

    layers: int = 2
    hidden_channels: int = 16
    out_channels: int = 16  # of links; of classes there are as many as classes
    heads: int = 1  # of attention, in hidden layers
    adjacency: str = "row"  # how weights are normalized: "row" or "symmetric"
    norm: bool = False  # batch normalization between layers
    residual: bool = False  # a linear map of its input is added to each layer
    act: str = "relu"
    input_dropout: float = 0.0
    dropout: float = 0.0  # between layers
    curvature: float | str = 1.0  # where it starts
    scale: bool = False  # see HGCNConv; of layers that know it
    learn_decoder: bool = True  # r and t of the Fermi-Dirac decoder
    lr: float = 0.01
    curvature_lr: float | None = None  # by default lr
    weight_decay: float = 0.0  # of weights and biases, not of curvatures
    epochs: int = 500
    patience: int = 150  # epochs without a better validation score


def longest(task: str, dataset: str) -> dict[str, Any]:
    """How long a model trains, the same for all models."""
    if (task, dataset) == (CLASSES, "airport"):  # its features tell all, but slowly
        return {"epochs": 1500, "patience": 300}
    return {"epochs": 500, "patience": 150}


def found() -> dict[str, dict[str, dict[str, Any]]]:
    """What the search has found."""
    return json.loads(FOUND.read_text()) if FOUND.exists() else {}


def preset(task: str, dataset: str, model: str) -> Preset:
    """The hyper-parameters of a model; the defaults where nothing was searched."""
    own = found().get(f"{task} {dataset}", {}).get(model, {}).get("preset", {})
    return Preset(**{**longest(task, dataset), **own})
