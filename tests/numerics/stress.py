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
from torch import Tensor
from torch_geometric.utils import to_undirected

from pyg_hyperbolic import Curvature, geometry
from pyg_hyperbolic.nn import HGAT, HGCN, HNN, HGraphSAGE, HyboNet

NODES, FEATURES, HIDDEN, OUT = 48, 16, 16, 8
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


class Tree(NamedTuple):
    """A random tree, with the numbers of steps between its nodes."""

    edge_index: Tensor
    hops: Tensor
    x: Tensor


def random_tree(seed: int) -> Tree:
    """Every node hangs on one of those before it."""
    generator = torch.Generator().manual_seed(seed)
    child = torch.arange(1, NODES)
    parent = (torch.rand(NODES - 1, generator=generator) * child).long()
    hops = torch.zeros(NODES, NODES)
    for i, j in zip(child.tolist(), parent.tolist(), strict=True):
        hops[i, :i] = hops[:i, i] = hops[j, :i] + 1
    edge_index = to_undirected(torch.stack([child, parent]))
    return Tree(edge_index, hops, torch.randn(NODES, FEATURES, generator=generator))


class Ours(torch.nn.Module):
    """This package's model, as its users build it."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        sizes = (FEATURES, HIDDEN, setting.layers, OUT)
        self.model: Any = MODELS[setting.model](*sizes, curvature=setting.c)

    def forward(self, x: Tensor, tree: Tree) -> tuple[Tensor, Tensor]:
        """Points and their curvature."""
        c: Tensor = self.model.convs[-1].curvature()
        return self.model(x, tree.edge_index), c

    def curvatures(self) -> list[float]:
        """All of them."""
        modules = self.model.modules()
        return [m().item() for m in modules if isinstance(m, Curvature)]


def stress(setting: Setting, seed: int) -> Outcome:
    """Trains once, to the end or to the first loss that is not finite.

    Args:
        setting: What is done to the model.
        seed: Seed of the tree, the features and the weights.
    """
    torch.manual_seed(seed)
    tree, dtype = random_tree(seed), getattr(torch, setting.dtype)
    model = Ours(setting).to(dtype)
    x = (setting.features * tree.x).to(dtype)
    i, j = torch.triu_indices(NODES, NODES, 1)
    hops = tree.hops[i, j]
    optimizer = torch.optim.Adam(model.parameters(), lr=setting.lr)
    losses: list[float] = []
    finite = True
    for _ in range(setting.steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=setting.autocast):
            out, c = model(x, tree)
            # The logarithm, so that a start far out is a start and not an overflow.
            finite &= bool(out.isfinite().all())
            stretch = geometry.dist(out[i], out[j], c).float() / hops
        loss = (stretch - 1).square().mean().log1p()
        losses.append(loss.item())
        if not (finite and math.isfinite(losses[-1])):
            break
        loss.backward()
        optimizer.step()
    finite &= all(bool(p.isfinite().all()) for p in model.parameters())
    return Outcome(losses, model.curvatures(), finite)
