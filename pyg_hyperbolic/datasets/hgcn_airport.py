r"""The Airport dataset that was published with HGCN.

Reading after https://github.com/HazyResearch/hgcn, :obj:`utils/data_utils.py`.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch_geometric.data import Data

from pyg_hyperbolic.datasets.published_files import PublishedFiles
from pyg_hyperbolic.datasets.split import stratified_masks

SHA256 = "ab16b04cea3666e87dbd8a5bff3de68da61330f4604fa21082f7a17e806e64d8"
# Bounds of the classes, in the file's units of population.
BINS = (1.0, 8 / 7, 9 / 7)


class _Stub:
    """Takes the place of a class of networkx: it holds its state, and does nothing."""


class _Unpickler(pickle.Unpickler):
    """Knows only the published file's classes: any other pickle might run code."""

    CLASSES: ClassVar[dict[tuple[str, str], type]] = {
        ("networkx.classes.graph", "Graph"): _Stub,
        ("networkx.classes.reportviews", "NodeView"): _Stub,
        ("builtins", "dict"): dict,
    }

    def find_class(self, module_name: str, global_name: str) -> Any:
        found = self.CLASSES.get((module_name, global_name))
        if found is None:
            raise ValueError(f"names the class {module_name}.{global_name}")
        return found


def read_graph(content: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Reads a pickled networkx graph whose nodes have numbers under ``feat``.

    Args:
        content: The bytes of the file.

    Returns:
        The numbers of each node, shape :math:`(N, 5)` in double precision, and edge
        indices in both directions, sorted.

    Raises:
        ValueError: If the content is no such graph, or names any other class.
    """
    try:
        graph = vars(_Unpickler(io.BytesIO(content)).load())
        names, neighbors = graph["_node"], graph["_adj"]
        number = {name: i for i, name in enumerate(names)}
        x = torch.tensor([node["feat"] for node in names.values()]).double()
        ends = [(number[a], number[b]) for a, of_a in neighbors.items() for b in of_a]
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
    ) as error:
        raise ValueError(f"no pickled graph ({error!r})") from error
    return x, torch.tensor(sorted(ends)).t().contiguous()


class HGCNAirport(PublishedFiles):
    r"""The Airport graph of the HGCN paper: airports and the flights between them.

    .. list-table::
        :header-rows: 1

        * - #nodes
          - #edges
          - #features
          - #classes
        * - 3,188
          - 37,260
          - 4
          - 4

    An airport has features :obj:`x` as published (longitude, latitude, altitude, and
    the GDP of its country), and the country's population, in four classes, for a label
    :obj:`y`.  The edges of :obj:`edge_index` go in both directions; the file's one
    self-loop is left out.  The stratified 70/15/15 split of :obj:`train_mask`,
    :obj:`val_mask` and :obj:`test_mask` is drawn with the seed :obj:`split_seed`.  The
    split of the original code takes the four classes for two, and trains on 225 of its
    506 test nodes: figures on it cannot be compared with figures on this one.

    Files are looked for in :obj:`root/airport/raw` and in :obj:`root/airport`, and
    downloaded into the former if they are in neither.  A file in the latter is read in
    place and nothing is written, so that a read-only copy works.  The file is a pickle,
    but none of it is executed, and networkx is not needed.

    Args:
        root: Folder for the datasets of HGCN, such as :obj:`data_root() / "hgcn"`.
        transform: Applied to the graph at every access. (default: :obj:`None`)
        pre_transform: Applied to the graph before it is saved. (default: :obj:`None`)
        force_reload: Whether to process the raw files again. (default: :obj:`False`)

    Raises:
        ValueError: If the file is not the published one.
        OSError: If the file is missing and cannot be downloaded.
    """

    name = "airport"
    split_seed = 0

    def __init__(
        self,
        root: str | Path,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if isinstance(transform, str):
            raise ValueError(
                f"'transform' must be a function or None (got {transform!r}); no task "
                f"is to be given, as one graph is for both"
            )
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return ["airport.p"]

    def checksum(self, file: str) -> str:
        return SHA256

    def parse(self, files: Sequence[bytes]) -> Data:
        numbers, edge_index = read_graph(files[0])
        edge_index = edge_index[:, edge_index[0] != edge_index[1]]
        x, value = numbers[:, :4].float(), numbers[:, 4].contiguous()
        y = torch.bucketize(value, torch.tensor(BINS, dtype=torch.float64), right=True)
        data = Data(x=x, edge_index=edge_index, y=y - y.min())
        generator = torch.Generator().manual_seed(self.split_seed)
        data.train_mask, data.val_mask, data.test_mask = stratified_masks(
            data.y, 0.7, 0.15, generator=generator
        )
        return data

    def __repr__(self) -> str:
        return "HGCNAirport()"
