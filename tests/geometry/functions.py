"""All functions of the geometry, with inputs to differentiate them by."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pyg_hyperbolic import geometry
from pyg_hyperbolic.geometry.lorentz import lorentz_form, lorentz_map, with_cosh
from pyg_hyperbolic.geometry.midpoint import drop, lift

CHARTS = ("poincare", "klein", "lorentz", "proper_velocity")
TO, FROM = ([f"{way}_{chart}" for chart in CHARTS] for way in ("to", "from"))
MEANS = ("frechet_mean", "midpoint")
PAIRS = ("gyro_add", "sqdist", "dist", "log", "exp", "transport", "cone_angle")
ROWS = (*PAIRS, "half_aperture", *TO, *FROM)  # whose results are those of each row
PARTS = ("lorentz_map", "lorentz_form", "with_cosh", "lift", "drop")
NAMES = (*ROWS, *MEANS, "hyperplane_dist", *PARTS)


class Function(NamedTuple):
    """A function of tensors, the last of them c, and an example of these."""

    f: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]


def function(name: str, radius: float | Tensor = 1.0, rows: int = 4) -> Function:
    """A function with points up to a radius, or radii of rows, in units of c."""
    c = torch.tensor(0.7, dtype=torch.float64)
    v = normalize(torch.randn(2, rows, 3).double(), dim=-1)
    v = v * radius / c**0.5 * torch.rand(2, rows, 1).double().clamp(min=0.2)
    u, v = v
    weight, offset = torch.rand(rows).double(), torch.randn(2).double()
    normal = normalize(torch.randn(2, 3).double(), dim=-1)
    if name in MEANS:
        mean = getattr(geometry, name)
        return Function(lambda v, w, c: mean(v, c, w), (u, weight, c))
    if name == "hyperplane_dist":
        return Function(geometry.hyperplane_dist, (u, normal, offset, c))
    if name == "lorentz_map":
        time, bias = torch.randn(2, 3).double()
        return Function(lorentz_map, (u, v, time, bias, c))
    if name == "lorentz_form":
        return Function(lorentz_form, (u, u[:, :1] / 2, torch.tensor(0.3).double(), c))
    if name == "with_cosh":
        return Function(with_cosh, (u, 1.5 + weight[:, None], c))
    if name == "lift":
        return Function(lambda v, c: lift(v, c)[0], (u, c))
    if name == "drop":
        columns, shift = lift(u, c)
        return Function(lambda x, c: drop(x, shift.to(x.dtype), c), (columns + 0.1, c))
    f = getattr(geometry, name)
    if name in FROM:
        x = getattr(geometry, f"to_{name[5:]}")(u, c)
        clip = {} if name == "from_proper_velocity" else {"clip": True}
        return Function(lambda x, c: f(x, c, **clip), (x, c))
    return Function(f, (u, v, c) if name in PAIRS else (u, c))
