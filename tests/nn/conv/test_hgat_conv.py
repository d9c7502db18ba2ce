from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, kernels
from pyg_hyperbolic.geometry import dist, gyro_add, midpoint
from pyg_hyperbolic.nn import HGATConv
from tests.where import each

SCORES = ["tangent", "distance"]
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 5], [1, 2, 0, 0, 2, 2, 3, 3]])


@pytest.fixture(params=SCORES)
def score(request: pytest.FixtureRequest) -> str:
    return request.param


def layer(*args: Any, **kwargs: Any) -> HGATConv:
    """A layer in float64 with no parameter at its first value."""
    conv = HGATConv(*args, **kwargs).double()
    with torch.no_grad():
        for name, parameter in conv.named_parameters():
            if not name.startswith("curvature"):
                parameter.add_(0.4 * torch.randn_like(parameter))
    return conv


def dense(
    conv: HGATConv, x: Tensor, x_t: Tensor, edges: list[tuple[int, int]]
) -> tuple[Tensor, dict[tuple[int, int], Tensor]]:
    """The layer node by node and head by head, by its formulas."""
    heads, width = conv.heads, conv.out_channels
    first, last = conv.lin or conv.lin_src, conv.lin or conv.lin_dst
    assert first is not None and last is not None
    h = (x @ first.weight.t()).view(-1, heads, width)
    h_t = (x_t @ last.weight.t()).view(-1, heads, width)
    c = conv.curvature().expand(heads)
    out, alpha = [], {edge: torch.zeros(heads).double() for edge in edges}
    for i in range(len(x_t)):
        neighbors = [j for j, target in edges if target == i]
        row = []
        for k in range(heads):
            bias = conv.bias.view(-1, width).expand(heads, -1)[k]
            if not neighbors:
                row.append(torch.zeros(width).double())
                continue
            others = h[neighbors, k]
            if conv.score == "tangent":
                s = others @ conv.att_src[0, k] + conv.att_dst[0, k] @ h_t[i, k]
                s = torch.where(s > 0, s, conv.negative_slope * s)
            else:
                s = -conv.log_beta[k].exp() * dist(h_t[i, k], others, c[k])
            weights = s.softmax(0)
            for j, w in zip(neighbors, weights, strict=True):
                alpha[j, i][k] = w.detach()
            row.append(midpoint(gyro_add(others, bias, c[k]), c[k], weights))
        heads_of_i = torch.stack(row)
        out.append(heads_of_i.flatten() if conv.concat else midpoint(heads_of_i, c[0]))
    return torch.stack(out), alpha


@each(
    ("curvature", "radius"), [([0.3, 1.0, 4.0], 0.5), (0.8, 5.0), ([0.3, 1.0, 4.0], 40)]
)
def test_equals_a_slow_dense_reference(
    score: str, curvature: Any, radius: float
) -> None:
    conv = layer(4, 2, heads=3, score=score, curvature=Curvature(curvature))
    x = radius * torch.randn(6, 4, dtype=torch.float64)
    out, (edge_index, alpha) = conv(x, EDGES, return_attention_weights=True)
    edges = [tuple(edge) for edge in edge_index.t().tolist()]
    expected, weights = dense(conv, x, x, edges)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    for edge, of_edge in zip(edges, alpha, strict=True):
        torch.testing.assert_close(of_edge, weights[edge], rtol=1e-10, atol=1e-12)


def test_heads_without_concat_and_bipartite(score: str) -> None:
    conv = layer((4, 3), 2, heads=3, concat=False, add_self_loops=False, score=score)
    x, x_t = torch.randn(6, 4).double(), torch.randn(5, 3).double()
    out = conv((x, x_t), EDGES[:, :-1])
    expected, _ = dense(conv, x, x_t, [tuple(e) for e in EDGES[:, :-1].t().tolist()])
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    assert out.shape == (5, 2) and not out[4].any()


def test_weights_of_a_target_sum_to_one(score: str) -> None:
    conv = HGATConv(4, 2, heads=3, score=score)
    x = torch.randn(6, 4)
    _, (edge_index, alpha) = conv(x, EDGES, return_attention_weights=True)
    assert alpha.shape == (edge_index.size(1), 3)
    assert alpha.unique().numel() > 6  # not all alike
    sums = torch.zeros(6, 3).index_add_(0, edge_index[1], alpha)
    torch.testing.assert_close(sums, torch.ones(6, 3))


def test_every_parameter_gets_a_gradient(score: str) -> None:
    conv = layer(4, 2, heads=3, edge_dim=2, score=score, curvature=Curvature([1, 2, 3]))
    conv(torch.randn(6, 4).double(), EDGES, torch.randn(8, 2).double()).sum().backward()
    for name, parameter in conv.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad != 0).any(dim=-1).all(), name


def test_keeps_nothing_of_edges_times_channels(score: str) -> None:
    conv = HGATConv(16, 16, heads=2, add_self_loops=False, score=score)
    x = (torch.randn(50, 16) / 8).requires_grad_()
    sizes = []

    def note(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        conv(x, torch.randint(50, (2, 5000)))
    assert max(sizes) <= 2 * 5000


def test_dropout_drops_neighbors_while_training(score: str) -> None:
    conv = HGATConv(4, 2, dropout=0.5, score=score)
    x = torch.randn(6, 4)
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


@each("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_attention_of_a_sparse_matrix(score: str, layout: torch.layout) -> None:
    conv, x = HGATConv(4, 2, score=score, add_self_loops=False), torch.randn(6, 4)
    ones = torch.ones(EDGES.size(1))
    matrix = torch.sparse_coo_tensor(EDGES.flip(0), ones, (6, 6)).to_dense()
    matrix = matrix.to_sparse(layout=layout)
    _, (edge_index, alpha) = conv(x, EDGES, return_attention_weights=True)
    expected = torch.zeros(6, 6)
    expected[edge_index[1], edge_index[0]] = alpha[:, 0]
    out, (adjacency, _) = conv(x, matrix, return_attention_weights=True)
    assert adjacency.layout == matrix.layout
    torch.testing.assert_close(out, conv(x, EDGES))
    wanted = expected.to_sparse(layout=matrix.layout)
    torch.testing.assert_close(adjacency.values()[:, 0], wanted.values())
