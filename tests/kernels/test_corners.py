"""Points and weights where formulas lose their digits, or leave all numbers."""

import math

import mpmath as mp
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry, kernels
from pyg_hyperbolic.kernels import Graph, backend
from tests.kernels.cases import DOUBLE, OPERATIONS, case
from tests.numerics import textbook
from tests.where import each

backends = pytest.mark.parametrize("by", ["cpu", "portable"])
NAMES = ["midpoint", "midpoint_of_sums", "weighted_sum", "log_sum"]


def one_edge() -> Graph:
    return Graph(torch.zeros(1).long(), torch.zeros(1).long(), 1, 1)


def at(radius: float, dtype: torch.dtype) -> Tensor:
    """A point in no direction of an axis."""
    direction = torch.tensor([[2.0, -3.0, 6.0]], dtype=DOUBLE) / 7
    return (radius * direction).to(dtype).requires_grad_()


@backends
@each("radius", [0.0, 1e-6, 1.0, 34.0, 300.0, 3000.0])
def test_a_node_alone_with_itself(radius: float, by: str, dtype: torch.dtype) -> None:
    """Its midpoint is itself, and so is the gradient."""
    x, c = at(radius, dtype), torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    weight = torch.tensor([0.3], dtype=dtype, requires_grad=True)
    grad = torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype)
    with backend(by):
        out = kernels.midpoint(x, one_edge(), c, weight)
        got = torch.autograd.grad(out, (x, weight, c), grad)
    bar = 1e-13 if dtype == DOUBLE else 1e-6
    torch.testing.assert_close(out, x, rtol=bar, atol=0)
    torch.testing.assert_close(got[0], grad, rtol=bar, atol=bar)
    for rest in got[1:]:
        assert rest.abs() <= bar * max(radius, 1)


@each("radius", [0.1, 5.0, 14.0])
def test_a_bias_of_zero_has_its_gradient(radius: float, dtype: torch.dtype) -> None:
    """As at the start of training, of neighbors in one direction, too."""
    x = at(radius, dtype).detach() + 1e-6 * torch.randn(6, 3, dtype=dtype)
    graph = Graph(torch.arange(6), torch.zeros(6).long(), 6, 1)
    bias = torch.zeros(3, dtype=dtype, requires_grad=True)
    found = []
    for by in ("cpu", "reference"):
        with backend(by):
            out = kernels.midpoint(x, graph, 1.0, bias=bias)
            found.append(torch.autograd.grad(out.sum(), bias)[0])
    scale = found[1].abs().max().item()
    torch.testing.assert_close(*found, rtol=0, atol=1e-4 * scale)


@backends
@each("radius", [0.0, 1e-6, 1.0, 30.0, 100.0, 300.0, 3000.0])
def test_points_that_are_equal(radius: float, by: str, dtype: torch.dtype) -> None:
    """Across the points, the log map grows with sinh(a)/a; along them as it is."""
    u, v = at(radius, dtype), at(radius, dtype)
    c = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    grad = torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype)
    with backend(by):
        out = kernels.log_sum(v, u, one_edge(), c)
        by_v, by_u, by_c = torch.autograd.grad(out, (v, u, c), grad)
        total = torch.autograd.grad(kernels.log_sum(v, v, one_edge(), c), v, grad)[0]
    assert (out == 0).all() and by_c == 0
    assert by_v.isfinite().all()
    torch.testing.assert_close(by_u, -by_v)
    assert total.abs().max() <= 1e-6 * by_v.abs().max()
    length = v.detach().double().norm()
    unit = v.detach().double() / length.clamp(min=1e-300)
    growth = length.sinh() / length if length > 0 else torch.ones(())
    if 0 < growth < 0.01 * torch.finfo(dtype).max:
        along = (grad * unit).sum() * unit
        true = along + growth * (grad - along)
        bar = 1e-12 if dtype == DOUBLE else 3e-5
        torch.testing.assert_close(
            by_v.double(), true, rtol=0, atol=bar * true.abs().max().item()
        )


@backends
@each("radius", [0.0, 1e-6, 1.0, 100.0, 3000.0])
@each("f", [kernels.dist, kernels.sqdist])
def test_the_distance_of_equal_points_has_the_gradient_zero(
    f: type, radius: float, by: str, dtype: torch.dtype
) -> None:
    u, v = at(radius, dtype), at(radius, dtype)
    c = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    pair = torch.zeros(1).long()
    with backend(by):
        out = f(u, v, c, pair, pair)
        assert out == 0
        for x in torch.autograd.grad(out.sum(), (u, v, c)):
            assert torch.equal(x, torch.zeros_like(x))


@backends
@each("radius", [0.1, 1.0, 8.0, 80.0])
@each("f", ["gyro_add", "log_sum", "dist", "sqdist"])
def test_points_nearly_opposite_or_nearly_equal(
    f: str, radius: float, by: str, dtype: torch.dtype
) -> None:
    """Each row by itself."""
    apart = torch.tensor([1e-2, 1e-3, 1e-4, 1e-5, 1e-6], dtype=DOUBLE)[:, None]
    u = radius * torch.nn.functional.normalize(torch.randn(5, 3, dtype=DOUBLE), dim=-1)
    v = -u + apart * radius * torch.randn(5, 3, dtype=DOUBLE)
    i = torch.arange(5)

    def fast(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
        if f == "gyro_add":
            return kernels.gyro_add(u, v, c)
        if f == "log_sum":
            return kernels.log_sum(v, -u, Graph(i, i, 5, 5), c)
        return getattr(kernels, f)(-u, v, c, i, i)[:, None]

    def slow(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
        if f in ("gyro_add", "log_sum"):
            return geometry.gyro_add(u, v, c)
        return getattr(geometry, f)(-u, v, c)[:, None]

    c = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    inputs = [u.to(dtype).requires_grad_(), v.to(dtype).requires_grad_(), c]
    exact = [
        u.to(dtype).double().requires_grad_(),
        v.to(dtype).double().requires_grad_(),
        c,
    ]
    true = slow(*exact)
    grad = torch.randn(true.shape).double()
    with backend(by):
        out = fast(*inputs)
        got = torch.autograd.grad(out, inputs, grad.to(dtype))
    # as much as they move with a rounding of the points
    bar = 8 * torch.finfo(dtype).eps / apart.squeeze()
    truth = [true, *torch.autograd.grad(true, exact, grad)]
    for a, b in zip([out, *got], truth, strict=True):
        if b.dim() > 0:
            assert ((a - b).norm(dim=-1) <= bar * b.norm(dim=-1)).all()
        else:
            assert (a - b).abs() <= bar.max() * b.abs()


@backends
@each("radius", [1.0, 8.0, 300.0])
def test_one_dimension_is_a_line(radius: float, by: str, dtype: torch.dtype) -> None:
    u, v = (x.requires_grad_() for x in radius * torch.randn(2, 9, 1, dtype=dtype))
    c, i = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True), torch.arange(9)
    minus = torch.autograd.grad((v - u).abs().sum(), (u, v))
    bar = (1e-13 if dtype == DOUBLE else 1e-6) * radius
    with backend(by):
        for out, true, grads in (
            (kernels.gyro_add(u, v, c), u + v, (1, 1)),
            (kernels.log_sum(v, u, Graph(i, i, 9, 9), c), v - u, (-1, 1)),
            (kernels.dist(u, v, c, i, i)[:, None], (v - u).abs(), minus),
        ):
            torch.testing.assert_close(out, true, rtol=0, atol=bar)
            *got, by_c = torch.autograd.grad(out.sum(), (u, v, c))
            for a, b in zip(got, grads, strict=True):
                assert radius > 10 or (a - b).abs().max() <= 1e-3
            assert by_c.abs() <= bar * radius


@backends
@pytest.mark.parametrize("radius", [50.0, 100.0, 300.0])
def test_points_on_one_line_far_out(radius: float, by: str, dtype: torch.dtype) -> None:
    """Across the line derivatives may be beyond all numbers; they are finite."""
    if by == "portable" and dtype == torch.float32 and radius == 300:
        pytest.xfail("plain PyTorch: the derivative across the line leaves float32")
    x = torch.zeros(4, 2, dtype=dtype)
    x[:, 0] = torch.tensor([radius, -radius, radius / 2, radius + 1])
    u, v = x.repeat(4, 1).requires_grad_(), x.repeat_interleave(4, 0).requires_grad_()
    c, i = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True), torch.arange(16)
    true = (u[:, 0] - v[:, 0]).detach().abs()
    with backend(by):
        for out in (
            kernels.gyro_add(-u, v, c).norm(dim=-1),
            kernels.log_sum(v, u, Graph(i, i, 16, 16), c).norm(dim=-1),
            kernels.dist(u, v, c, i, i),
        ):
            torch.testing.assert_close(out, true)
            for grad in torch.autograd.grad(out.sum(), (u, v, c)):
                assert grad.isfinite().all()


@backends
@each("radius", [1e-3, 1.0, 20.0, 300.0, 1000.0])
@each(
    "points",
    [
        [[0.6, 0.8], [0.6 + 1e-9, 0.8]],
        [[0.6, 0.8], [0.6, 0.8 + 1e-12], [0.8, 0.6]],
        [[1.0, 0.0], [0.0, 0.5]],
        [[1.0, 0.0], [0.0, 0.01]],
        [[1.0, 0.0], [-0.999, 0.0]],
        [[0.0, 1.0], [0.0, 0.0]],
    ],
)
def test_midpoints_as_by_the_textbook(
    radius: float, points: list[list[float]], by: str
) -> None:
    """In as many digits as that loses."""
    x = (radius * torch.tensor(points, dtype=DOUBLE)).requires_grad_()
    number = len(points)
    graph = Graph(torch.arange(number), torch.zeros(number).long(), number, 1)
    weight = torch.linspace(1, 0.5, number, dtype=DOUBLE)
    with mp.workdps(100 + int(2 * radius)):
        rows, w = [textbook.vector(v) for v in x], textbook.vector(weight)
        true = [float(z) for z in textbook.midpoint(rows, w, mp.mpf(1))]
    with backend(by):
        out = kernels.midpoint(x, graph, 1.0, weight)[0]
    # the plain back end subtracts the Klein points themselves
    bar = 1e-13 if by == "cpu" else 1e-8
    expected = torch.tensor(true, dtype=DOUBLE)
    torch.testing.assert_close(out, expected, rtol=0, atol=bar * radius)
    assert torch.autograd.grad(out.sum(), x)[0].isfinite().all()


@backends
@pytest.mark.parametrize("name", NAMES)
@each("radius", [1.0, 20.0, 300.0])
def test_weights_of_all_sizes(
    name: str, radius: float, by: str, dtype: torch.dtype
) -> None:
    """Some are 0, some 1e-30, some 1e30; their gradients by their logarithms."""
    if radius > 80 and dtype != DOUBLE:
        return  # derivatives by weights of 0 are out of its range
    given, operation = case(radius), OPERATIONS[name]
    size = 10 ** (60 * torch.rand(40, 2) - 30)
    size[::6] = 0
    sign = torch.randn(40, 2).sign()
    given = given.replace(weight=size, signed=size * sign)
    true = operation.run_slowly(given)
    with backend(by):
        got = operation.run(given.to(dtype), true[0].sin())
    position = [
        1 + i for i, a in enumerate(operation.arguments) if a in ("weight", "signed")
    ]
    for i, (a, b) in enumerate(zip(got, true, strict=True)):
        assert a.isfinite().all()
        if i in position:
            a, b = a * size, b * size
        bar = (1e-10 if dtype == DOUBLE else 3e-5) * b.abs().max().item()
        torch.testing.assert_close(a.double(), b, rtol=0, atol=bar)


@backends
@each("radius", [0.1, 1.0, 20.0])
def test_an_edge_of_weight_zero_is_none_but_for_its_derivative(
    radius: float, by: str
) -> None:
    given = case(radius)
    x, weight, c = given.at(("x", "weight", "c"))
    kept = torch.arange(40) % 3 > 0
    with backend(by):
        slopes = []
        for least in (0.0, 1e-12 * math.exp(-2 * radius)):
            w = torch.where(
                kept[:, None], weight.detach() + 0.1, least
            ).requires_grad_()
            out = kernels.midpoint(x, given.graph, c, w)
            if least == 0:
                some = Graph(given.source[kept], given.target[kept], 9, 8)
                torch.testing.assert_close(
                    out,
                    kernels.midpoint(x, some, c, w[kept]),
                    rtol=0,
                    atol=1e-13 * radius,
                )
            slopes.append(torch.autograd.grad(out.sin().sum(), w)[0])
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-6, atol=1e-9)


@backends
@each("scale", [1e-280, 1e-30, 1e30, 1e250])
def test_weights_near_the_ends_of_all_numbers(scale: float, by: str) -> None:
    given = case(2.0)
    x, weight, c = given.at(("x", "weight", "c"))
    scaled = (scale * weight).detach().requires_grad_()
    with backend(by):
        out = kernels.midpoint(x, given.graph, c, scaled)
        torch.testing.assert_close(out, kernels.midpoint(x, given.graph, c, weight))
        (slope,) = torch.autograd.grad(out.sum(), scaled)
    assert slope.isfinite().all() and (slope != 0).any()


def test_zero_weights_far_beyond_the_others_are_no_infinity() -> None:
    x = torch.tensor([[1.0, 0.0], [300.0, 0.0], [0.0, 900.0]], requires_grad=True)
    weight = torch.tensor([1.0, 0.0, 0.0], requires_grad=True)
    c = torch.tensor(1.0, requires_grad=True)
    graph = Graph(torch.arange(3), torch.zeros(3).long(), 3, 1)
    with backend("portable"):
        out = kernels.midpoint(x, graph, c, weight)
        torch.testing.assert_close(out[0], x[0])
        for gradient in torch.autograd.grad(out.sum(), (x, weight, c)):
            assert gradient.isfinite().all()


@backends
def test_a_far_point_and_the_origin_meet_half_way(by: str) -> None:
    """Though the mass of one is e^1000 that of the other."""
    x = torch.tensor([[600.0, 800.0], [0.0, 0.0]], dtype=DOUBLE, requires_grad=True)
    graph = Graph(torch.arange(2), torch.zeros(2).long(), 2, 1)
    with backend(by):
        out = kernels.midpoint(x, graph, 1.0)
        (slope,) = torch.autograd.grad(out[0, 0], x)
    torch.testing.assert_close(out, x[:1] / 2)
    # The origin moves it along the line alone: across it, that far out, by nothing.
    expected = torch.tensor([[0.5, 0.0], [0.18, 0.24]], dtype=DOUBLE)
    torch.testing.assert_close(slope, expected)


@backends
def test_a_target_with_no_weight_but_zeros_is_the_origin(by: str) -> None:
    given = case(3.0)
    given = given.replace(weight=torch.zeros(40, 2, dtype=DOUBLE).requires_grad_())
    with backend(by):
        for x in OPERATIONS["midpoint_of_sums"].run(given, torch.ones(8, 2, 4)):
            assert torch.equal(x, torch.zeros_like(x))


@backends
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_not_a_number_is_not_made_one(name: str, by: str) -> None:
    operation = OPERATIONS[name]
    for argument in operation.arguments:
        given = case(1.0)
        for x in given.leaves.values():
            x.detach()[x.detach() == 0] = 0.1  # whose sums do not depend on c
        leaf = given.leaves[argument].detach()
        given = given.replace(**{argument: (leaf * torch.nan).requires_grad_()})
        with backend(by):
            out = operation.fast(given, *given.at(operation.arguments))
        assert out[:-1].isnan().all(), argument


@each("far", [20.0, 160.0])
def test_a_weight_of_0_has_its_derivative_however_far_its_point(far: float) -> None:
    """It is as large as the mass that the point would have."""
    x = torch.tensor([[0.3, 0.1], [-0.2, 0.4], [far, 3.0]], dtype=DOUBLE)
    weight = torch.tensor([1.0, 0.5, 0.0], dtype=DOUBLE, requires_grad=True)
    graph = Graph(torch.arange(3), torch.zeros(3).long(), 3, 1)
    with backend("cpu"):
        out = kernels.midpoint(x, graph, 1.0, weight)
        (got,) = torch.autograd.grad(out.sum(), weight)
    with mp.workdps(400):
        points, step = [textbook.vector(v) for v in x], mp.mpf(10) ** -120
        before, after = (
            mp.fsum(textbook.midpoint(points, [mp.mpf(1), mp.mpf("0.5"), w], mp.mpf(1)))
            for w in (mp.mpf(0), step)
        )
        true = float((after - before) / step)
    assert got[2].item() == pytest.approx(true, rel=1e-9)


@backends
@each("radius", [2.0, 20.0, 200.0])
def test_an_edge_of_weight_0_changes_no_gradient(radius: float, by: str) -> None:
    """Not even a second one from the neighbor that counts most."""
    x = (radius * torch.randn(3, 2, dtype=DOUBLE)).requires_grad_()
    c = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    farthest = int(x.norm(dim=-1).argmax())
    grads = []
    for source, weight in (
        ([0, 1, 2], [1.0, 1.0, 1.0]),
        ([0, 1, 2, farthest], [1.0, 1.0, 1.0, 0.0]),
    ):
        graph = Graph(torch.tensor(source), torch.zeros(len(source)).long(), 3, 1)
        with backend(by):
            out = kernels.midpoint(x, graph, c, torch.tensor(weight, dtype=DOUBLE))
            # with weights that learn, a loop looks at edges of weight 0 too
            w = torch.tensor(weight, dtype=DOUBLE, requires_grad=True)
            learned = kernels.midpoint(x, graph, c, w)
            for result in (out, learned):
                grads.append(torch.autograd.grad(result.sin().sum(), (x, c)))
    for other in grads[1:]:
        torch.testing.assert_close(other, grads[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each("radii", [(39156.6, 60058.9), (5e4, 4e4), (3e4, 3e4)])
def test_gradients_of_far_points_on_one_line_are_numbers(
    dtype: torch.dtype, radii: tuple[float, float]
) -> None:
    """Antipodal to the last digit: 0 across the line, times what overflows."""
    line = torch.zeros(1, 8, dtype=dtype)
    line[0, :4] = torch.tensor([0.5, -0.5, 0.5, 0.5])
    u, v = (r * line for r in radii)
    for other in (-v, v):
        x, y = (z.clone().requires_grad_() for z in (u, other))
        c = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        out = kernels.gyro_add(x, y, c)
        assert out.isfinite().all()
        for grad in torch.autograd.grad(out.sin().sum(), (x, y, c)):
            assert grad.isfinite().all()
