"""Every operation against the tables: value and all gradients, in every dtype."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import dist, exp, gyro_add, log, sqdist, transport
from tests.numerics.bars import GRADIENT, VALUE, check, error
from tests.numerics.missed import MISSED

Table = dict[str, np.ndarray]
Operation = Callable[[Tensor, Tensor, Tensor], Tensor]

OPERATIONS: dict[str, Operation] = {
    "gyro_add": gyro_add,
    "exp": exp,
    "log": lambda u, v, c: log(-u, v, c),  # so that it has the table of the sum
    "dist": dist,
    "sqdist": sqdist,
    "transport": transport,
}
operation = pytest.mark.parametrize("name", OPERATIONS)


def column(table: Table, name: str, what: str) -> np.ndarray:
    return table[f"{'gyro_add' if name in ('exp', 'log') else name}_{what}"]


def labels(table: Table) -> list[str]:
    return [
        f"c={x[4]:.3g} radii {a:.3g} {b:.3g} angle or distance {t:.9g} "
        f"u=({x[0]:.9g}, {x[1]:.9g}) v=({x[2]:.9g}, {x[3]:.9g})"
        for x, (a, b, t, _) in zip(table["x"], table["label"], strict=True)
    ]


def inputs(table: Table, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    x = torch.from_numpy(table["x"]).to(dtype)
    u, v, c = x[:, :2].clone(), x[:, 2:4].clone(), x[:, 4].clone()
    return u.requires_grad_(), v.requires_grad_(), c.requires_grad_()


def array(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy()


@operation
def test_values(
    name: str, dtype: torch.dtype, table: Callable[[torch.dtype], Table]
) -> None:
    known = table(dtype)
    out = OPERATIONS[name](*inputs(known, dtype))
    assert out.dtype == dtype
    true = column(known, name, "value")
    slack = column(known, name, "slack")[:, 0]
    got = array(out).reshape(true.shape)
    errors = [error("value", got, true, slack, dtype, VALUE)]
    check(errors, labels(known), f"{name} in {dtype}")


@operation
def test_gradients(
    name: str, dtype: torch.dtype, table: Callable[[torch.dtype], Table]
) -> None:
    known = table(dtype)
    given = inputs(known, dtype)
    out = OPERATIONS[name](*given)
    out = out.view(len(out), -1)
    rows = out.shape[1]
    true = column(known, name, "jacobian").reshape(-1, rows, 5)
    slack = column(known, name, "slack")[:, 1:]
    errors, by_c = [], []
    for k in range(rows):
        got = torch.autograd.grad(out[:, k].sum(), given, retain_graph=True)
        for i, point in enumerate("uv"):
            exact = true[:, k, 2 * i : 2 * i + 2]
            allowed = slack[:, i * rows + k]
            title = f"d{k}/d{point}"
            errors.append(error(title, array(got[i]), exact, allowed, dtype, GRADIENT))
        by_c.append(array(got[2]))
    got_c = np.stack(by_c, axis=-1)
    errors.append(error("d/dc", got_c, true[:, :, 4], slack[:, -1], dtype, GRADIENT))
    missed = MISSED.get((name, str(dtype).removeprefix("torch.")))
    check(errors, labels(known), f"gradient of {name} in {dtype}", missed)


@operation
@pytest.mark.parametrize("where", range(3), ids=["u", "v", "c"])
def test_what_is_not_a_number_is_not_made_one(name: str, where: int) -> None:
    """A number in place of a NaN would hide from its user that training broke."""
    given = [torch.tensor([0.3, 0.4]), torch.tensor([0.5, -0.2]), torch.tensor(1.0)]
    given[where] = given[where] * torch.nan
    assert OPERATIONS[name](*given).isnan().all()
