"""How close the first c is to what was asked for, in every dtype."""

import copy
import pickle

import torch

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.curvature import PARAMETRIZATIONS
from tests.where import each

INITS = [2e-28, 3e-19, 1e-8, 1e-5, 0.1, 0.3, 0.7, 1.0, 2.5, 7.3, 19.9, 20.1, 30.0, 1e2]
CLOSE = 2e-6  # relative error of the first c in float32

every = each("name", PARAMETRIZATIONS)


def curvature(name: str, init: float = 1.0) -> Curvature:
    """A curvature whose bounds, where it has some, are far from its initial value."""
    bounds = None if name == "softplus" else (init / 20, 20 * init)
    return Curvature(init, parametrization=name, bounds=bounds)


@each("init", INITS)
@every
def test_first_value_is_close(name: str, init: float) -> None:
    model = curvature(name, init)
    loaded = curvature(name, init)
    loaded.load_state_dict(model.state_dict())
    for c in (
        model,
        loaded,
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        Curvature(init, parametrization=name, bounds=model.bounds, learnable=False),
    ):
        assert c().shape == () and c().dtype == torch.float64
        assert abs(c().item() / init - 1) < CLOSE


@each("init", INITS)
@every
def test_first_value_in_double_precision(name: str, init: float) -> None:
    model = curvature(name, init)
    first = model().item()
    for c in (model.double(), copy.deepcopy(model)):
        assert c().dtype == torch.float64
        assert c().item() == first
    model.reset_parameters()
    assert abs(model().item() / init - 1) < 1e-13


# Half the distance of numbers of a dtype, at rho, is the relative error of c = e^rho.
@each(
    ("dtype", "small", "tiny"),
    [
        (torch.float16, 8e-3, 4e-2),
        (torch.bfloat16, 7e-2, 3e-1),
        (torch.float32, 1e-6, 4e-6),
        (torch.float64, 1e-13, 1e-13),
    ],
)
def test_first_value_is_close_at_all_sizes(
    dtype: torch.dtype, small: float, tiny: float
) -> None:
    eps = torch.finfo(dtype).eps
    for exponent in range(-30, 31):
        for init in (10.0**exponent, 3.7 * 10.0**exponent):
            if init > torch.finfo(dtype).max:
                continue
            c = Curvature(init)
            c.raw = torch.nn.Parameter(c.raw.to(dtype))
            c.reset_parameters()
            error = abs(c().item() / init - 1)
            assert error < (tiny if init < 1e-8 else small if init < 0.1 else 2 * eps)
            assert dtype != torch.float32 or init < 2e-28 or error < CLOSE


@each("end", [0.7, 1.9])
def test_a_start_at_a_bound_is_not_blocked(end: float) -> None:
    c = Curvature(end, parametrization="clamp", bounds=(0.7, 1.9))
    c().backward()
    assert c.raw.grad == 1


@every
def test_no_dtype_takes_c_to_zero(name: str) -> None:
    bounds = None if name == "softplus" else (1e-30, 3e-30)
    c = Curvature(2e-30, parametrization=name, bounds=bounds)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert c.to(dtype)().item() > 0
