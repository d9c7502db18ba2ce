import math
from typing import Any, Union

import torch
from torch import Tensor
from torch_geometric.nn.aggr import Aggregation
from torch_geometric.typing import OptTensor

from pyg_hyperbolic.checks import check_device, check_index, check_whole
from pyg_hyperbolic.curvature import Curvature, CurvatureLike, as_curvature
from pyg_hyperbolic.nn.points import group_midpoints
from pyg_hyperbolic.nn.validation import check_features, check_groups


def hyperbolic_mean_pool(
    x: Tensor,
    batch: OptTensor,
    size: int | None = None,
    *,
    c: Union[float, Tensor],
) -> Tensor:
    r"""The midpoint of every graph's nodes, as
    :func:`~torch_geometric.nn.pool.global_mean_pool` takes their mean.

    The Lorentz centroid of `"Lorentzian Distance Learning for Hyperbolic
    Representations" <https://proceedings.mlr.press/v97/law19a.html>`_, Theorem 3.3.

    Args:
        x: Points, shape :math:`(N, F)`.
        batch: The graph of every node, shape :math:`(N)`; :obj:`None` for one graph.
        size: Number of graphs B; by default that in :obj:`batch`.
        c: Absolute value of the curvature, a number or of shape :math:`()`.

    Returns:
        Points, shape :math:`(B, F)`; the origin for a graph without nodes.

    Raises:
        ValueError: If :obj:`batch` has not one number below :obj:`size` for each node.
    """
    check_features(x, -1)
    if batch is None:
        batch = torch.zeros(x.size(-2), dtype=torch.long, device=x.device)
        size = 1 if size is None else size
    check_groups(x, -2, batch=batch)
    if size is None:
        size = num_groups(batch)
    check_whole(0, size=size)
    return group_midpoints(x, batch, size, c, name="batch")


class HyperbolicAggregation(Aggregation):
    r"""The midpoint of the points of each group, for :obj:`aggr` of any PyG layer.

    A layer that is given this no longer adds its messages up, but reads them as points
    of the space of curvature :math:`-c`, in normal coordinates, and takes their
    midpoint.

    .. note::
        PyG (2.8.1) generates the :meth:`propagate` of a class only once, for the
        aggregation of the first layer that is built.  If that was this aggregation, a
        later :class:`GCNConv` or :class:`SAGEConv` of the same process refuses sparse
        matrices.  A subclass of the layer (``class MidpointSAGE(SAGEConv): pass``) gets
        a :meth:`propagate` of its own.

    Args:
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on, or a :class:`~pyg_hyperbolic.Curvature`. (default: :obj:`1.0`)
    """

    def __init__(self, curvature: CurvatureLike = 1.0) -> None:
        super().__init__()
        self._is_own = not isinstance(curvature, Curvature)
        self.curvature = as_curvature(curvature, heads=None)

    def reset_parameters(self) -> None:
        """Sets the curvature back to its initial value, if it was given as a number.

        A :class:`~pyg_hyperbolic.Curvature` that was passed is left alone, as PyG's
        layers call this when they are built.
        """
        if self._is_own:
            self.curvature.reset_parameters()

    def __call__(
        self,
        x: Tensor,
        index: OptTensor = None,
        ptr: OptTensor = None,
        dim_size: int | None = None,
        dim: int = -2,
        **kwargs: Any,
    ) -> Tensor:
        """Checks what PyG does not check, before :meth:`forward` is called."""
        check_features(x, -1)
        check_whole(-math.inf, dim=dim)
        if not -x.dim() <= dim < x.dim() - 1 or dim == -1:
            raise ValueError(
                f"'dim' must be one of the {x.dim()} axes of 'x', but not the last, "
                f"which has the coordinates (got {dim})"
            )
        if dim_size is not None:
            check_whole(0, dim_size=dim_size)
        if index is not None:
            check_groups(x, dim, index=index)
        if ptr is not None:
            check_index(ptr, "ptr")
            check_device(ptr.device, x.device, "ptr", "'x'")
        return super().__call__(x, index, ptr, dim_size, dim, **kwargs)

    def forward(
        self,
        x: Tensor,
        index: OptTensor = None,
        ptr: OptTensor = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """Takes the midpoints along an axis.

        Args:
            x: Points, any shape, whose last axis has the coordinates.
            index: The group of every entry of the axis, or :obj:`None`.
            ptr: The groups' first entries, in place of :obj:`index`.
            dim_size: Number of groups.
            dim: The axis.

        Returns:
            Points, with an entry for each group along the axis; the origin for a group
            without points.
        """
        if index is None:
            if ptr is None:
                # Made so that nothing has to wait for the device.
                ptr = x.size(dim) * torch.arange(2, device=x.device)
            dim_size = ptr.numel() - 1
            index = torch.arange(dim_size, device=x.device)
            try:
                index = index.repeat_interleave(ptr.diff(), output_size=x.size(dim))
            except RuntimeError as error:
                raise ValueError(
                    f"'ptr' must rise from 0 to {x.size(dim)}, the number of points "
                    f"(got {ptr.tolist()})"
                ) from error
        elif dim_size is None:
            dim_size = num_groups(index)
        # All axes but this one and the last are treated as heads.
        out = group_midpoints(x, index, dim_size, self.curvature(x), dim)
        return out.contiguous()  # layers take views of it


def num_groups(index: Tensor) -> int:
    """Number of groups in an index."""
    return int(index.max()) + 1 if index.numel() > 0 else 0
