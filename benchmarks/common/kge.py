"""The training of a model of a knowledge graph."""

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.common.triples import KnowledgeGraph
from pyg_hyperbolic import parameter_groups
from pyg_hyperbolic.nn.kge import HyperbolicKGEModel


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of a run."""

    dim: int = 32
    geometry: str = "hyperbolic"
    criterion: str = "bce"
    num_negatives: int = 50
    batch_size: int = 500
    lr: float = 0.01
    curvature: float = 1.0
    epochs: int = 200
    every: int = 10  # epochs between validations
    patience: int = 3  # validations without a better MRR


def train(
    model: HyperbolicKGEModel, graph: KnowledgeGraph, settings: Settings, name: str
) -> dict[str, Any]:
    """Trains until validation stands still; the model ends as it was at its best."""
    groups = parameter_groups(model, 0.0, lr=settings.lr)
    optimizer = torch.optim.Adam(groups, fused=True)
    loader = model.loader(*graph.train, batch_size=settings.batch_size, shuffle=True)
    best, best_epoch, state = -math.inf, 0, model.state_dict()
    curve: list[tuple[int, float, float]] = []
    seconds: list[float] = []
    bar = tqdm(range(1, settings.epochs + 1), name, leave=False, disable=None)
    for epoch in bar:
        start, total = time.perf_counter(), 0.0
        for batch in loader:
            optimizer.zero_grad()
            loss = model.loss(*batch)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        seconds.append(time.perf_counter() - start)
        if epoch % settings.every and epoch != settings.epochs:
            continue
        if not math.isfinite(total):
            return {"error": f"the loss of epoch {epoch} is {total}"}
        mrr = model.test_filtered(*graph.val, graph.known, log=False).mrr
        curve.append((epoch, total, mrr))
        if mrr > best:
            best, best_epoch = mrr, epoch
            state = {key: value.clone() for key, value in model.state_dict().items()}
        bar.set_postfix(loss=f"{total:.4f}", mrr=f"{mrr:.4f}", best=f"{best:.4f}")
        if epoch - best_epoch >= settings.patience * settings.every:
            break
    model.load_state_dict(state)
    return {
        "score": best,
        "best_epoch": best_epoch,
        "epochs": epoch,
        "seconds_per_epoch": median(seconds),
        "curve": curve,
    }
