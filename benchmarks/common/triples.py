"""The knowledge graphs that the benchmarks run on, by name or from a folder."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import FB15k_237, WordNet18RR

from benchmarks.common.graphs import MissingDataset
from pyg_hyperbolic.datasets import data_root

FILES = ("train.txt", "valid.txt", "test.txt")

Triples = tuple[Tensor, Tensor, Tensor]  # heads, relations and tails


class KnowledgeGraph(NamedTuple):
    """The triples of three splits."""

    num_nodes: int
    num_relations: int
    train: Triples
    val: Triples
    test: Triples

    @property
    def known(self) -> Triples:
        """All triples."""
        head, rel, tail = map(
            torch.cat, zip(self.train, self.val, self.test, strict=True)
        )
        return head, rel, tail

    def to(self, device: torch.device) -> "KnowledgeGraph":
        """The same on a device."""

        def moved(triples: Triples) -> Triples:
            head, rel, tail = triples
            return head.to(device), rel.to(device), tail.to(device)

        splits = map(moved, (self.train, self.val, self.test))
        return KnowledgeGraph(self.num_nodes, self.num_relations, *splits)


def _triples(data: Data, mask: Tensor | None = None) -> Triples:
    head, tail = data.edge_index if mask is None else data.edge_index[:, mask]
    return head, data.edge_type if mask is None else data.edge_type[mask], tail


def _wordnet(folder: Path) -> KnowledgeGraph:
    data = WordNet18RR(str(folder / "wordnet18rr"))[0]
    masks = data.train_mask, data.val_mask, data.test_mask
    splits = (_triples(data, mask) for mask in masks)
    return KnowledgeGraph(data.num_nodes, len(WordNet18RR.edge2id), *splits)


def _freebase(folder: Path) -> KnowledgeGraph:
    splits = [
        FB15k_237(str(folder / "fb15k-237"), s)[0] for s in ("train", "val", "test")
    ]
    number = 1 + max(int(data.edge_type.max()) for data in splits)
    return KnowledgeGraph(splits[0].num_nodes, number, *map(_triples, splits))


def _folder(folder: Path) -> KnowledgeGraph:
    """From three files, a line of head, relation and tail for each triple."""
    if not all((folder / name).is_file() for name in FILES):
        raise ValueError(
            f"'--dataset' must be one of {', '.join(GRAPHS)}, or a folder with "
            f"{', '.join(FILES)} (got {folder})"
        )
    nodes: dict[str, int] = {}
    relations: dict[str, int] = {}
    splits = []
    for name in FILES:
        lines = [line.split("\t") for line in (folder / name).read_text().splitlines()]
        if any(len(line) != 3 for line in lines):
            raise ValueError(
                f"'--dataset' must have lines of head, relation and tail, with tabs "
                f"between them (got others in {folder / name})"
            )
        places = [
            [nodes.setdefault(h, len(nodes)), relations.setdefault(r, len(relations)),
             nodes.setdefault(t, len(nodes))]
            for h, r, t in lines
        ]  # fmt: skip
        head, rel, tail = torch.tensor(places, dtype=torch.long).view(-1, 3).t()
        splits.append((head, rel, tail))
    return KnowledgeGraph(len(nodes), len(relations), *splits)


GRAPHS = {"wn18rr": _wordnet, "fb15k-237": _freebase}


def load_triples(dataset: str, root: str | Path | None = None) -> KnowledgeGraph:
    """Reads a knowledge graph.

    Args:
        dataset: One of :obj:`GRAPHS`, or a folder.
        root: The data root, by default as of :func:`data_root`.

    Raises:
        MissingDataset: If the files of a public dataset are missing and cannot be
            fetched.
        ValueError: If there is no such dataset or folder, or it has no triples.
    """
    loader = GRAPHS.get(dataset)
    if loader is None:
        return _folder(Path(dataset))
    try:
        return loader(data_root(root))
    except OSError as error:
        raise MissingDataset(f"{dataset}: {error}") from error
