"""The graphs that the benchmarks run on, by name or from a file."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric import seed_everything
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage
from torch_geometric.datasets import Planetoid
from torch_geometric.transforms import NormalizeFeatures
from torch_geometric.utils import stochastic_blockmodel_graph

from benchmarks.common.presets import CLASSES, LINKS
from pyg_hyperbolic.datasets import (
    DiseaseTree,
    HGCNAirport,
    HGCNDisease,
    SyntheticTree,
    data_root,
)
from pyg_hyperbolic.datasets.split import stratified_masks

# What a saved graph consists of, besides tensors: nothing else is unpickled.
SAFE: list[Any] = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
GAMMAS = (0.05, 0.1, 0.2, 0.5)
PER_CLASS, VALIDATION, TEST = 20, 500, 1000  # nodes of a class-balanced split
PLANETOID = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}
TITLES = PLANETOID | {"disease-m": "Disease-M"}


class MissingDataset(Exception):
    """A graph is neither on disk nor to be had from the network."""


def _planetoid(dataset: str, folder: Path, seed: int) -> Data:
    name = PLANETOID[dataset]
    try:
        data = Planetoid(str(folder / "planetoid"), name, transform=NormalizeFeatures())
        return data[0]
    except OSError as error:
        raise OSError(
            f"{error}; put Planetoid's files ind.{dataset}.* into "
            f"{folder / 'planetoid' / name / 'raw'}"
        ) from error


def _balanced(dataset: str, folder: Path, seed: int) -> Data:
    data = _planetoid(dataset, folder, seed).clone()
    data.train_mask, data.val_mask, data.test_mask = balanced_masks(data.y, seed)
    return data


def balanced_masks(y: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """20 nodes of each class for training, then 500 and 1,000 of the others."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    classes = range(int(y.max()) + 1)
    train = torch.cat([order[y[order] == k][:PER_CLASS] for k in classes])
    rest = order[~torch.isin(order, train)]
    masks = torch.zeros(3, len(y), dtype=torch.bool)
    parts = train, rest[:VALIDATION], rest[VALIDATION : VALIDATION + TEST]
    for mask, nodes in zip(masks, parts, strict=True):
        mask[nodes] = True
    return masks[0], masks[1], masks[2]


def blocks(seed: int, number: int = 1500, groups: int = 5, channels: int = 32) -> Data:
    """A stochastic block model; 100 nodes are for training, 500 for validation."""
    seed_everything(seed)
    y = torch.arange(groups).repeat_interleave(number // groups)
    shares = torch.full((groups, groups), 0.004).fill_diagonal_(0.012)
    edge_index = stochastic_blockmodel_graph(groups * [number // groups], shares)
    x = 0.35 * torch.randn(groups, channels)[y] + torch.randn(number, channels)
    data = Data(x=8 * x / x.norm(dim=1).mean(), edge_index=edge_index, y=y)
    masks = stratified_masks(y, 1 / 15, 1 / 3, generator=torch.default_generator)
    data.train_mask, data.val_mask, data.test_mask = masks
    return data


def _synthetic(gamma: float, folder: Path, seed: int) -> Data:
    return SyntheticTree(gamma=gamma, seed=seed)[0]


def _hgcn(kind: Any, folder: Path, seed: int) -> Data:
    return kind(folder / "hgcn")[0]


Loader = Callable[[Path, int], Data]
_TREE: Loader = lambda folder, seed: DiseaseTree(seed=seed)[0]  # noqa: E731
OF_LINKS: dict[str, Loader] = {
    "disease": partial(_hgcn, HGCNDisease),
    "disease-m": partial(_hgcn, partial(HGCNDisease, task="m")),
    "airport": partial(_hgcn, HGCNAirport),
    **{name: partial(_planetoid, name) for name in PLANETOID},
    **{f"synthetic-tree-{gamma:g}": partial(_synthetic, gamma) for gamma in GAMMAS},
    "disease-tree": _TREE,
}
OF_CLASSES: dict[str, Loader] = {
    "disease": partial(_hgcn, partial(HGCNDisease, task="nc")),
    "airport": partial(_hgcn, HGCNAirport),
    **{name: partial(_planetoid, name) for name in PLANETOID},
    **{f"{name}-random": partial(_balanced, name) for name in PLANETOID},
    "disease-tree": _TREE,
    "blocks": lambda folder, seed: blocks(seed),
}
GRAPHS = {LINKS: OF_LINKS, CLASSES: OF_CLASSES}
NAMES = tuple(dict.fromkeys([*OF_LINKS, *OF_CLASSES]))


@lru_cache(maxsize=8)
def load_graph(
    dataset: str, task: str, seed: int, root: str | Path | None = None
) -> Data:
    """Reads or generates a graph; node classification gets masks.

    Args:
        dataset: One of :obj:`GRAPHS`, with features times 10 as in ``cora x 10``; or
            the path of a file that ``torch.save`` wrote
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
    name, _, factor = dataset.partition(" x ")
    loader = GRAPHS[task].get(name)
    if loader is None:
        return _load_file(Path(dataset), task, seed)
    try:
        data = loader(data_root(root), seed)
    except OSError as error:
        raise MissingDataset(f"{dataset}: {error}") from error
    if factor:
        data = data.clone()
        data.x = float(factor) * data.x
    return data


def read_graph(path: Path, *needed: str) -> Data:
    """A graph that was saved, with what is needed of it."""
    torch.serialization.add_safe_globals(SAFE)
    data = torch.load(path, weights_only=True)
    if not isinstance(data, Data) or any(data.get(name) is None for name in needed):
        names = " and ".join(f"'{name}'" for name in needed)
        raise ValueError(
            f"'dataset' must hold a torch_geometric.data.Data with {names} (got {path})"
        )
    return data


def _load_file(path: Path, task: str, seed: int) -> Data:
    if not path.is_file():
        raise ValueError(
            f"'dataset' must be one of {', '.join(GRAPHS[task])} or the path of a file "
            f"with a graph (got {str(path)!r}, which does not exist)"
        )
    data = read_graph(path, "x", "edge_index")
    if task == CLASSES and "train_mask" not in data:
        if data.y is None:
            raise ValueError(
                f"'dataset' must hold classes 'y' for node classification (got {path})"
            )
        generator = torch.Generator().manual_seed(seed)
        masks = stratified_masks(data.y, generator=generator)
        data.train_mask, data.val_mask, data.test_mask = masks
    return data
