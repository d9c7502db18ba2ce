"""Hyperbolic geometry as this package and others have it, behind one interface.

Points are whatever a library takes for points; tangent vectors at the origin are given
in units of distance, so that all libraries can be asked the same questions.
"""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from pyg_hyperbolic import Curvature, geometry


class Library(ABC):
    """The operations of one library on one model of hyperbolic space.

    c is a tensor, the absolute value of the sectional curvature.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    unit: ClassVar[float] = 1.0  # its coordinates near the origin, per unit of distance

    @classmethod
    def installed(cls) -> bool:
        """Whether its package can be imported."""
        return importlib.util.find_spec(cls.package) is not None

    @abstractmethod
    def exp0(self, v: Tensor, c: Tensor) -> Tensor:
        """The point that a tangent vector at the origin leads to."""

    @abstractmethod
    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        """The tangent vector at the origin that leads to a point."""

    @abstractmethod
    def add(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        """The gyro-sum of two points."""

    @abstractmethod
    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        """The distance of two points."""

    @abstractmethod
    def curvature(self, c: float) -> torch.nn.Module:
        """A learnable curvature as its users get it; a call gives c."""

    def matvec(self, weight: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """A matrix applied to a point, in the tangent space at the origin."""
        return self.exp0(self.log0(x, c) @ weight.T, c)


class Normal(Library):
    """This package: a point is its tangent vector at the origin."""

    name = "this package"
    package = "pyg_hyperbolic"

    def exp0(self, v: Tensor, c: Tensor) -> Tensor:
        return v

    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        return x

    def add(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        return geometry.gyro_add(x, y, c)

    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        return geometry.dist(x, y, c)

    def curvature(self, c: float) -> torch.nn.Module:
        return Curvature(c)


class GeooptBall(Library):
    """geoopt's Poincare ball, projected after each operation as its methods do."""

    name = "geoopt ball"
    package = "geoopt"
    unit = 0.5

    def __init__(self) -> None:
        self._math: Any = importlib.import_module("geoopt.manifolds.stereographic.math")

    def _inside(self, x: Tensor, c: Tensor) -> Tensor:
        projected: Tensor = self._math.project(x, k=-c)
        return projected

    def exp0(self, v: Tensor, c: Tensor) -> Tensor:
        return self._inside(self._math.expmap0(self.unit * v, k=-c), c)

    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        tangent: Tensor = self._math.logmap0(x, k=-c) / self.unit
        return tangent

    def add(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        return self._inside(self._math.mobius_add(x, y, k=-c), c)

    def matvec(self, weight: Tensor, x: Tensor, c: Tensor) -> Tensor:
        return self._inside(self._math.mobius_matvec(weight, x, k=-c), c)

    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        out: Tensor = self._math.dist(x, y, k=-c)
        return out

    def curvature(self, c: float) -> torch.nn.Module:
        geoopt = importlib.import_module("geoopt")
        return _Attribute(geoopt.PoincareBall(c=torch.tensor(c), learnable=True), "c")


class GeooptLorentz(Library):
    """geoopt's hyperboloid, whose k is 1/c."""

    name = "geoopt hyperboloid"
    package = "geoopt"

    def __init__(self) -> None:
        self._math: Any = importlib.import_module("geoopt.manifolds.lorentz.math")

    def exp0(self, v: Tensor, c: Tensor) -> Tensor:
        point: Tensor = self._math.expmap0(pad(v, (1, 0)), k=1 / c)
        return point

    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        tangent: Tensor = self._math.logmap0(x, k=1 / c)[..., 1:]
        return tangent

    def add(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        tangent = self._math.logmap0(y, k=1 / c)
        moved = self._math.parallel_transport0(x, tangent, k=1 / c)
        point: Tensor = self._math.expmap(x, moved, k=1 / c)
        return point

    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        out: Tensor = self._math.dist(x, y, k=1 / c)
        return out

    def curvature(self, c: float) -> torch.nn.Module:
        geoopt = importlib.import_module("geoopt")
        manifold = geoopt.Lorentz(k=torch.tensor(1 / c), learnable=True)
        return _Attribute(manifold, "k", inverse=True)


class HypLL(Library):
    """HypLL's Poincare ball."""

    name = "HypLL ball"
    package = "hypll"
    unit = 0.5

    def __init__(self) -> None:
        self._math: Any = importlib.import_module(
            "hypll.manifolds.poincare_ball.math.diffgeom"
        )

    def exp0(self, v: Tensor, c: Tensor) -> Tensor:
        point: Tensor = self._math.expmap0(self.unit * v, c)
        return point

    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        tangent: Tensor = self._math.logmap0(x, c) / self.unit
        return tangent

    def add(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        point: Tensor = self._math.project(self._math.mobius_add(x, y, c), c)
        return point

    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        out: Tensor = self._math.dist(x, y, c)
        return out

    def curvature(self, c: float) -> torch.nn.Module:
        module = importlib.import_module("hypll.manifolds.poincare_ball.curvature")
        # Asked for c it starts at softplus(c); here it gets the value that gives c.
        value = torch.expm1(torch.tensor(c, dtype=torch.float64)).log().float()
        curvature: torch.nn.Module = module.Curvature(
            value, constraining_strategy=softplus, requires_grad=True
        )
        return curvature


class _Attribute(torch.nn.Module):
    """An attribute of a manifold as a module that is called."""

    def __init__(
        self, manifold: torch.nn.Module, attribute: str, inverse: bool = False
    ) -> None:
        super().__init__()
        self.manifold = manifold
        self.attribute = attribute
        self.inverse = inverse

    def forward(self) -> Tensor:
        value: Tensor = getattr(self.manifold, self.attribute)
        return 1 / value if self.inverse else value


LIBRARIES: dict[str, type[Library]] = {
    "ours": Normal,
    "geoopt-ball": GeooptBall,
    "geoopt-lorentz": GeooptLorentz,
    "hypll": HypLL,
}
