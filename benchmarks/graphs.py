"""The graphs that the benchmarks run on, by name or from a file."""

from pathlib import Path
from typing import Any, Literal

import torch
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage
from torch_geometric.datasets import Planetoid
from torch_geometric.transforms import NormalizeFeatures

from pyg_hyperbolic.datasets import DiseaseTree, HGCNAirport, HGCNDisease
from pyg_hyperbolic.datasets.root import data_root
from pyg_hyperbolic.datasets.split import stratified_masks

# What a saved graph consists of, besides tensors: nothing else is unpickled.
SAFE: list[Any] = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]

NAMES = ("disease-tree", "disease", "airport", "cora", "citeseer", "pubmed")
PLANETOID = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}


class MissingDataset(Exception):
    """A graph is neither on disk nor to be had from the network."""


def load_graph(
    dataset: str, task: str, seed: int, root: str | Path | None = None
) -> Data:
    """Reads or generates a graph; node classification gets masks.

    Args:
        dataset: One of :obj:`NAMES`, or the path of a file that ``torch.save`` wrote
            of a :class:`~torch_geometric.data.Data` with :obj:`x`, :obj:`edge_index`
            and, for node classification, :obj:`y`.
        task: ``"link_prediction"`` or ``"node_classification"``.
        seed: Seed of generated graphs, and of splits where the graph has none.
        root: The data root, by default as of :func:`data_root`.

    Raises:
        MissingDataset: If the files of a public dataset are missing and cannot be
            fetched.
        ValueError: If there is no such dataset or file, or the file has no usable
            graph.
    """
    folder = data_root(root)
    if dataset == "disease-tree":
        return DiseaseTree(seed=seed)[0]
    if dataset in ("disease", "airport"):
        kind: Literal["lp", "nc"] = "lp" if task == "link_prediction" else "nc"
        try:
            if dataset == "airport":
                return HGCNAirport(folder / "hgcn")[0]
            return HGCNDisease(folder / "hgcn", kind)[0]
        except OSError as error:
            raise MissingDataset(f"{dataset}: {error}") from error
    if dataset in PLANETOID:
        name = PLANETOID[dataset]
        try:
            data = Planetoid(
                str(folder / "planetoid"), name, transform=NormalizeFeatures()
            )
            return data[0]
        except OSError as error:
            raise MissingDataset(
                f"{dataset}: {error}; put Planetoid's files ind.{dataset}.* into "
                f"{folder / 'planetoid' / name / 'raw'}"
            ) from error
    return _load_file(Path(dataset), task, seed)


def _load_file(path: Path, task: str, seed: int) -> Data:
    if not path.is_file():
        raise ValueError(
            f"'dataset' must be one of {', '.join(NAMES)} or the path of a file with "
            f"a graph (got {str(path)!r}, which does not exist)"
        )
    torch.serialization.add_safe_globals(SAFE)
    data = torch.load(path, weights_only=True)
    if not isinstance(data, Data) or data.x is None or data.edge_index is None:
        raise ValueError(
            f"'dataset' must hold a torch_geometric.data.Data with 'x' and "
            f"'edge_index' (got {path})"
        )
    if task == "node_classification" and "train_mask" not in data:
        if data.y is None:
            raise ValueError(
                f"'dataset' must hold classes 'y' for node classification (got {path})"
            )
        generator = torch.Generator().manual_seed(seed)
        masks = stratified_masks(data.y, generator=generator)
        data.train_mask, data.val_mask, data.test_mask = masks
    return data
