"""Training runs meant to break: small trees, a learnable curvature, any learning rate.

A network puts the nodes of a random tree into hyperbolic space so that distances are
those of the tree, from random features.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch_geometric.utils import to_undirected

from benchmarks.numerics import FEATURES, HIDDEN, NODES, OUT, hops
from pyg_hyperbolic import Curvature, geometry
from pyg_hyperbolic.datasets.sir import random_tree
from pyg_hyperbolic.nn import HGAT, HGCN, HNN, HGraphSAGE, HyboNet

MODELS: dict[str, Callable[..., torch.nn.Module]] = {
    "hgcn": partial(HGCN, cached=True),
    "hgcn-tangent": partial(HGCN, aggregation="tangent", cached=True),
    "hgcn-local": partial(HGCN, aggregation="local", cached=True),
    "hgat": HGAT,
    "hgat-distance": partial(HGAT, score="distance"),
    "hsage": HGraphSAGE,
    "hybonet": HyboNet,
    "hybonet-bounded": partial(HyboNet, bounded=True),
    "hnn": HNN,
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One kind of run."""

    lr: float = 0.01
    steps: int = 200
    layers: int = 2
    model: str = "hgcn"
    dtype: str = "float32"
    features: float = 1.0  # their size
    c: float = 1.0  # at the start
    autocast: bool = False


# What others do not survive even at a small learning rate.
HARDER = {
    "features x 1e4": Setting(features=1e4),
    "features x 1e-8": Setting(features=1e-8),
    "lr 10": Setting(lr=10.0),
    "c from 1e-8": Setting(c=1e-8),
    "c from 1e3": Setting(c=1e3),
    "32 layers": Setting(layers=32, steps=50),
}


class Outcome(NamedTuple):
    """What became of a run."""

    losses: list[float]
    curvatures: list[float]  # of all layers, at the end
    finite: bool  # all points, always, and all parameters, at the end

    @property
    def survived(self) -> bool:
        """Nothing that is not a number, and no curvature that is not positive."""
        finite = self.finite and all(map(math.isfinite, self.losses))
        return finite and min(self.curvatures) > 0


def stress(setting: Setting, seed: int) -> Outcome:
    """Trains once, to the end or to the first loss that is not finite.

    Args:
        setting: What is done to the model.
        seed: Seed of the tree, the features and the weights.
    """
    torch.manual_seed(seed)
    dtype = getattr(torch, setting.dtype)
    parent = random_tree(NODES, 2.0, torch.Generator().manual_seed(seed))
    tree = to_undirected(torch.stack([torch.arange(NODES), parent])[:, 1:])
    sizes = (FEATURES, HIDDEN, setting.layers, OUT)
    model: Any = MODELS[setting.model](*sizes, curvature=setting.c).to(dtype)
    x = (setting.features * torch.randn(NODES, FEATURES)).to(dtype)
    i, j = torch.triu_indices(NODES, NODES, 1)
    steps = hops(parent)[i, j]
    optimizer = torch.optim.Adam(model.parameters(), lr=setting.lr)
    losses: list[float] = []
    finite = True
    for _ in range(setting.steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=setting.autocast):
            out, c = model(x, tree), model.convs[-1].curvature()
            # The logarithm, so that a start far out is a start and not an overflow.
            finite &= bool(out.isfinite().all())
            stretch = geometry.dist(out[i], out[j], c).float() / steps
        loss = (stretch - 1).square().mean().log1p()
        losses.append(loss.item())
        if not (finite and math.isfinite(losses[-1])):
            break
        loss.backward()
        optimizer.step()
    finite &= all(bool(p.isfinite().all()) for p in model.parameters())
    curvatures = [m().item() for m in model.modules() if isinstance(m, Curvature)]
    return Outcome(losses, curvatures, finite)
