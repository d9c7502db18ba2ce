from typing import Any, Final, Union

from pyg_hyperbolic.checks import check_whole
from pyg_hyperbolic.nn.conv.hgat_conv import HGATConv
from pyg_hyperbolic.nn.models.base import HyperbolicGNN


class HGAT(HyperbolicGNN):
    r"""The hyperbolic graph attention network of the `"Hyperbolic Graph Attention
    Network" <https://arxiv.org/abs/1912.03046>`_ paper, on
    :class:`~pyg_hyperbolic.nn.HGATConv`, as a drop-in for
    :class:`~torch_geometric.nn.models.GAT`.

    Args:
        *args: As for :class:`~pyg_hyperbolic.nn.HGCN`, and so for keywords.  A list of
            curvatures, one for each head, needs a model without ``out_channels``: with
            it, the last layer averages its heads, in one space.
        **kwargs (optional): Additional arguments of
            :class:`~pyg_hyperbolic.nn.HGATConv`, such as ``heads`` and ``score``, which
            ``v2=True`` sets to ``"v2"``.  With concatenated heads, the numbers of
            hidden and output channels are those of all heads together.

    Shapes:
        - **input:** node features :math:`(|\mathcal{V}|, F_{in})`, edge indices
          :math:`(2, |\mathcal{E}|)` or sparse matrix :math:`(|\mathcal{V}|,
          |\mathcal{V}|)`, edge features :math:`(|\mathcal{E}|, D)` *(optional)*
        - **output:** node features :math:`(|\mathcal{V}|, F_{out})`

    Raises:
        ValueError: If channels cannot be split among concatenated heads.
    """

    supports_edge_weight: Final[bool] = False
    supports_edge_attr: Final[bool] = True

    def init_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> HGATConv:
        if kwargs.pop("v2", False):
            kwargs["score"] = "v2"
        heads, concat = kwargs.pop("heads", 1), kwargs.pop("concat", True)
        check_whole(1, heads=heads)
        # As in GAT, the last layer of a model averages its heads.
        if getattr(self, "_is_conv_to_out", False):
            concat = False
        if concat and out_channels % heads != 0:
            raise ValueError(
                f"'out_channels' and 'hidden_channels' must be multiples of 'heads' "
                f"for concat=True (got {out_channels} and {heads} heads)"
            )
        width = out_channels // heads if concat else out_channels
        return HGATConv(
            in_channels, width, heads, concat, dropout=self.dropout.p, **kwargs
        )
