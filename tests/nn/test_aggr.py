import pytest
import torch
from torch_geometric.nn import GCNConv, SAGEConv

from pyg_hyperbolic.geometry import midpoint
from pyg_hyperbolic.nn import HyperbolicAggregation, hyperbolic_mean_pool
from tests.where import each


@each("scale", [0.0, 0.3, 4.0, 30.0, 300.0])
def test_pool_is_the_midpoint_of_every_graph(
    scale: float, torch_scatter: bool, dtype: torch.dtype
) -> None:
    x = scale * torch.randn(9, 3, dtype=dtype)
    batch = torch.tensor([0, 0, 2, 0, 2, 3, 3, 3, 3])  # in any order, 1 is empty
    out = hyperbolic_mean_pool(x, batch, 5, c=0.7)
    assert out.shape == (5, 3) and out.dtype == dtype
    assert not out[[1, 4]].any()
    for graph in (0, 2, 3):
        expected = midpoint(x[batch == graph].double(), 0.7)
        tolerance = 1e-4 if dtype == torch.float32 else 1e-10
        torch.testing.assert_close(
            out[graph].double(), expected, rtol=tolerance, atol=tolerance
        )
    whole = hyperbolic_mean_pool(x, None, c=0.7)
    torch.testing.assert_close(whole[0], midpoint(x, 0.7), rtol=1e-4, atol=1e-4)


def test_groups_by_index_and_by_pointer_along_any_axis() -> None:
    aggr, x = HyperbolicAggregation(2.0), torch.randn(2, 5, 4)
    by_index = aggr(x, torch.tensor([0, 0, 1, 1, 1]))
    c = aggr.curvature()
    expected = torch.stack([midpoint(x[:, :2], c), midpoint(x[:, 2:], c)], dim=1)
    torch.testing.assert_close(by_index, expected.float())
    torch.testing.assert_close(aggr(x, ptr=torch.tensor([0, 2, 5])), by_index)
    first = aggr(x.movedim(1, 0), torch.tensor([0, 0, 1, 1, 1]), dim=0)
    torch.testing.assert_close(first.movedim(0, 1), by_index)
    torch.testing.assert_close(aggr(x[0])[0], midpoint(x[0], c).float())


@pytest.mark.parametrize("kind", [SAGEConv, GCNConv])
def test_aggregation_of_any_layer(kind: type[torch.nn.Module]) -> None:
    own = type(f"Own{kind.__name__}", (kind,), {})  # see HyperbolicAggregation's note
    conv = own(3, 4, aggr=HyperbolicAggregation(0.5))
    edge_index = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])
    conv(torch.randn(4, 3), edge_index).square().sum().backward()
    curvature = conv.aggr_module.curvature
    assert curvature.raw.grad != 0
    torch.nn.init.constant_(curvature.raw, 9.0)
    own(3, 4, aggr=HyperbolicAggregation(curvature))  # which resets the first alone
    assert curvature.raw.item() == 9.0
    conv.reset_parameters()
    assert curvature().item() == pytest.approx(0.5)
