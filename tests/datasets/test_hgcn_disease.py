import hashlib
import http.client
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import networkx
import numpy as np
import pytest
import scipy
import torch
from torch_geometric.utils import to_networkx, to_undirected

from pyg_hyperbolic.datasets import HGCNDisease, hgcn_disease, published_files
from tests.where import each

# A star of 12 nodes with 3 features, of which the root and 4 others are infected.
X = np.round(np.linspace(-1, 1, 36), 3).reshape(12, 3) * (np.arange(3) != 1)
Y = np.array([1.0] * 5 + [0.0] * 7)
CHILDREN = range(1, 12)


def save(function: Any, *args: Any, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    function(buffer, *args, **kwargs)
    return buffer.getvalue()


def csr(x: Any) -> bytes:
    return save(scipy.sparse.save_npz, scipy.sparse.csr_matrix(x))


@pytest.fixture(params=["lp", "nc", "m"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def files(task: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of the published ones."""
    edges = "".join(f"0,{child}\n" for child in CHILDREN).encode()
    contents = {"edges.csv": edges, "feats.npz": csr(X), "labels.npy": save(np.save, Y)}
    contents = {f"disease_{task}.{end}": value for end, value in contents.items()}
    for name in hgcn_disease.SHA256.keys() & contents.keys():
        digest = hashlib.sha256(contents[name]).hexdigest()
        monkeypatch.setitem(hgcn_disease.SHA256, name, digest)
    monkeypatch.setitem(hgcn_disease.FEATURES_SHAPE, task, (12, 3))
    return contents


def put(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check(dataset: Any, factor: float = 1.0) -> None:
    data = dataset[0]
    assert data.x.dtype == torch.float32
    torch.testing.assert_close(data.x, factor * torch.from_numpy(X).float())
    assert torch.equal(data.y, torch.from_numpy(Y).long())
    edges = torch.tensor([(0, child) for child in CHILDREN]).t()
    assert torch.equal(data.edge_index, to_undirected(edges))
    assert ("train_mask" in data) == (dataset.task == "nc")
    if dataset.task == "nc":
        masks = torch.stack([data.train_mask, data.val_mask, data.test_mask])
        assert masks[:, :5].sum(1).tolist() == [2, 1, 2]
    assert dataset.num_classes == 2 and dataset.num_features == 3
    assert str(dataset) == f"HGCNDisease(task='{dataset.task}')"


def double(data: Any) -> Any:
    data.x = 2 * data.x
    return data


@pytest.mark.parametrize("place", ["raw", "."])
def test_files_are_found_and_read(
    task: Any, files: dict[str, bytes], tmp_path: Path, place: str
) -> None:
    folder = tmp_path / f"disease_{task}"
    put(files, folder / place)
    # The second time from processed/, or in place again.
    first, second = (
        HGCNDisease(root, task, double, double) for root in (tmp_path, str(tmp_path))
    )
    check(first, 4.0)
    check(second, 4.0)
    for name, value in first[0]:  # the split is fixed
        assert torch.equal(value, second[0][name])
    saved = {"raw", "processed"} if place == "raw" else set(files)
    assert names(folder) == saved


def test_missing_files_are_downloaded(
    task: Any,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = f"disease_{task}.labels.npy"
    put({labels: files.pop(labels)}, tmp_path / f"disease_{task}")
    name = "disease_propagation_multi_lp" if task == "m" else f"disease_{task}"
    urls = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        return files[url.rpartition("/")[2].replace(name, f"disease_{task}")]

    monkeypatch.setattr(published_files, "fetch", fetch)
    check(HGCNDisease(tmp_path, task))
    folder = f"{hgcn_disease.CRITICS}/{hgcn_disease.COMMIT}/hgcn"
    folder = folder if task == "m" else "HazyResearch/hgcn/master"
    site = f"https://raw.githubusercontent.com/{folder}/data"
    assert urls == [f"{site}/{name}/{name}.{end}" for end in ("edges.csv", "feats.npz")]
    assert names(tmp_path / f"disease_{task}" / "raw") == set(files)


@each("error", [TimeoutError("too slow"), http.client.IncompleteRead(b"half")])
def test_no_network_says_where_to_get_files_and_where_to_put_them(
    task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(published_files, "fetch", Mock(side_effect=error))
    owner = "isaykatsman" if task == "m" else "HazyResearch"
    folder = tmp_path / f"disease_{task}" / "raw"
    place = f"put it as 'disease_{task}.edges.csv' in '{folder}'"
    with pytest.raises(OSError, match=f"from https://github.com/{owner}/.*{place}"):
        HGCNDisease(tmp_path, task)
    assert not names(folder)


def test_wrong_download_is_not_saved(
    task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_files, "fetch", lambda url: b"<html>Not found</html>")
    expected = hgcn_disease.SHA256[f"disease_{task}.edges.csv"]
    got = hashlib.sha256(b"<html>Not found</html>").hexdigest()
    text = rf"edges.csv is not .* {expected}, got {got}.*nothing was saved"
    with pytest.raises(ValueError, match=text):
        HGCNDisease(tmp_path, task)
    assert not names(tmp_path / f"disease_{task}" / "raw")


@pytest.mark.parametrize("place", ["raw", "."])
def test_corrupted_file_is_named(
    task: Any, files: dict[str, bytes], tmp_path: Path, place: str
) -> None:
    name = f"disease_{task}.labels.npy"
    files[name] = files[name][:-1] + b"x"
    put(files, tmp_path / f"disease_{task}" / place)
    with pytest.raises(ValueError, match=f"{name} is not .*; delete it, or replace it"):
        HGCNDisease(tmp_path, task)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"<html>", "not a NumPy archive"),
        (csr(X)[:-40], "not a NumPy archive"),
        (csr(X[:11]), r"expected numbers of shape \(12, 3\) \(got .*\(11, 3\)"),
        (csr(X.astype(complex)), r"expected numbers .*\(got complex"),
        (save(np.savez, indices=X, shape=np.array([12, 3])), "not a whole CSR matrix"),
        (save(np.savez, shape=np.array([object()])), ".*allow_pickle"),
    ],
)
@pytest.mark.parametrize("task", ["nc"])
def test_features_without_known_checksum_are_checked_by_shape_and_dtype(
    task: Any, files: dict[str, bytes], tmp_path: Path, content: bytes, text: str
) -> None:
    files["disease_nc.feats.npz"] = content
    put(files, tmp_path / "disease_nc")
    with pytest.raises(ValueError, match=f"disease_nc.feats.npz: {text}.*; delete it"):
        HGCNDisease(tmp_path, task)


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    published_files.write_atomically(str(path), b"new")
    monkeypatch.setattr(os, "replace", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        published_files.write_atomically(str(path), b"newer")
    assert path.read_bytes() == b"new" and names(tmp_path) == {"file"}


@pytest.mark.parametrize(
    "task, classes", [("lp", [1605, 1060]), ("m", [2239, 290])], ids=["lp", "m"]
)
def test_published_files_are_trees(
    task: Any, classes: list[int], published: Callable[[str], Path]
) -> None:
    data = HGCNDisease(published(f"hgcn/disease_{task}").parent, task)[0]
    assert data.x.shape == (sum(classes), 11) and data.y.bincount().tolist() == classes
    assert data.is_undirected()
    assert networkx.is_tree(to_networkx(data, to_undirected=True))
    # The infected are a subtree: ids, features and labels belong together.
    parent, child = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    assert bool((data.y[parent][data.y[child] == 1] == 1).all())
    if task == "lp":  # first entries as published: no row normalisation
        expected = torch.tensor([0.86576741, -0.46091102, -0.48962883])
        torch.testing.assert_close(data.x[0, :3], expected)
