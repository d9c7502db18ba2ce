"""Attention beside its formulas, and what it does with far neighbors."""

from typing import Any

import mpmath as mp
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from pyg_hyperbolic import Curvature, kernels
from pyg_hyperbolic.geometry import dist, gyro_add, midpoint
from pyg_hyperbolic.nn import HGATConv
from tests.kernels.cases import star
from tests.nn.reference import assert_equal, shaken
from tests.numerics import textbook
from tests.where import each

EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 5], [1, 2, 0, 0, 2, 2, 3, 3]])
every = each("score", ["tangent", "distance"])


def dense(
    conv: HGATConv, x: Tensor, x_t: Tensor, edge_index: Tensor
) -> tuple[Tensor, Tensor]:
    """The layer by its formulas, at all pairs of nodes; and the weights of edges."""
    source, target = edge_index
    first, last = conv.lin or conv.lin_src, conv.lin or conv.lin_dst
    assert first is not None and last is not None
    h, h_t = (
        (y @ lin.weight.t()).view(-1, conv.heads, conv.out_channels)
        for y, lin in ((x, first), (x_t, last))
    )
    c = conv.curvature().expand(conv.heads)
    if conv.score == "tangent":  # [M, N, H]
        own = (h_t * conv.att_dst).sum(dim=-1)[:, None]
        score = leaky_relu((h * conv.att_src).sum(dim=-1) + own, conv.negative_slope)
    else:
        score = -conv.log_beta.exp() * dist(h_t[:, None], h, c)
    edge = torch.zeros(len(x_t), len(x), 1, dtype=torch.bool)
    edge[target, source] = True
    alpha = score.masked_fill(~edge, -1e300).softmax(dim=1) * edge
    bias = conv.bias.view(-1, conv.out_channels).expand(conv.heads, -1)
    points = gyro_add(h, bias, c).movedim(0, 1).expand(len(x_t), -1, -1, -1)
    out = midpoint(points, c, alpha.movedim(1, 2))
    out = out.flatten(1) if conv.concat else midpoint(out, c[0])
    return out, alpha[target, source]


@every
@each(
    ("curvature", "radius"), [([0.3, 1.0, 4.0], 0.5), (0.8, 5.0), ([0.3, 1.0, 4.0], 40)]
)
def test_equals_a_slow_dense_reference(
    score: str, curvature: Any, radius: float
) -> None:
    conv = HGATConv(4, 2, heads=3, score=score, curvature=Curvature(curvature))
    conv = shaken(conv)
    x = (radius * torch.randn(6, 4, dtype=torch.float64)).requires_grad_()
    out, (edge_index, alpha) = conv(x, EDGES, return_attention_weights=True)
    expected, weights = dense(conv, x, x, edge_index)
    assert_equal(conv, out, expected, 1e-10, x=x)
    torch.testing.assert_close(alpha, weights, rtol=1e-10, atol=1e-12)


@every
def test_heads_without_concat_and_bipartite(score: str) -> None:
    options: dict[str, Any] = {"heads": 3, "concat": False, "add_self_loops": False}
    conv = shaken(HGATConv((4, 3), 2, **options, score=score))
    x, x_t = torch.randn(6, 4).double(), torch.randn(5, 3).double()
    out = conv((x, x_t), EDGES[:, :-1])
    expected, _ = dense(conv, x, x_t, EDGES[:, :-1])
    assert_equal(conv, out, expected, 1e-10)
    assert out.shape == (5, 2) and not out[4].any()


@every
def test_dropout_drops_neighbors_while_training(score: str) -> None:
    conv, x = HGATConv(4, 2, dropout=0.5, score=score), torch.randn(6, 4)
    assert not torch.equal(conv(x, EDGES), conv(x, EDGES))
    conv.eval()
    torch.testing.assert_close(conv(x, EDGES), conv(x, EDGES))


@each(("radii", "logs"), [((1500, 860), (-600, 0)), ((1500, 1490), (-640, -640))])
def test_far_neighbors_of_tiny_weight_stay_in_range(
    radii: tuple[int, int], logs: tuple[int, int]
) -> None:
    """Their masses are e^850 to e^900, and their inverses e^-1240 and less."""
    h = torch.diag(torch.tensor(radii)).double().requires_grad_()
    log_weight = torch.tensor(logs, dtype=torch.float64, requires_grad=True)
    c = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    out = kernels.midpoint(h, star(2), c, log_weight.exp())[0]
    with mp.workdps(1400):
        rows, weights = [textbook.vector(v) for v in h], [mp.exp(w) for w in logs]
        expected = [float(x) for x in textbook.midpoint(rows, weights, mp.mpf(1))]
    torch.testing.assert_close(out.tolist(), expected, rtol=1e-10, atol=1e-10)
    for grad in torch.autograd.grad(out.norm(), (h, log_weight, c)):
        assert grad.isfinite().all()


@every
@each("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_attention_of_a_sparse_matrix(score: str, layout: torch.layout) -> None:
    conv, x = HGATConv(4, 2, score=score, add_self_loops=False), torch.randn(6, 4)

    def matrix(value: Tensor) -> Tensor:
        dense = torch.sparse_coo_tensor(EDGES.flip(0), value, (6, 6)).to_dense()
        return dense.to_sparse(layout=layout)

    expected, (_, alpha) = conv(x, EDGES, return_attention_weights=True)
    ones = matrix(torch.ones(EDGES.size(1)))
    out, (adjacency, _) = conv(x, ones, return_attention_weights=True)
    assert adjacency.layout == layout
    torch.testing.assert_close(out, expected)
    wanted = matrix(alpha[:, 0]).values()
    torch.testing.assert_close(adjacency.values()[:, 0], wanted)
