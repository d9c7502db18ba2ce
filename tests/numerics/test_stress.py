"""Training runs meant to break: small trees, a learnable curvature, any learning rate.

A network puts the nodes of a random tree into hyperbolic space so that distances are
those of the tree, from random features.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch_geometric.utils import to_undirected

from benchmarks.numerics import FEATURES, HIDDEN, NODES, OUT, hops
from pyg_hyperbolic import Curvature, geometry
from pyg_hyperbolic.datasets.sir import random_tree
from pyg_hyperbolic.nn import HGAT, HGCN, HNN, HGCNConv, HGraphSAGE, HyboNet
from tests.where import each

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
    steps: int = 12
    layers: int = 2
    model: str = "hgcn"
    dtype: str = "float32"
    features: float = 1.0  # their size
    c: float = 1.0  # at the start
    autocast: bool = False


DTYPES = ["float32", "bfloat16"]
# What others do not survive even at a small learning rate.
HARDER: list[dict[str, Any]] = [
    {"features": 1e4},
    {"features": 1e-8},
    {"lr": 10.0},
    {"c": 1e-8},
    {"c": 1e3},
    {"layers": 32, "steps": 3},
]
# The first model meets all of it, another one each dtype, and settings in turn.
SETTINGS = [Setting(lr=1.0, steps=100)]
SETTINGS += [Setting(dtype=dtype, **hard) for hard in HARDER for dtype in DTYPES]
for i, model in enumerate(MODELS):
    SETTINGS.append(Setting(lr=1.0, steps=20, model=model, dtype=DTYPES[i % 2]))
for i, model in enumerate([*MODELS][1:]):
    hard = HARDER[i % len(HARDER)]
    SETTINGS.append(Setting(model=model, dtype=DTYPES[i // 3 % 2], **hard))


def train(setting: Setting) -> list[float]:
    """Losses of a run that has to survive: nothing may stop being a number."""
    torch.manual_seed(0)
    dtype = getattr(torch, setting.dtype)
    parent = random_tree(NODES, 2.0, torch.Generator().manual_seed(0))
    tree = to_undirected(torch.stack([torch.arange(NODES), parent])[:, 1:])
    sizes = (FEATURES, HIDDEN, setting.layers, OUT)
    model: Any = MODELS[setting.model](*sizes, curvature=setting.c).to(dtype)
    x = (setting.features * torch.randn(NODES, FEATURES)).to(dtype)
    i, j = torch.triu_indices(NODES, NODES, 1)
    steps = hops(parent)[i, j]
    optimizer = torch.optim.Adam(model.parameters(), lr=setting.lr)
    losses: list[float] = []
    for step in range(setting.steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=setting.autocast):
            out, c = model(x, tree), model.convs[-1].curvature()
            stretch = geometry.dist(out[i], out[j], c).float() / steps
        # The logarithm, so that a start far out is a start and not an overflow.
        loss = (stretch - 1).square().mean().log1p()
        assert out.isfinite().all(), f"step {step}: points"
        assert loss.isfinite(), f"step {step}: loss"
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.isfinite().all(), name
    curvatures = [m().item() for m in model.modules() if isinstance(m, Curvature)]
    assert min(curvatures) > 0, curvatures
    return losses


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_training_survives(setting: Setting) -> None:
    train(setting)


def smooth(losses: Sequence[float]) -> torch.Tensor:
    return torch.tensor(losses).unfold(0, 10, 5).mean(dim=-1)


def test_loss_curves_of_bfloat16_are_those_of_float32() -> None:
    """Two seeds differ by 0.03 and more; a wrong operation shows at once."""
    setting = Setting(lr=0.03, steps=40)
    expected = smooth(train(setting))
    for change in ({"dtype": "bfloat16"}, {"autocast": True}):
        losses = train(dataclasses.replace(setting, **change))
        assert (smooth(losses) - expected).abs().max() < 0.01, change
    assert expected[-1] < 0.6 * expected[0]  # it learns at all


@each("dtype", [torch.bfloat16, torch.float16])
@each("aggregation", ["midpoint", "tangent", "local"])
def test_half_precision_layers_lose_one_rounding_at_the_end(
    aggregation: str, dtype: torch.dtype
) -> None:
    """Row scalars in float32: nothing but inputs and the result is rounded."""
    conv = HGCNConv(4, 4, aggregation=aggregation, bias=False)
    with torch.no_grad():  # a product with the unit matrix rounds nothing
        conv.lin.weight.copy_(torch.eye(4))
    x, edge_index = (2 * torch.randn(20, 4)).to(dtype), torch.randint(0, 20, (2, 60))
    expected = conv(x.float(), edge_index)
    out = conv.to(dtype)(x, edge_index)
    assert out.dtype == dtype
    ulp = torch.finfo(dtype).eps * expected.norm(dim=-1, keepdim=True)
    # The normalized weights are in half precision too, and are sums of steps there.
    bound = 4 if aggregation == "local" else 2
    assert ((out.float() - expected).abs() <= bound * ulp).all()
