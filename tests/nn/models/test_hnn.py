import torch
from torch_geometric.nn import GCN

from pyg_hyperbolic.geometry import gyro_add
from pyg_hyperbolic.nn import HNN


def test_is_its_layers_and_no_edge_counts() -> None:
    model = HNN(3, 8, 2, 4, curvature=0.6).double()
    for conv in model.convs:
        torch.nn.init.normal_(conv.bias)
    x, edge_index = torch.randn(5, 3).double(), torch.tensor([[0, 1], [1, 2]])
    first, second = model.convs
    c1, c2 = first.curvature(), second.curvature()
    h = gyro_add(x @ first.lin.weight.t(), first.bias, c1).relu()
    expected = gyro_add(h @ second.lin.weight.t(), second.bias, c2)
    torch.testing.assert_close(model(x, edge_index), expected)
    torch.testing.assert_close(model(x, edge_index[:, :0]), expected)


def test_takes_the_options_of_a_basic_gnn() -> None:
    x, edge_index = torch.randn(5, 3), torch.tensor([[0, 1], [1, 2]])
    for options in ({"jk": "cat"}, {"norm": "layer_norm"}, {"act_first": True}):
        assert HNN(-1, 8, 3, 4, **options)(x, edge_index).shape == (5, 4)
        assert GCN(-1, 8, 3, 4, **options)(x, edge_index).shape == (5, 4)
    shared = HNN(3, 8, 3, 4, shared_curvature=True)
    assert len({id(conv.curvature) for conv in shared.convs}) == 1
