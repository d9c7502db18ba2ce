"""The layer, the model and their curvature on a CUDA device."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.nn import HGCN, FermiDiracDecoder, HGCNConv
from pyg_hyperbolic.testing.graphs import FORMS, to_form

pytestmark = pytest.mark.cuda
aggregations = pytest.mark.parametrize("aggregation", ["midpoint", "tangent", "local"])


def random_graph(nodes: int = 200, edges: int = 2000) -> tuple[Tensor, Tensor]:
    edge_index = torch.randint(0, nodes, (2, edges)).unique(dim=1).contiguous()
    return edge_index, torch.rand(edge_index.size(1), dtype=torch.float64)


def run(
    conv: torch.nn.Module, x: Tensor, graph: tuple[Tensor, Tensor | None]
) -> list[Tensor]:
    """Output and all gradients."""
    x = x.clone().requires_grad_()
    out = conv(x, *graph)
    out.square().sum().backward()
    return [out, x.grad, *(parameter.grad for parameter in conv.parameters())]


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize("form", ["plain", *FORMS])
@aggregations
def test_the_device_gives_what_the_cpu_gives(
    aggregation: str, form: str, scale: float
) -> None:
    edge_index, weight = random_graph()
    if form != "plain":
        edge_index, weight = to_form(edge_index, weight, form, (200, 200))
    conv = HGCNConv(8, 6, aggregation=aggregation, normalize=False).double()
    torch.nn.init.normal_(conv.bias)
    x = scale * torch.randn(200, 8, dtype=torch.float64)
    expected = run(copy.deepcopy(conv), x, (edge_index, weight))
    there = tuple(None if t is None else t.cuda() for t in (edge_index, weight))
    got = run(conv.cuda(), x.cuda(), there)
    for a, b in zip(got, expected, strict=True):
        assert a.device.type == "cuda"
        atol = 1e-8 * b.abs().max().item()
        torch.testing.assert_close(a.cpu(), b, rtol=1e-8, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@aggregations
def test_autocast(aggregation: str, dtype: torch.dtype) -> None:
    """Loss curves are those of float32, and no gradient is lost."""
    edge_index, _ = random_graph()
    edge_index = edge_index.cuda()
    x, y = torch.randn(200, 8).cuda(), torch.randint(0, 3, (200,)).cuda()
    first = HGCN(8, 16, 2, out_channels=3, aggregation=aggregation).cuda()
    losses = {}
    for enabled in (False, True):
        model = copy.deepcopy(first)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cuda", enabled=enabled)
        curve = []
        for _ in range(30):
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=dtype, enabled=enabled):
                loss = torch.nn.functional.cross_entropy(model(x, edge_index), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            assert all(p.grad is not None for p in model.parameters())
            scaler.step(optimizer)
            scaler.update()
            curve.append(loss.item())
        losses[enabled] = torch.tensor(curve)
    assert losses[True].isfinite().all()
    assert (losses[True] - losses[False])[10:].abs().max() < 0.05


@pytest.mark.parametrize("options", [{"capturable": True}, {"fused": True}], ids=str)
def test_projection_after_steps_on_the_device(options: dict[str, Any]) -> None:
    curvature = Curvature(1.0, parametrization="projected", bounds=(0.5, 2.0)).cuda()
    optimizer = torch.optim.Adam(curvature.parameters(), lr=0.5, **options)
    project_curvatures(optimizer, curvature)
    for goal, end in ((5.0, 2.0), (-5.0, 0.5)):
        for _ in range(60):
            optimizer.zero_grad()
            (curvature() - goal).square().backward()
            optimizer.step()
            assert 0.5 <= curvature().item() <= 2.0
        assert curvature().item() == end


def test_a_checkpoint_gives_the_same_curvature_on_the_device() -> None:
    curvature = Curvature(1e-8)
    there = Curvature(1.0).cuda()
    there.load_state_dict(curvature.state_dict())
    assert there().device.type == "cuda"
    assert there().item() == curvature().item() == curvature.cuda()().item()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of inductor itself
@aggregations
def test_compiled(aggregation: str) -> None:
    edge_index, weight = random_graph()
    conv = HGCNConv(8, 6, aggregation=aggregation, normalize=False).cuda()
    x, graph = torch.randn(200, 8).cuda(), (edge_index.cuda(), weight.float().cuda())
    expected = run(copy.deepcopy(conv), x, graph)
    got = run(torch.compile(conv, fullgraph=True), x, graph)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(
            a, b, rtol=1e-3, atol=1e-6 + 1e-3 * b.abs().max().item()
        )


def test_the_decoder_on_the_device() -> None:
    decoder = FermiDiracDecoder()
    u, v, c = torch.randn(9, 4), torch.randn(9, 4), torch.tensor(0.7)
    expected = decoder(u, v, c)
    out = decoder.cuda()(u.cuda(), v.cuda(), c.cuda())
    torch.testing.assert_close(out.cpu(), expected)
