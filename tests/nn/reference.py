"""One small graph in all the forms that PyG knows, and dense references in float64."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from pyg_hyperbolic.testing.case import gradients
from pyg_hyperbolic.testing.graphs import to_form


@dataclass
class Graph:
    """Six nodes; nobody sends to node 5, and it sends to nobody."""

    edge_index: Tensor
    edge_weight: Tensor
    num_nodes: int = 6
    in_channels: int = 3

    def x(self, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(self.num_nodes, self.in_channels, dtype=dtype)

    def form(self, name: str, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The graph and the weights to pass along with it, in differentiable steps."""
        return to_form(self.edge_index, weight, name, (self.num_nodes, self.num_nodes))

    def dense(
        self,
        weight: Tensor | None,
        *,
        normalize: bool = True,
        add_self_loops: bool = True,
        improved: bool = False,
        flow: str = "source_to_target",
        **others: Any,
    ) -> Tensor:
        """Row i holds the weights of the messages that node i receives."""
        source, target = self.edge_index
        if flow == "target_to_source":
            source, target = target, source
        if weight is None:
            weight = torch.ones(source.numel(), dtype=torch.float64)
        out = torch.zeros(self.num_nodes, self.num_nodes, dtype=torch.float64)
        out = out.index_put((target, source), weight.double(), accumulate=True)
        if normalize:
            loops = (2.0 if improved else 1.0) * add_self_loops
            out = out + loops * torch.eye(self.num_nodes).double()
            scale = out.sum(dim=1).rsqrt().nan_to_num(posinf=0)
            out = scale[:, None] * out * scale
        return out


def shaken(layer: Any) -> Any:
    """The layer in float64, with no parameter at its first value."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer.double()


def hgcn(conv: Any, x: Tensor, dense: Tensor) -> Tensor:
    """HGCNConv by the formula of its docstring, at all pairs of nodes."""
    c, h = conv.curvature(), x @ conv.lin.weight.T
    if conv.bias is not None and not conv.scale:
        h = geometry.gyro_add(h, conv.bias, c)
    if conv.aggregation == "tangent":
        return dense @ h
    if conv.aggregation == "local":
        logs = geometry.log(h[:, None], h, c)
        return geometry.exp(h, torch.einsum("ij,ijd->id", dense, logs), c)
    out = geometry.midpoint(h.expand(len(dense), -1, -1), c, dense)
    if conv.scale:
        out = geometry.gyro_add(dense.sum(dim=1, keepdim=True) * out, conv.bias, c)
    return out


def hsage(conv: Any, x: Tensor, dense: Tensor, y: Tensor | None = None) -> Tensor:
    """HSAGEConv by the formula of its docstring, at all pairs of nodes."""
    c, y = conv.curvature(), x if y is None else y
    if conv.project:
        x = geometry.gyro_add(x @ conv.lin.weight.T, conv.lin.bias, c).relu()
    if conv.aggr == "mean":
        out = geometry.midpoint(x.expand(len(dense), -1, -1), c, dense)
    elif conv.aggr == "add":
        out = dense @ x
    else:
        out = (dense[:, :, None] * x).masked_fill(dense[:, :, None] == 0, -torch.inf)
        out = torch.where((dense > 0).any(dim=1, keepdim=True), out.amax(dim=1), 0.0)
    out = out @ conv.lin_l.weight.T
    if conv.root_weight:
        out = geometry.gyro_add(out, y @ conv.lin_r.weight.T, c)
    if conv.lin_l.bias is not None:
        out = geometry.gyro_add(out, conv.lin_l.bias, c)
    return torch.nn.functional.normalize(out, dim=-1) if conv.normalize else out


def assert_equal(
    conv: torch.nn.Module, out: Tensor, true: Tensor, rtol: float, **inputs: Any
) -> None:
    """Values, and gradients by the inputs and by all parameters to two digits less."""
    torch.testing.assert_close(out, true, rtol=rtol, atol=rtol)
    found, expected = (gradients(conv, x, **inputs) for x in (out, true))
    torch.testing.assert_close(found, expected, rtol=100 * rtol, atol=100 * rtol)
