# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
from typing import Optional

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.kernels import edges
from pyg_hyperbolic.nn.points import group_midpoints


class HyperbolicMessagePassing(MessagePassing):
    """A layer computed message by message, for hooks and explainers.

    A message is a point or a tangent vector, with as many channels as the features.
    Messages are summed, or reduced to their midpoint with the edge weights as masses.

    Attributes:
        scale: Whether midpoints are multiplied by the sum of the weights.
    """

    scale: bool

    def message(self, x_j: Tensor, edge_weight: OptTensor) -> Tensor:
        """A neighbor's point or vector, times the weight if there is one."""
        if edge_weight is None:
            return x_j
        return self._along_nodes(edge_weight, x_j) * x_j

    def aggregate(
        self,
        inputs: Tensor,
        index: Tensor,
        ptr: OptTensor,
        dim_size: Optional[int],
        mass: OptTensor,
        c: OptTensor,
    ) -> Tensor:
        """Sums of messages, or their midpoints."""
        if not self._averages():
            return super().aggregate(inputs, index, ptr, dim_size)
        assert dim_size is not None and c is not None
        if self.explain and self._edge_mask is not None:
            # A masked edge is one of less mass.
            ones = self._along_nodes(inputs.new_ones(index.numel()), inputs)
            mask = super().explain_message(ones, dim_size).flatten()
            if mass is not None and mass.dim() == 2:  # of heads
                mask = mask[:, None]
            mass = mask if mass is None else mass * mask
        out = group_midpoints(inputs, index, dim_size, c, self.node_dim, mass)
        if not self.scale:
            return out
        if mass is None:
            mass = out.new_ones(index.numel())
        return self._scaled(out, scatter(mass, index, 0, dim_size))

    def explain_message(self, inputs: Tensor, dim_size: Optional[int]) -> Tensor:
        """Applies an explanation's mask to vectors; midpoints take it as masses."""
        if self._averages():
            return inputs
        return super().explain_message(inputs, dim_size)

    def _averages(self) -> bool:
        """Whether neighbors are reduced to their midpoint, not summed."""
        return True

    def _scaled(self, out: Tensor, total: Tensor) -> Tensor:
        """Points multiplied by the sum of their weights, [M]."""
        return self._along_nodes(total.to(out.dtype), out) * out

    def _along_nodes(self, values: Tensor, x: Tensor) -> Tensor:
        """One number for each node or edge, in a shape that broadcasts to features."""
        shape = [1] * x.dim()
        shape[self.node_dim] = -1
        return values.view(shape)

    def _propagated(
        self,
        edge_index: Adj,
        size: tuple[int, int],
        x: Tensor,
        edge_weight: OptTensor = None,
        mass: OptTensor = None,
        c: OptTensor = None,
        alpha: OptTensor = None,
        target: OptTensor = None,
    ) -> Tensor:
        """PyG's ``propagate``, with all inputs that subclasses' messages may take."""
        if isinstance(edge_index, EdgeIndex):
            edge_index = edge_index.as_tensor()
        # propagate_type: (x: Tensor, edge_weight: OptTensor, mass: OptTensor, c: OptTensor, alpha: OptTensor, target: OptTensor)  # noqa: E501
        return self.propagate(
            edge_index,
            x=x,
            edge_weight=edge_weight,
            mass=mass,
            c=c,
            alpha=alpha,
            target=target,
            size=size,
        )

    def _watched_midpoints(
        self,
        x: Tensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        c: Tensor,
        size: tuple[int, int],
        alpha: OptTensor = None,
    ) -> Tensor:
        """Midpoints by way of messages, each of which is a neighbor's point."""
        if self.decomposed_layers > 1 and not self.explain:
            raise ValueError(
                f"'decomposed_layers' must be 1 where hooks see messages, whose "
                f"midpoint depends on all channels (got {self.decomposed_layers})"
            )
        first, second, mass = edges(edge_index, edge_weight)
        ends = torch.stack([first, second])
        return self._propagated(ends, size, x, mass=mass, c=c, alpha=alpha)

    def _watched(self) -> bool:
        """Whether somebody wants to see the messages, or to change them."""
        return bool(
            self.explain
            or self._propagate_forward_pre_hooks
            or self._propagate_forward_hooks
            or self._message_forward_pre_hooks
            or self._message_forward_hooks
            or self._aggregate_forward_pre_hooks
            or self._aggregate_forward_hooks
        )
