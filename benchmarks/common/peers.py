"""Hyperbolic geometry as this package and others have it, behind one interface.

Points are whatever a library takes for points; tangent vectors at the origin are given
in units of distance, so that all libraries can be asked the same questions.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import pad, softplus

from pyg_hyperbolic import Curvature, geometry

Binary = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Library:
    """One library on one model of hyperbolic space; c is positive."""

    name: str  # in tables
    unit: float  # its coordinates near the origin, per unit of distance
    exp0: Callable[[Tensor, Tensor], Tensor]  # from a tangent vector at the origin
    log0: Callable[[Tensor, Tensor], Tensor]  # and back
    add: Binary  # the gyro-sum
    dist: Binary
    curvature: Callable[[float], Module]  # a learnable one; a call gives c
    own_matvec: Binary | None = None  # where it is not done by log0 and exp0

    def matvec(self, weight: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """A matrix applied to a point, in the tangent space at the origin."""
        if self.own_matvec is not None:
            return self.own_matvec(weight, x, c)
        return self.exp0(self.log0(x, c) @ weight.T, c)


class _Called(Module):
    """What a call reads off a manifold."""

    def __init__(self, manifold: Module, read: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.manifold, self.read = manifold, read

    def forward(self) -> Tensor:
        return self.read(self.manifold)


def ours() -> Library:
    """This package: a point is its tangent vector at the origin."""
    same: Callable[[Tensor, Tensor], Tensor] = lambda x, c: x  # noqa: E731
    add, dist = geometry.gyro_add, geometry.dist
    return Library("this package", 1.0, same, same, add, dist, Curvature)


def geoopt_ball() -> Library:
    """geoopt's Poincare ball, projected after each operation as its methods do."""
    geoopt: Any = importlib.import_module("geoopt")
    math: Any = importlib.import_module("geoopt.manifolds.stereographic.math")

    def curvature(c: float) -> Module:
        manifold = geoopt.PoincareBall(c=torch.tensor(c), learnable=True)
        return _Called(manifold, lambda manifold: manifold.c)

    return Library(
        "geoopt ball",
        0.5,
        lambda v, c: math.project(math.expmap0(0.5 * v, k=-c), k=-c),
        lambda x, c: math.logmap0(x, k=-c) / 0.5,
        lambda x, y, c: math.project(math.mobius_add(x, y, k=-c), k=-c),
        lambda x, y, c: math.dist(x, y, k=-c),
        curvature,
        lambda weight, x, c: math.project(math.mobius_matvec(weight, x, k=-c), k=-c),
    )


def geoopt_lorentz() -> Library:
    """geoopt's hyperboloid, whose k is 1/c."""
    geoopt: Any = importlib.import_module("geoopt")
    math: Any = importlib.import_module("geoopt.manifolds.lorentz.math")

    def add(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        tangent = math.logmap0(y, k=1 / c)
        return math.expmap(x, math.parallel_transport0(x, tangent, k=1 / c), k=1 / c)

    def curvature(c: float) -> Module:
        manifold = geoopt.Lorentz(k=torch.tensor(1 / c), learnable=True)
        return _Called(manifold, lambda manifold: 1 / manifold.k)

    return Library(
        "geoopt hyperboloid",
        1.0,
        lambda v, c: math.expmap0(pad(v, (1, 0)), k=1 / c),
        lambda x, c: math.logmap0(x, k=1 / c)[..., 1:],
        add,
        lambda x, y, c: math.dist(x, y, k=1 / c),
        curvature,
    )


def hypll() -> Library:
    """HypLL's Poincare ball."""
    math: Any = importlib.import_module("hypll.manifolds.poincare_ball.math.diffgeom")
    module: Any = importlib.import_module("hypll.manifolds.poincare_ball.curvature")

    def curvature(c: float) -> Module:
        # Asked for c it starts at softplus(c); here it gets the value that gives c.
        value = torch.expm1(torch.tensor(c, dtype=torch.float64)).log().float()
        out: Module = module.Curvature(
            value, constraining_strategy=softplus, requires_grad=True
        )
        return out

    return Library(
        "HypLL ball",
        0.5,
        lambda v, c: math.expmap0(0.5 * v, c),
        lambda x, c: math.logmap0(x, c) / 0.5,
        lambda x, y, c: math.project(math.mobius_add(x, y, c), c),
        math.dist,
        curvature,
    )


LIBRARIES = {
    "ours": ours,
    "geoopt-ball": geoopt_ball,
    "geoopt-lorentz": geoopt_lorentz,
    "hypll": hypll,
}


def package(name: str) -> str:
    """What has to be installed for a library."""
    return "pyg_hyperbolic" if name == "ours" else name.partition("-")[0]


def installed(name: str) -> bool:
    """Whether a library can be imported."""
    return importlib.util.find_spec(package(name)) is not None
