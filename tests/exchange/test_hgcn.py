from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.exchange.hgcn import load_hgcn
from tests.where import each

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "hgcn").glob("*.npz"))


def original(fixture: dict[str, Tensor], ball: bool, prefix: str) -> dict[str, Tensor]:
    """A checkpoint as the original writes it, of the fixture's layer."""
    weight, bias = fixture["weight"], fixture["bias"]
    if ball:
        bias = bias / 2
    else:  # room for a time coordinate, whose weights nobody reads
        weight = torch.nn.functional.pad(weight, (1, 0, 1, 0), value=9.0)
        bias = torch.nn.functional.pad(bias, (1, 0), value=9.0)
    entry = f"{prefix}layers.0"
    c = fixture["c_in"].view(1)
    return {
        f"{entry}.linear.weight": weight,
        f"{entry}.linear.bias": bias,
        f"{entry}.linear.c": c,
        f"{entry}.agg.c": c,
        f"{entry}.hyp_act.c_in": c,
        "c": torch.ones(1),
        "decoder.cls.linear.weight": torch.ones(2, 6),
    }


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
@each("prefix", ["encoder.", ""])
def test_gives_the_originals_points_and_gradients(path: Path, prefix: str) -> None:
    with np.load(path) as arrays:
        strings = {k: str(arrays[k]) for k in ("model", "activation")}
        fixture = {k: torch.from_numpy(arrays[k]) for k in arrays if k not in strings}
    ball = strings["model"] == "PoincareBall"
    assert len(FIXTURES) == 4
    model = load_hgcn(original(fixture, ball, prefix), strings["model"])
    (conv,) = model.convs
    # The derivative by c itself, not by the parameter behind it.
    c = conv.curvature().detach().requires_grad_()
    conv.curvature.forward = lambda *_: c
    v = fixture["v"].requires_grad_()
    out = model(v, fixture["edge_index"], fixture["edge_weight"])
    out = out.relu() if strings["activation"] == "relu" else out
    torch.testing.assert_close(out, fixture["out"], rtol=1e-9, atol=1e-9)
    leaves = {"v": v, "weight": conv.lin.weight, "bias": conv.bias, "c_in": c}
    grads = torch.autograd.grad(out, [*leaves.values()], fixture["cotangent"])
    for name, grad in zip(leaves, grads, strict=True):
        expected = fixture[f"grad_{name}"].view_as(grad)
        torch.testing.assert_close(grad, expected, rtol=1e-9, atol=1e-9)


def test_layers_have_their_own_curvatures() -> None:
    state = {"0.linear.weight": torch.randn(5, 3), "0.linear.bias": torch.randn(5)}
    state |= {"1.linear.weight": torch.randn(4, 5), "1.linear.c": torch.tensor([0.4])}
    state = {f"encoder.layers.{key}": value for key, value in state.items()}
    model = load_hgcn(state, "PoincareBall", curvature=1.5)
    found = [conv.curvature().item() for conv in model.convs]
    assert found == pytest.approx([1.5, 0.4], rel=1e-7)
    assert model(torch.randn(2, 3), torch.tensor([[0], [1]])).shape == (2, 4)
