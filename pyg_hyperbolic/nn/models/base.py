from typing import Any, Final, Union

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn.models.basic_gnn import BasicGNN

from pyg_hyperbolic.checks import (
    check_flags,
    check_functions,
    check_number,
    check_whole,
)
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.nn.models.inference import inference
from pyg_hyperbolic.nn.validation import check_in_channels

MIXTURES = ("last", "cat", "max", "lstm")


class HyperbolicGNN(BasicGNN):
    r"""What hyperbolic models share: curvatures, and inference layer by layer.

    A subclass names its layer in ``init_conv``.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the size
            from the first input to the forward method.
        hidden_channels (int): Size of each hidden sample.
        num_layers (int): Number of message passing layers.
        out_channels (int, optional): Size of each output sample; by default the
            hidden size. (default: :obj:`None`)
        dropout (float, optional): Dropout probability. (default: :obj:`0.`)
        act (str or Callable, optional): The non-linear activation function.
            (default: :obj:`"relu"`)
        act_first (bool, optional): If set to :obj:`True`, the activation comes before
            the normalization. (default: :obj:`False`)
        act_kwargs (dict, optional): Arguments of the activation function.
            (default: :obj:`None`)
        norm (str or Callable, optional): The normalization function: PyG's by name,
            those of this package as modules. (default: :obj:`None`)
        norm_kwargs (dict, optional): Arguments of the normalization function.
            (default: :obj:`None`)
        jk (str, optional): The jumping knowledge mode. (default: :obj:`None`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0` of every
            layer, each of which learns its own; or a :class:`~pyg_hyperbolic.Curvature`
            that all layers share. (default: :obj:`1.0`)
        shared_curvature (bool, optional): If set to :obj:`True`, all layers share one
            curvature also where it is given as a number. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of the layer.
    """

    supports_norm_batch: Final[bool]  # type: ignore[misc]  # BasicGNN sets it

    def __init__(
        self,
        in_channels: Union[int, tuple[int, int]],
        hidden_channels: int,
        num_layers: int,
        out_channels: int | None = None,
        dropout: float = 0.0,
        act: Any = "relu",
        act_first: bool = False,
        act_kwargs: dict[str, Any] | None = None,
        norm: Any = None,
        norm_kwargs: dict[str, Any] | None = None,
        jk: str | None = None,
        *,
        curvature: CurvatureLike = 1.0,
        shared_curvature: bool = False,
        **kwargs: Any,
    ) -> None:
        check_in_channels(in_channels, pairs=True)
        check_whole(0, hidden_channels=hidden_channels)
        check_whole(1, num_layers=num_layers)
        if out_channels is not None:
            check_whole(0, out_channels=out_channels)
        check_number(0, 1, dropout=dropout)
        check_flags(act_first=act_first, shared_curvature=shared_curvature)
        for name, function in (("act", act), ("norm", norm)):
            if not isinstance(function, str):
                check_functions(**{name: function})
        if jk is not None and str(jk).lower() not in MIXTURES:
            raise ValueError(
                f"'jk' must be None or one of {', '.join(MIXTURES)} (got {jk!r})"
            )
        if shared_curvature:
            curvature = as_curvature(curvature, heads=None)
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            out_channels,
            dropout,
            act,
            act_first,
            act_kwargs,
            norm,
            norm_kwargs,
            jk,
            curvature=curvature,
            **kwargs,
        )

    def inference(
        self,
        loader: NeighborLoader,
        device: Union[str, torch.device, None] = None,
        embedding_device: Union[str, torch.device] = "cpu",
        progress_bar: bool = False,
        cache: bool = False,
    ) -> Tensor:
        r"""The output for all nodes of a graph, computed layer by layer.

        It is what the whole graph at once would give, with the layers' memory for one
        batch.  Weights are those of the whole graph, whichever way the layers
        normalize; an :obj:`edge_weight` of the graph counts.  Nothing is sampled: of
        the loader, only the graph and the batch size are used.

        Args:
            loader (torch_geometric.loader.NeighborLoader): A loader of the graph.
            device (torch.device, optional): Where to run the layers, by default where
                the model is. (default: :obj:`None`)
            embedding_device (torch.device, optional): Where to keep the embeddings of
                all nodes. (default: :obj:`"cpu"`)
            progress_bar (bool, optional): If set to :obj:`True`, shows a progress bar.
                (default: :obj:`False`)
            cache (bool, optional): If set to :obj:`True`, keeps the batches' edges in
                memory from one layer to the next. (default: :obj:`False`)

        Shapes:
            - **output:** node features :math:`(|\mathcal{V}|, F_{out})`

        Raises:
            ValueError: If the model is in training mode or mixes layers
                (:obj:`jk` other than :obj:`None` and ``"last"``), or the graph is not
                one :class:`~torch_geometric.data.Data` with features.
        """
        if self.training:
            raise ValueError(
                "'inference' wants a model in evaluation mode; call eval() before"
            )
        if self.jk_mode not in (None, "last"):
            raise ValueError(
                f"'jk' must be None or 'last' for inference layer by layer, which "
                f"keeps one layer's output (got {self.jk_mode!r}); call the model "
                f"on batches instead"
            )
        data = getattr(loader, "data", None)
        if not isinstance(data, Data) or data.x is None:
            got = type(loader if data is None else data).__name__
            raise ValueError(
                f"'loader' must have one graph with features 'x' as its data (got "
                f"{got}); call the model on batches of other graphs"
            )
        return inference(
            self,
            data,
            loader.batch_size,
            next(self.parameters()).device if device is None else torch.device(device),
            torch.device(embedding_device),
            progress_bar,
            cache,
        )


def check_one_size(in_channels: Union[int, tuple[int, int]], name: str) -> int:
    """The size of all nodes' features, of a model that knows one kind of node.

    Raises:
        ValueError: If there are two.
    """
    if isinstance(in_channels, tuple | list):
        raise ValueError(
            f"'in_channels' must be one number for {name}, whose layers know one kind "
            f"of node (got {in_channels}); take HGAT or HGraphSAGE for pairs"
        )
    return in_channels
