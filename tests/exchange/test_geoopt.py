import geoopt
import pytest
import torch
from torch.nn import Module

from pyg_hyperbolic.exchange.geoopt import from_geoopt, to_geoopt
from pyg_hyperbolic.nn import HGCNConv
from tests.where import each

MANIFOLDS = [
    geoopt.PoincareBall(c=0.7).double(),
    geoopt.PoincareBall(c=3.0).double(),
    geoopt.Lorentz(k=torch.tensor(0.5)).double(),
    geoopt.Lorentz(k=torch.tensor(4.0)).double(),
]


@each("manifold", MANIFOLDS)
def test_points_and_the_map_from_the_origin(manifold: geoopt.Manifold) -> None:
    """That distances are the same then: tests/geometry/test_gyro.py."""
    v = torch.randn(20, 3, dtype=torch.float64)
    if isinstance(manifold, geoopt.PoincareBall):
        x = manifold.expmap0(v / 2)  # their ball's metric is 4 times at the origin
    else:
        x = manifold.expmap0(torch.nn.functional.pad(v, (1, 0)))
    torch.testing.assert_close(to_geoopt(v, manifold), x)
    torch.testing.assert_close(from_geoopt(x, manifold), v)


class Net(Module):
    """Points on a ball of geoopt, and a layer of ordinary parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.ball = geoopt.PoincareBall(c=1.0)
        points = 1e-2 * torch.randn(6, 3, dtype=torch.float64)
        self.points = geoopt.ManifoldParameter(points, manifold=self.ball)
        self.conv = HGCNConv(3, 2).double()

    def forward(self, edge_index: torch.Tensor) -> torch.Tensor:
        return self.conv(from_geoopt(self.points, self.ball), edge_index)


def test_trains_with_a_riemannian_optimizer() -> None:
    model = Net()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = geoopt.optim.RiemannianAdam(model.parameters(), lr=0.05)
    edge_index = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    target, losses = torch.randn(6, 2).double(), []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(edge_index) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
    assert model.ball.check_point_on_manifold(model.points)
    for name, p in model.named_parameters():
        assert p.isfinite().all(), name
        if p.requires_grad:
            assert not torch.equal(p, before[name]), name


def test_points_outside_of_a_ball_are_an_error() -> None:
    with pytest.raises(ValueError, match="ball"):
        from_geoopt(torch.full((1, 2), 5.0), geoopt.PoincareBall(c=1.0))
