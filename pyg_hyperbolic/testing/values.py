"""Checks of numbers: limits, radii, derivatives and dtypes."""

import torch
from torch import Tensor

from pyg_hyperbolic.testing.case import Case, close, expect, finite, gradients
from pyg_hyperbolic.testing.graphs import small_graph

DOUBLE = torch.float64
STEP = 1e-6


def euclidean_limit(case: Case) -> None:
    """At c -> 0 the layer is its Euclidean twin, with the same parameters."""
    if case.twin is None:
        return
    twin, conv = case.twin(*case.dims).double(), case.make(curvature=1e-12)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.normal_(std=0.5)
    unknown = conv.load_state_dict(twin.state_dict(), strict=False).unexpected_keys
    way_out = "name parameters as the twin does, so that its checkpoints can be loaded"
    expect(not unknown, f"the layer has no {', '.join(unknown)} of its twin", way_out)
    x, (edge_index, _) = case.x().requires_grad_(), small_graph()
    # Without a neighbor a hyperbolic layer has the origin, and others their bias.
    edge_index = torch.cat([edge_index, torch.tensor([[4], [5]])], dim=1)
    weight = torch.rand(10, dtype=DOUBLE).requires_grad_()
    both = case.weighted(conv) and case.weighted(twin)
    for options in [{}, {"edge_weight": weight}] if both else [{}]:
        out, expected = (f(x, edge_index, **options) for f in (conv, twin))
        way_out = "every formula with c has to come to its flat one as c goes to 0"
        given = "with edge_weight" if options else "without edge_weight"
        wrong = f"is not its twin at c = 1e-12, {given}"
        close(out, expected, 1e-5, f"the layer {wrong}", way_out)
        own = gradients(conv, out, x=x, **options)
        true = gradients(twin, expected, x=x, **options)
        own = {name: own[name] for name in true}
        close(own, true, 1e-5, f"the gradient of the layer {wrong}", way_out)


def finite_at_every_radius(case: Case) -> None:
    """Outputs and gradients are finite, and gradients are not blocked."""
    edge_index, _ = small_graph()
    for dtype in (torch.float32, DOUBLE):
        for c in (0.3, 1.0):
            conv = case.make(dtype, curvature=c)
            for radius in case.radii:
                x = torch.nn.functional.normalize(case.x(dtype=dtype), dim=-1)
                x = (radius * x).requires_grad_()
                out = conv(x, edge_index)
                grads = gradients(conv, out, x=x)
                where = f"at radius {radius:g}, c = {c:g} in {dtype}"
                way_out = (
                    "compute with kernels or geometry, which hold at any radius, or "
                    "give the radii that the layer is for as 'radii'"
                )
                finite({"the output": out, **grads}, where, way_out)
                way_out = "leave out clamps and projections: they block gradients"
                blocked = f"the gradient of x is zero {where}"
                expect(bool(grads["x"].any()), blocked, way_out)


def derivatives(case: Case) -> None:
    """First derivatives are central differences, by c too."""
    edge_index, weight = small_graph()
    conv, x = case.make(curvature=0.7), case.x().requires_grad_()
    options = {"edge_weight": weight.requires_grad_()} if case.weighted(conv) else {}

    def value() -> Tensor:
        out = conv(x, edge_index, **options)
        cotangent = torch.arange(1, out.numel() + 1, dtype=DOUBLE).sin()
        return (out * cotangent.view_as(out)).sum()

    own = gradients(conv, conv(x, edge_index, **options), x=x, **options)
    for name, leaf in {"x": x, **options, **dict(conv.named_parameters())}.items():
        direction, start = torch.randn_like(leaf), leaf.detach().clone()
        ends = []
        for step in (STEP, -STEP):
            with torch.no_grad():
                leaf.copy_(start + step * direction)
                ends.append(value())
                leaf.copy_(start)
        way_out = "compare each step of the backward pass with autograd of the formula"
        wrong = f"the derivative by {name} is not the difference of values"
        true = (ends[0] - ends[1]) / (2 * STEP)
        close((own[name] * direction).sum(), true, 1e-6, wrong, way_out)


def curvature_learns(case: Case) -> None:
    """The curvature has a gradient that is not zero."""
    conv = case.make(curvature=0.7)
    grads = gradients(conv, conv(case.x(), small_graph()[0]))
    grad = grads.get("curvature.raw")
    wrong = "the output does not depend on the curvature"
    way_out = (
        "call self.curvature() in forward, and use it in an operation that is not "
        "linear in normal coordinates"
    )
    learns = grad is not None and grad.abs().max() > 1e-5
    expect(bool(learns), wrong, way_out)


def dtypes(case: Case) -> None:
    """What comes out has the dtype of what goes in, and its exactness."""
    edge_index, _ = small_graph()
    bars = {torch.float32: 1e-4, torch.float16: 1.2e-2, torch.bfloat16: 9e-2}
    for dtype, bar in bars.items():
        for radius in (0.1, 1.0):
            conv, x = case.make(dtype), (radius * case.x()).to(dtype)
            out = conv(x, edge_index)
            way_out = "bring c and constants to the dtype of the points"
            expect(out.dtype == dtype, f"{dtype} became {out.dtype}", way_out)
            expected = conv.double()(x.double(), edge_index)
            wrong = f"{dtype} is far from float64 at radius {radius:g}"
            way_out = "compute what loses digits, or overflows, in a wider dtype"
            close(out.double(), expected, bar, wrong, way_out)


def autocast(case: Case) -> None:
    """Under ``torch.autocast`` the layer runs, and gives nearly the same."""
    edge_index, _ = small_graph()
    conv, x = case.make(torch.float32), case.x(dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = conv(x, edge_index)
    way_out = "bring the results of matrix products to one dtype before geometry"
    wrong = "the result is another one under autocast to bfloat16"
    close(out.float(), conv(x, edge_index), 0.05, wrong, way_out)
    grads = gradients(conv, out, x=x)
    finite(dict(grads), "under autocast to bfloat16", way_out)
    kept = all(grad.dtype == torch.float32 for grad in grads.values())
    expect(kept, "gradients are not float32 under autocast", way_out)


CHECKS = {
    "euclidean limit": euclidean_limit,
    "finite at every radius": finite_at_every_radius,
    "derivatives": derivatives,
    "curvature learns": curvature_learns,
    "dtypes": dtypes,
    "autocast": autocast,
}
