import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import dist, frechet_mean, gyro_add, midpoint
from pyg_hyperbolic.nn import HGCN, HyperbolicBatchNorm, HyperbolicLayerNorm
from tests.where import each

FRECHET = partial(HyperbolicBatchNorm, mean="frechet")


def spread(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The midpoint of some points, and their mean squared distance to it."""
    center = midpoint(x, c)
    return center, dist(center, x, c).square().mean()


@each("kind", [HyperbolicBatchNorm, HyperbolicLayerNorm])
@each("affine", [True, False])
@each("c", [1e-12, 0.7])
def test_formula(kind: Callable[..., torch.nn.Module], affine: bool, c: float) -> None:
    norm: Any = kind(3, eps=0.1, affine=affine, curvature=c).double()
    x = 5 + torch.randn(20, 3, dtype=torch.float64)
    bias, weight, c = torch.zeros(3).double(), 1.0, norm.curvature()
    if affine:
        bias = torch.nn.init.normal_(norm.bias)
        weight = torch.nn.init.constant_(norm.weight, 0.6)
    center, variance = spread(x, c)
    out, scale = norm(x), weight * (variance + 0.1).rsqrt()
    for row, own in zip(x, out, strict=True):
        expected = gyro_add(bias, scale * gyro_add(-center, row, c), c)
        torch.testing.assert_close(own, expected)


@each("radius", [0.1, 20.0])
def test_frechet_means(radius: float) -> None:
    """Of batches it is the bias; the running one is that of itself and a batch."""
    norm = FRECHET(3, momentum=0.3, curvature=0.7).double()
    torch.nn.init.normal_(norm.bias)
    start = norm.running_mean.normal_().clone()
    x, c = radius * torch.randn(20, 3, dtype=torch.float64), norm.curvature()
    out = norm(x)
    mean = frechet_mean(out, c)
    torch.testing.assert_close(mean, norm.bias, rtol=1e-9, atol=1e-9)
    variance = dist(mean, out, c).square().mean()
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0, atol=2e-3)
    both = torch.stack([start, frechet_mean(x, c)])
    share = torch.tensor([0.7, 0.3], dtype=torch.float64)
    torch.testing.assert_close(norm.running_mean, frechet_mean(both, c, share))


def test_running_statistics_go_a_share_of_the_way_to_each_batch() -> None:
    norm = HyperbolicBatchNorm(2, momentum=0.2, curvature=0.7).double()
    mean, var = torch.zeros(2).double(), 1.0
    for shift in (1.0, -2.0, 0.5):
        x = shift + torch.randn(9, 2, dtype=torch.float64)
        norm(x)
        center, variance = spread(x, norm.curvature().detach())
        share = torch.tensor([0.8, 0.2], dtype=torch.float64)
        mean = midpoint(torch.stack([mean, center]), norm.curvature().detach(), share)
        var = 0.8 * var + 0.2 * variance.item()
        torch.testing.assert_close(norm.running_mean, mean)
        assert norm.running_var.item() == pytest.approx(var)
    before = copy.deepcopy(norm.state_dict())
    norm.eval()
    x = torch.randn(1, 2, dtype=torch.float64)
    assert norm(x).isfinite().all()  # one point is enough
    assert all(torch.equal(v, before[k]) for k, v in norm.state_dict().items())
    norm.reset_parameters()
    assert not norm.running_mean.any() and norm.running_var == 1


def test_graphs_are_normalized_by_themselves() -> None:
    norm = HyperbolicLayerNorm(3, curvature=0.7).double()
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(9, 3, dtype=torch.float64)
    batch = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1, 1])
    out = norm(x, batch)
    torch.testing.assert_close(out[:3], norm(x[:3]))
    torch.testing.assert_close(out[3:], norm(x[3:]))


@each("kind", [HyperbolicBatchNorm, FRECHET, HyperbolicLayerNorm])
@each("dtype", [torch.float32, torch.bfloat16])
def test_any_batch_is_a_number(
    kind: Callable[..., torch.nn.Module], dtype: torch.dtype
) -> None:
    norm = kind(3).to(dtype)
    for x in (torch.zeros(4, 3), torch.ones(4, 3), 300 * torch.randn(4, 3)):
        x = x.to(dtype).requires_grad_()
        out = norm(x)
        out.sum().backward()
        assert out.dtype == dtype and out.isfinite().all() and x.grad.isfinite().all()
        assert norm.curvature.raw.grad.isfinite()  # type: ignore[union-attr]


@each("kind", [HyperbolicBatchNorm, HyperbolicLayerNorm])
def test_as_norm_of_a_model(kind: Callable[..., torch.nn.Module]) -> None:
    model = HGCN(3, 8, 2, 4, norm=kind(8, curvature=0.5))
    edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    model(torch.randn(4, 3), edge_index).sum().backward()
    assert model.norms[0].curvature.raw.grad != 0
    assert model.norms[0].curvature.raw is not model.convs[0].curvature.raw


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"'momentum' must be .* \(got 0.0\)"):
        HyperbolicBatchNorm(3, momentum=0.0)
    with pytest.raises(ValueError, match=r"two points or more .* \(got 1\)"):
        HyperbolicBatchNorm(3)(torch.randn(1, 3))
