"""Training runs meant to break, on few seeds."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch

from pyg_hyperbolic.nn import HGCNConv
from tests.numerics.stress import HARDER, MODELS, Setting, stress
from tests.where import each

DTYPES = ["float32", "bfloat16"]
# Another model than the first meets each dtype, and settings in turn.
SETTINGS = [Setting(lr=1.0, steps=100)]
SETTINGS += [
    Setting(lr=1.0, steps=20, model=model, dtype=DTYPES[i % 2])
    for i, model in enumerate(MODELS)
]
HARD = [("hgcn", name, dtype) for name in HARDER for dtype in DTYPES]
HARD += [
    (model, list(HARDER)[i % len(HARDER)], DTYPES[i // 3 % 2])
    for i, model in enumerate(model for model in MODELS if model != "hgcn")
]
for model, name, dtype in HARD:
    steps = 3 if HARDER[name].layers > 2 else 12
    change = {"steps": steps, "model": model, "dtype": dtype}
    SETTINGS.append(dataclasses.replace(HARDER[name], **change))


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_training_survives(setting: Setting) -> None:
    out = stress(setting, seed=0)
    assert out.survived, (
        f"step {len(out.losses)} of {setting.steps}: last loss {out.losses[-1]:g}, "
        f"curvatures {out.curvatures}, all points and parameters finite: {out.finite}"
    )


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
