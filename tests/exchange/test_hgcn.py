from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.exchange.hgcn import load_hgcn
from tests.where import each

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "hgcn").glob("*.npz"))


def test_fixtures_are_there() -> None:
    assert len(FIXTURES) == 4


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
def test_gives_the_originals_points(path: Path, prefix: str) -> None:
    with np.load(path) as arrays:
        strings = {k: str(arrays[k]) for k in ("model", "activation")}
        fixture = {k: torch.from_numpy(arrays[k]) for k in arrays if k not in strings}
    ball = strings["model"] == "PoincareBall"
    model = load_hgcn(original(fixture, ball, prefix), strings["model"])
    out = model(fixture["v"], fixture["edge_index"], fixture["edge_weight"])
    out = out.relu() if strings["activation"] == "relu" else out
    torch.testing.assert_close(out, fixture["out"], rtol=1e-9, atol=1e-9)


def state(**changes: Tensor | None) -> dict[str, Tensor]:
    known: dict[str, Tensor | None] = {
        "encoder.layers.0.linear.weight": torch.randn(5, 3),
        "encoder.layers.0.linear.bias": torch.randn(5),
        "encoder.layers.1.linear.weight": torch.randn(4, 5),
        "encoder.layers.1.linear.bias": torch.randn(4),
    }
    known |= {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in known.items() if value is not None}


def test_layers_have_their_own_curvatures() -> None:
    learned = {"encoder.layers.1.linear.c": torch.tensor([0.4])}
    model = load_hgcn(state() | learned, "PoincareBall", curvature=1.5)
    found = [conv.curvature().item() for conv in model.convs]
    assert found == pytest.approx([1.5, 0.4], rel=1e-7)
    assert model(torch.randn(2, 3), torch.tensor([[0], [1]])).shape == (2, 4)


@each(
    ("changes", "manifold", "match"),
    [
        ({}, "PoincareBall", r"'curvature' must be given .* pass the original's --c"),
        (
            {"encoder__layers__1__linear__weight": None},
            "PoincareBall",
            r"hold 'encoder.layers.1.linear.weight' \(got linear.bias",
        ),
        (
            {"encoder__layers__1__linear__weight": torch.randn(4, 6)},
            "PoincareBall",
            "that fit together",
        ),
        (
            {"encoder__layers__0__agg__att__linear__weight": torch.randn(1)},
            "PoincareBall",
            "without attention",
        ),
        (
            {"encoder__layers__7__linear__weight": torch.ones(1)},
            "Hyperboloid",
            "0, 1, 7",
        ),
    ],
)
def test_errors(changes: dict[str, Tensor | None], manifold: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        load_hgcn(state(**changes), manifold)
