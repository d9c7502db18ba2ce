from typing import Any

import mpmath
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, kernels
from pyg_hyperbolic.geometry import dist, gyro_add, midpoint
from pyg_hyperbolic.nn import HGATConv
from tests.nn.reference import assert_equal
from tests.where import each

EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 5], [1, 2, 0, 0, 2, 2, 3, 3]])
every = each("score", ["tangent", "distance"])


def layer(*args: Any, **kwargs: Any) -> HGATConv:
    """A layer in float64 with no parameter at its first value."""
    conv = HGATConv(*args, **kwargs).double()
    with torch.no_grad():
        for name, parameter in conv.named_parameters():
            if not name.startswith("curvature"):
                parameter.add_(0.4 * torch.randn_like(parameter))
    return conv


def dense(
    conv: HGATConv, x: Tensor, x_t: Tensor, edge_index: Tensor
) -> tuple[Tensor, Tensor]:
    """The layer node by node and head by head, by its formulas; and its weights."""
    heads, width = conv.heads, conv.out_channels
    first, last = conv.lin or conv.lin_src, conv.lin or conv.lin_dst
    assert first is not None and last is not None
    h = (x @ first.weight.t()).view(-1, heads, width)
    h_t = (x_t @ last.weight.t()).view(-1, heads, width)
    c, bias = conv.curvature().expand(heads), conv.bias.view(-1, width)
    points = gyro_add(h, bias.expand(heads, -1), c)
    out, alpha = [], torch.zeros(edge_index.size(1), heads).double()
    for i in range(len(x_t)):
        edges = (edge_index[1] == i).nonzero().view(-1)
        source, row = edge_index[0, edges], []
        for k in range(heads):
            if len(edges) == 0:
                row.append(torch.zeros(width).double())
                continue
            if conv.score == "tangent":
                s = h[source, k] @ conv.att_src[0, k] + conv.att_dst[0, k] @ h_t[i, k]
                s = torch.where(s > 0, s, conv.negative_slope * s)
            else:
                s = -conv.log_beta[k].exp() * dist(h_t[i, k], h[source, k], c[k])
            alpha[edges, k] = s.softmax(0).detach()
            row.append(midpoint(points[source, k], c[k], s.softmax(0)))
        of_heads = torch.stack(row)
        out.append(of_heads.flatten() if conv.concat else midpoint(of_heads, c[0]))
    return torch.stack(out), alpha


@every
@each(
    ("curvature", "radius"), [([0.3, 1.0, 4.0], 0.5), (0.8, 5.0), ([0.3, 1.0, 4.0], 40)]
)
def test_equals_a_slow_dense_reference(
    score: str, curvature: Any, radius: float
) -> None:
    conv = layer(4, 2, heads=3, score=score, curvature=Curvature(curvature))
    x = (radius * torch.randn(6, 4, dtype=torch.float64)).requires_grad_()
    out, (edge_index, alpha) = conv(x, EDGES, return_attention_weights=True)
    expected, weights = dense(conv, x, x, edge_index)
    assert_equal(conv, out, expected, 1e-10, x=x)
    torch.testing.assert_close(alpha, weights, rtol=1e-10, atol=1e-12)


@every
def test_heads_without_concat_and_bipartite(score: str) -> None:
    conv = layer((4, 3), 2, heads=3, concat=False, add_self_loops=False, score=score)
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
    edges = kernels.Graph(torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1)
    c = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    log_weight = torch.tensor(logs, dtype=torch.float64, requires_grad=True)
    out = kernels.midpoint(h, edges, c, log_weight.exp())
    with mpmath.workdps(1400):
        pairs = [
            (mpmath.exp(w), mpmath.mpf(r)) for w, r in zip(logs, radii, strict=True)
        ]
        time = sum(w * mpmath.cosh(r) for w, r in pairs)
        space = [w * mpmath.sinh(r) for w, r in pairs]
        length = mpmath.hypot(*space)
        expected = [float(mpmath.atanh(length / time) * x / length) for x in space]
    torch.testing.assert_close(out[0].tolist(), expected, rtol=1e-10, atol=1e-10)
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
