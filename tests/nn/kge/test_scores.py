"""Scores beside the papers' formulas in the Poincaré ball, and their derivatives."""

from collections.abc import Callable

import geoopt
import torch
from torch import Tensor
from torch.autograd import gradcheck

from pyg_hyperbolic import Curvature, kernels
from pyg_hyperbolic.nn.kge import AttH, HyperbolicKGEModel, MuRP, RotH
from tests.nn.kge.models import Kind, Triples, spread
from tests.where import each


def givens(angle: Tensor, sign: float) -> Tensor:
    """The matrix of the papers' Eq. 5, block by block."""
    cos, sin = angle.cos(), angle.sin()
    blocks = [
        torch.tensor([[p, -sign * q], [q, sign * p]], dtype=torch.float64)
        for p, q in zip(cos.tolist(), sin.tolist(), strict=True)
    ]
    return torch.block_diag(*blocks)


def in_the_ball(model: HyperbolicKGEModel, head: int, rel: int, tail: int) -> Tensor:
    """The score by the papers' formulas; a point's tangent vector is half of ours.

    The papers' exponential map goes to the distance 2 |v| from the origin, as geoopt's.
    """
    c = model.curvature()[rel % model.num_relations]
    of = {
        name: table.weight[rel]
        for name, table in model.named_children()
        if name.startswith("rel_")
    }
    ball = geoopt.PoincareBall(c=c)
    h, t = (ball.expmap0(model.node_emb.weight[i] / 2) for i in (head, tail))
    r = ball.expmap0(of["rel_emb"] / 2)
    if isinstance(model, MuRP):
        one = ball.expmap0(of["rel_scale"] * ball.logmap0(h))
        other = ball.mobius_add(t, r)
    elif isinstance(model, AttH):
        x, y = givens(of["rel_rotation"], 1) @ h, givens(of["rel_reflection"], -1) @ h
        x, y = 2 * ball.logmap0(x), 2 * ball.logmap0(y)
        scores = torch.stack([of["rel_context"] @ x, of["rel_context"] @ y])
        share = (scores / model.hidden_channels**0.5).softmax(0)
        moved = ball.expmap0((share[0] * x + share[1] * y) / 2)
        one, other = ball.mobius_add(moved, r), t
    else:
        sign = 1 if isinstance(model, RotH) else -1
        one, other = ball.mobius_add(givens(of["rel_angle"], sign) @ h, r), t
    biases = model.head_bias.weight[head, 0] + model.tail_bias.weight[tail, 0]
    return biases - ball.dist(one, other) ** 2


@each("reciprocal", [True, False])
def test_scores_are_the_papers(
    kind: Kind,
    reciprocal: bool,
    triples: Triples,
    dtype: torch.dtype,
    assert_close: Callable[..., None],
) -> None:
    head, rel, tail = triples
    options = {"curvature": [0.3, 1.0, 2.0], "reciprocal": reciprocal}
    model = spread(kind, 12, 3, 6, **options).to(dtype)
    if kind is AttH:
        torch.nn.init.normal_(model.rel_context.weight)
    if reciprocal:
        rel = rel + 3 * (torch.arange(9) % 2)  # inverse relations, too
    scores = model(head, rel, tail)
    assert scores.dtype == dtype and scores.shape == (9,)
    model = model.double()
    triples = zip(head.tolist(), rel.tolist(), tail.tolist(), strict=True)
    with torch.no_grad():
        expected = torch.stack([in_the_ball(model, *triple) for triple in triples])
    assert_close(scores, expected, factor=10)


def test_small_curvatures_lead_to_the_euclidean_twin(
    kind: Kind, triples: Triples
) -> None:
    twin = spread(kind, 12, 3, 6, geometry="euclidean").double()
    model = kind(12, 3, 6, curvature=1e-9).double()
    missing = model.load_state_dict(twin.state_dict(), strict=False)
    assert {key.partition(".")[0] for key in missing.missing_keys} == {"curvature"}
    torch.testing.assert_close(model(*triples), twin(*triples), rtol=1e-6, atol=1e-6)
    assert twin.curvature is None


def test_the_euclidean_twin_is_the_plain_formula(triples: Triples) -> None:
    head, rel, tail = triples
    model = spread(MuRP, 12, 3, 6, geometry="euclidean").double()
    h, t = model.node_emb(head), model.node_emb(tail)
    square = (model.rel_scale(rel) * h - t - model.rel_emb(rel)).square().sum(dim=1)
    biases = model.head_bias(head) + model.tail_bias(tail)
    torch.testing.assert_close(model(*triples), biases[:, 0] - square)


def test_all_derivatives(kind: Kind, triples: Triples) -> None:
    """Also of each relation by its own curvature; there is no relation 3."""
    model = spread(kind, 12, 4, 4, curvature=[0.5, 1.0, 2.0, 1.0]).double()
    names = [name for name, _ in model.named_parameters()]

    def scores(*values: Tensor) -> Tensor:
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(model, given, triples)

    assert gradcheck(scores, tuple(model.parameters()))
    out = model(*triples)
    with kernels.backend("portable"):
        torch.testing.assert_close(model(*triples), out)
    out.sum().backward()
    grad = model.curvature.raw.grad
    assert grad.shape == (4,) and grad[3] == 0
    assert (grad[triples[1].unique()] != 0).all()


@each("geometry", ["hyperbolic", "euclidean"])
@each("radius", [1e-8, 1.0, 40.0, 1e4])
def test_no_radius_is_too_large(
    kind: Kind,
    geometry: str,
    radius: float,
    triples: Triples,
    assert_finite: Callable[..., None],
) -> None:
    model = spread(kind, 12, 3, 6, geometry=geometry, radius=radius)
    model.loss(*triples).backward()
    assert_finite(model(*triples), *(x.grad for x in model.parameters()))


def test_a_shared_curvature(triples: Triples) -> None:
    curvature = Curvature(0.5, learnable=False)
    model = RotH(12, 3, 6, curvature=curvature)
    assert model.curvature is curvature
    expected = RotH(12, 3, 6, curvature=[0.5, 0.5, 0.5])
    own = expected.curvature.state_dict(prefix="curvature.")
    expected.load_state_dict(model.state_dict() | own)
    torch.testing.assert_close(model(*triples), expected(*triples))
