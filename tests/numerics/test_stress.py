"""Training runs meant to break, on few seeds."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch

from pyg_hyperbolic.nn import HGCNConv
from tests.numerics.stress import HARDER, MODELS, Setting, stress

AGGREGATIONS = ["midpoint", "tangent", "local"]
aggregations = pytest.mark.parametrize("aggregation", AGGREGATIONS)
dtypes = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])


def survives(setting: Setting, seed: int) -> None:
    out = stress(setting, seed)
    assert out.survived, (
        f"step {len(out.losses)} of {setting.steps}: last loss {out.losses[-1]:g}, "
        f"curvatures {out.curvatures}, all points and parameters finite: {out.finite}"
    )


@pytest.mark.parametrize(("lr", "steps"), [(0.01, 40), (0.1, 60), (1.0, 200)])
def test_two_layers_on_small_trees(lr: float, steps: int) -> None:
    survives(Setting(lr=lr, steps=steps), seed=0)


@dtypes
@pytest.mark.parametrize("model", MODELS)
def test_large_steps(model: str, dtype: str) -> None:
    setting = Setting(lr=1.0, steps=20, model=model, dtype=dtype)
    survives(setting, seed=1)


@dtypes
@pytest.mark.parametrize("name", HARDER)
def test_harder_runs(name: str, dtype: str) -> None:
    setting = HARDER[name]
    steps = 3 if setting.layers > 2 else 15
    survives(dataclasses.replace(setting, steps=steps, dtype=dtype), seed=0)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "hgcn"])
@pytest.mark.parametrize("name", ["features x 1e4", "lr 10", "c from 1e3"])
def test_harder_runs_of_other_models(name: str, model: str) -> None:
    setting = dataclasses.replace(HARDER[name], steps=10, model=model)
    survives(setting, seed=0)


def smooth(losses: Sequence[float]) -> torch.Tensor:
    return torch.tensor(losses).unfold(0, 10, 5).mean(dim=-1)


def test_loss_curves_of_bfloat16_are_those_of_float32() -> None:
    """Two seeds differ by 0.03 and more; a wrong operation shows at once."""
    setting = Setting(lr=0.03, steps=40)
    expected = smooth(stress(setting, 0).losses)
    for change in ({"dtype": "bfloat16"}, {"autocast": True}):
        losses = stress(dataclasses.replace(setting, **change), 0).losses
        assert (smooth(losses) - expected).abs().max() < 0.01, change
    assert expected[-1] < 0.6 * expected[0]  # it learns at all


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@aggregations
def test_half_precision_layers_lose_one_rounding_at_the_end(
    aggregation: str, dtype: torch.dtype
) -> None:
    """Row scalars in float32: nothing but inputs and the result is rounded."""
    torch.manual_seed(0)
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
