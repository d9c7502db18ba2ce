"""The knowledge graphs that the benchmarks run on, by name or from a folder."""

import csv
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import FB15k_237, WordNet18RR

from benchmarks.common.graphs import MissingDataset
from pyg_hyperbolic.datasets import data_root

FILES = ("train.txt", "valid.txt", "test.txt")


class KnowledgeGraph(NamedTuple):
    """The triples of three splits: heads, relations and tails, shape [3, T]."""

    num_nodes: int
    num_relations: int
    train: Tensor
    val: Tensor
    test: Tensor

    @property
    def known(self) -> tuple[Tensor, Tensor, Tensor]:
        """Heads, relations and tails of all splits."""
        head, rel, tail = torch.cat(self[2:], dim=1)
        return head, rel, tail

    def to(self, device: str) -> "KnowledgeGraph":
        """The same on a device."""
        return KnowledgeGraph(*self[:2], *(split.to(device) for split in self[2:]))


def _triples(data: Data) -> Tensor:
    return torch.stack([data.edge_index[0], data.edge_type, data.edge_index[1]])


def _wordnet(folder: Path) -> KnowledgeGraph:
    data = WordNet18RR(str(folder / "wordnet18rr"))[0]
    masks = data.train_mask, data.val_mask, data.test_mask
    splits = (_triples(data)[:, mask] for mask in masks)
    return KnowledgeGraph(data.num_nodes, len(WordNet18RR.edge2id), *splits)


def _freebase(folder: Path) -> KnowledgeGraph:
    every = [
        FB15k_237(str(folder / "fb15k-237"), s)[0] for s in ("train", "val", "test")
    ]
    number = 1 + max(int(data.edge_type.max()) for data in every)
    return KnowledgeGraph(every[0].num_nodes, number, *map(_triples, every))


def _folder(folder: Path) -> KnowledgeGraph:
    """From three files, a line of head, relation and tail for each triple."""
    nodes: dict[str, int] = {}
    relations: dict[str, int] = {}
    splits = []
    for name in FILES:
        places = []
        with (folder / name).open(newline="") as file:
            for line in csv.reader(file, "excel-tab", quoting=csv.QUOTE_NONE):
                if len(line) != 3:
                    raise ValueError(
                        f"'--dataset' must have lines of head, relation and tail, with "
                        f"tabs between them (got another in {folder / name})"
                    )
                head, relation, tail = line
                start = nodes.setdefault(head, len(nodes))
                kind = relations.setdefault(relation, len(relations))
                places.append((start, kind, nodes.setdefault(tail, len(nodes))))
        splits.append(torch.tensor(places, dtype=torch.long).view(-1, 3).t())
    return KnowledgeGraph(len(nodes), len(relations), *splits)


GRAPHS = {"wn18rr": _wordnet, "fb15k-237": _freebase}


def load_triples(dataset: str, root: str | Path | None = None) -> KnowledgeGraph:
    """Reads a knowledge graph, by name or from a folder with three files.

    Raises:
        MissingDataset: If the files of a public dataset are missing and cannot be
            fetched.
        ValueError: If there is no such dataset or folder, or it has no triples.
    """
    loader, folder = GRAPHS.get(dataset), Path(dataset)
    if loader is None:
        if all((folder / name).is_file() for name in FILES):
            return _folder(folder)
        raise ValueError(
            f"'--dataset' must be one of {', '.join(GRAPHS)}, or a folder with "
            f"{', '.join(FILES)} (got {folder})"
        )
    try:
        return loader(data_root(root))
    except OSError as error:
        raise MissingDataset(f"{dataset}: {error}") from error
