import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx
import pytest
import torch

from pyg_hyperbolic.datasets import HGCNAirport, hgcn_airport
from tests.where import each


def test_published_graph(
    published: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = published("hgcn/airport").parent
    monkeypatch.setitem(sys.modules, "networkx", None)  # it is not needed
    data = HGCNAirport(root)[0]
    assert data.x.shape == (3188, 4) and data.edge_index.shape == (2, 37260)
    assert data.is_undirected() and not data.has_self_loops()
    assert data.y.bincount().tolist() == [521, 1443, 999, 225]
    masks = torch.stack([data.train_mask, data.val_mask, data.test_mask])
    assert (masks.sum(0) == 1).all()  # no node is in two parts
    for mask, share in zip(masks, (0.7, 0.15, 0.15), strict=True):
        of_class = data.y[mask].bincount() / data.y.bincount()
        assert ((of_class - share).abs() < 0.01).all()
    assert torch.equal(HGCNAirport(root)[0].test_mask, data.test_mask)
    assert not (root / "airport" / "processed").exists()  # read in place


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> networkx.Graph:
    """A graph as the published one, with node names and one self-loop."""
    graph = networkx.path_graph(["a", "b", "c"])
    graph.add_edge("b", "b")
    for i, name in enumerate(graph):
        graph.nodes[name]["feat"] = [i, 0.0, 1.0, 2.0, 1.0 + 0.12 * i]
    return graph


def test_reads_what_networkx_wrote(small: networkx.Graph) -> None:
    x, edge_index = hgcn_airport.read_graph(pickle.dumps(small, protocol=2))
    assert x[:, 0].tolist() == [0, 1, 2]
    assert edge_index.t().tolist() == [[0, 1], [1, 0], [1, 1], [1, 2], [2, 1]]


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("owned",)


def test_a_pickle_that_runs_code_is_refused(
    small: networkx.Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small.nodes["a"]["feat"] = Evil()
    for evil in (Evil(), small):
        with pytest.raises(ValueError, match=r"names the class posix\.mkdir"):
            hgcn_airport.read_graph(pickle.dumps(evil))
    assert not (tmp_path / "owned").exists()


@each("content", [b"", b"nonsense", pickle.dumps({"a": 1})])
def test_other_content_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="no pickled graph"):
        hgcn_airport.read_graph(content)


def test_another_file_is_refused(tmp_path: Path, small: networkx.Graph) -> None:
    (tmp_path / "airport").mkdir()
    (tmp_path / "airport" / "airport.p").write_bytes(pickle.dumps(small))
    with pytest.raises(ValueError, match=r"is not the published file .* replace it by"):
        HGCNAirport(tmp_path)
