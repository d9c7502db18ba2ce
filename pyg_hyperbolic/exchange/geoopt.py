r"""Points to and from `geoopt <https://geoopt.readthedocs.io>`_, the extra ``geoopt``.

A :class:`geoopt.ManifoldParameter` can stand beside ordinary parameters in one model,
trained with one of geoopt's Riemannian optimizers: read it with :func:`from_geoopt`.
"""

import geoopt
from torch import Tensor

from pyg_hyperbolic.geometry.charts import (
    from_lorentz,
    from_poincare,
    to_lorentz,
    to_poincare,
)


def from_geoopt(x: Tensor, manifold: geoopt.Manifold) -> Tensor:
    r"""Normal coordinates of points on a manifold of geoopt.

    Args:
        x: Points, shape :math:`(*, d)` on a :class:`geoopt.PoincareBall`, :math:`(*,
            d + 1)` on a :class:`geoopt.Lorentz`.
        manifold: The manifold; :obj:`c` is its :obj:`c`, or :math:`1/k` of a
            hyperboloid.

    Returns:
        Points, shape :math:`(*, d)`.

    Raises:
        ValueError: If the manifold is another one, or a point is not on it.
    """
    c = curvature_of(manifold)
    to_normal = from_lorentz if isinstance(manifold, geoopt.Lorentz) else from_poincare
    return to_normal(x, c)


def to_geoopt(v: Tensor, manifold: geoopt.Manifold) -> Tensor:
    """Points on a manifold of geoopt; the inverse of :func:`from_geoopt`.

    Args:
        v: Points in normal coordinates, shape :math:`(*, d)`.
        manifold: The manifold.
    """
    c = curvature_of(manifold)
    to_chart = to_lorentz if isinstance(manifold, geoopt.Lorentz) else to_poincare
    return to_chart(v, c)


def curvature_of(manifold: geoopt.Manifold) -> Tensor:
    """The absolute value of a manifold's sectional curvature, shape []."""
    if isinstance(manifold, geoopt.PoincareBall):
        return manifold.c
    if isinstance(manifold, geoopt.Lorentz):
        return 1 / manifold.k  # of curvature -1/k
    raise ValueError(
        f"'manifold' must be a geoopt.PoincareBall or a geoopt.Lorentz (got "
        f"{type(manifold).__name__})"
    )
