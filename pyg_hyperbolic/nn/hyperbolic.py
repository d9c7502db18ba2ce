from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.aggr import MeanAggregation, SumAggregation
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils import degree, is_torch_sparse_tensor

from pyg_hyperbolic.curvature import Curvature, CurvatureLike, as_curvature
from pyg_hyperbolic.kernels.forms import weights_of
from pyg_hyperbolic.nn.aggr import HyperbolicAggregation
from pyg_hyperbolic.nn.conv.base import HyperbolicConv


class _Sum(HyperbolicAggregation):
    """Midpoints of messages times their number, in place of their sum."""

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        self.assert_index_present(index)
        assert index is not None and dim_size is not None
        out = super().forward(x, index, None, dim_size, dim)
        number = degree(index, dim_size, out.dtype)
        return (number * out.movedim(dim, -1)).movedim(-1, dim).contiguous()


class Hyperbolic(torch.nn.Module):
    r"""A PyG convolution whose messages are averaged in hyperbolic space.

    The convolution's messages :math:`\mathbf{m}_{ij}`, weights and attention included,
    are read as points of the hyperbolic space of curvature :math:`-c` in normal
    coordinates (see :mod:`pyg_hyperbolic.geometry`), and its reduction over the
    :math:`n_i` messages of a node is replaced:

    .. math::
        \sum_j \mathbf{m}_{ij} \;\to\; n_i \otimes_c
        \operatorname{mean}^c_j \mathbf{m}_{ij},
        \qquad
        \frac{1}{n_i} \sum_j \mathbf{m}_{ij} \;\to\;
        \operatorname{mean}^c_j \mathbf{m}_{ij},

    where :math:`\operatorname{mean}^c` is the hyperbolic mean (Lorentz centroid) with
    equal weights, and :math:`n \otimes_c` goes :math:`n` times as far from the origin.
    With several heads each has a space of its own.  Everything else, such as attention,
    root terms and biases, is as the convolution computes it: vectors in the tangent
    space at the origin.  For :math:`c \to 0`, and where each node has one message, it
    is the convolution itself.

    :class:`~pyg_hyperbolic.nn.HGCNConv` and its like differ: their edge weights are
    the weights of the mean, and their bias is added by a gyro-sum.  Prefer them where
    there is one for your convolution.

    Args:
        conv (MessagePassing): The convolution, with sums or means for its reduction.
            It is changed in place, and keeps its parameters.
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on; or a :class:`~pyg_hyperbolic.Curvature`, which layers may share.
            (default: :obj:`1.0`)

    Shapes:
        Those of the convolution; all arguments are passed on.

    Raises:
        ValueError: If the convolution is hyperbolic already, reduces its messages by
            anything but a sum or a mean or by code of its own, or splits its channels.
    """

    def __init__(self, conv: MessagePassing, *, curvature: CurvatureLike = 1.0) -> None:
        super().__init__()
        _check(conv)
        mean = isinstance(conv.aggr_module, MeanAggregation)
        kind = HyperbolicAggregation if mean else _Sum
        conv.aggr_module = kind(as_curvature(curvature, heads=None))
        if conv.fuse:
            conv.fuse = False  # a sparse product would sum by itself
            _weigh_as_a_product(conv)
        self.conv = conv

    def __getattr__(self, name: str) -> Any:
        """Looks up in the convolution what the wrapper does not have itself."""
        if name == "conv":  # before there is one
            return super().__getattr__(name)
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.conv, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Passes settings of the convolution on to it, as `DirGNNConv` does."""
        conv = self.__dict__.get("_modules", {}).get("conv")
        if conv is not None and name == "curvature":
            conv.aggr_module.curvature = value
        elif conv is not None and name in vars(conv) and name not in vars(self):
            setattr(conv, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def curvature(self) -> Curvature:
        """The curvature of the messages."""
        return self.conv.aggr_module.curvature

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        self.conv.reset_parameters()
        self.curvature.reset_parameters()  # not every convolution does it

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the convolution."""
        return self.conv(*args, **kwargs)


def _weigh_as_a_product(conv: MessagePassing) -> None:
    """Has messages multiplied by a sparse matrix's values, as its product would do.

    A layer whose messages take an ``edge_weight`` gets these from PyG.
    """
    if "edge_weight" not in conv.inspector.get_param_dict("message"):
        conv.register_propagate_forward_pre_hook(_keep_values)
        conv.register_message_forward_hook(_weigh)
        conv.register_propagate_forward_hook(_forget_values)


def _keep_values(conv: MessagePassing, given: tuple[Any, ...]) -> tuple[Any, ...]:
    edge_index, *others = given
    conv._values = None
    if isinstance(edge_index, Tensor) and is_torch_sparse_tensor(edge_index):
        if edge_index.layout == torch.sparse_coo:
            edge_index = edge_index.coalesce()
        conv._values = weights_of(edge_index, None)
    return edge_index, *others


def _forget_values(conv: MessagePassing, given: tuple[Any, ...], out: Tensor) -> None:
    conv._values = None


def _weigh(conv: MessagePassing, given: tuple[Any, ...], out: Tensor) -> Tensor | None:
    if conv._values is None:
        return None
    shape = [1] * out.dim()
    shape[conv.node_dim] = -1
    return conv._values.to(out.dtype).view(shape) * out


def _check(conv: MessagePassing) -> None:
    name = type(conv).__name__
    if not isinstance(conv, MessagePassing):
        raise ValueError(
            f"'conv' must be a MessagePassing layer (got {name}); wrap the layers that "
            f"it consists of"
        )
    if isinstance(conv, HyperbolicConv) or isinstance(
        conv.aggr_module, HyperbolicAggregation
    ):
        raise ValueError(f"'conv' must not be hyperbolic already (got {name})")
    if type(conv).aggregate is not MessagePassing.aggregate:
        raise ValueError(
            f"'conv' must reduce its messages by PyG's own aggregation, which can be "
            f"replaced (got {name}, which has an 'aggregate' of its own)"
        )
    if not isinstance(conv.aggr_module, SumAggregation | MeanAggregation):
        raise ValueError(
            f"'conv' must reduce its messages by a sum or a mean, to be replaced by "
            f"the hyperbolic one (got {name} with aggr={conv.aggr!r}); pass aggr='add' "
            f"or aggr='mean' to it where it has that choice"
        )
    if conv.decomposed_layers > 1:
        raise ValueError(
            f"'conv' must not split channels, which a mean needs together (got {name} "
            f"with decomposed_layers={conv.decomposed_layers})"
        )
