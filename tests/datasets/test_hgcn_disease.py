import hashlib
import http.client
import io
import os
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.utils import is_undirected

from pyg_hyperbolic.datasets import HGCNDisease, hgcn_disease, published_files

# A star of 12 nodes with 3 features, of which the root and 4 others are infected.
X = np.round(np.linspace(-1, 1, 36), 3).reshape(12, 3) * (np.arange(3) != 1)
Y = np.array([1.0] * 5 + [0.0] * 7)


def save(function: Any, *args: Any, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    function(buffer, *args, **kwargs)
    return buffer.getvalue()


def csr(x: Any) -> bytes:
    """What scipy.sparse.save_npz writes."""
    row, col = x.nonzero()
    start = np.searchsorted(row, np.arange(len(x) + 1)).astype(np.int32)
    return save(
        np.savez,
        indices=col.astype(np.int32),
        indptr=start,
        format=b"csr",
        shape=np.array(x.shape),
        data=x[row, col],
    )


@pytest.fixture(params=["lp", "nc", "m"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def files(task: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of the published ones, and no network."""
    edges = "".join(f"0,{child}\n" for child in range(1, 12)).encode()
    contents = {"edges.csv": edges, "feats.npz": csr(X), "labels.npy": save(np.save, Y)}
    contents = {f"disease_{task}.{end}": value for end, value in contents.items()}
    for name in hgcn_disease.SHA256:
        if name in contents:
            digest = hashlib.sha256(contents[name]).hexdigest()
            monkeypatch.setitem(hgcn_disease.SHA256, name, digest)
    monkeypatch.setitem(hgcn_disease.FEATURES_SHAPE, task, (12, 3))

    def no_network(url: str) -> bytes:
        raise urllib.error.URLError(f"no network in tests: {url}")

    monkeypatch.setattr(published_files, "fetch", no_network)
    return contents


def put(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def check(dataset: Any, task: str) -> None:
    data = dataset[0]
    assert data.x.dtype == torch.float32
    torch.testing.assert_close(data.x, torch.from_numpy(X).float())
    assert torch.equal(data.y, torch.from_numpy(Y).long())
    assert data.edge_index.shape == (2, 22) and data.is_coalesced()
    assert is_undirected(data.edge_index)
    assert set(data.edge_index[1, data.edge_index[0] == 0].tolist()) == set(
        range(1, 12)
    )
    assert ("train_mask" in data) == (task == "nc")
    assert dataset.num_classes == 2 and dataset.num_features == 3


def test_files_in_raw_are_used_without_network(
    task: Any, files: dict[str, bytes], tmp_path: Path
) -> None:
    put(files, tmp_path / f"disease_{task}" / "raw")
    check(HGCNDisease(tmp_path, task), task)
    assert (tmp_path / f"disease_{task}" / "processed" / "data.pt").exists()
    check(HGCNDisease(str(tmp_path), task), task)  # from processed/


def test_files_beside_raw_are_read_in_place(
    task: Any, files: dict[str, bytes], tmp_path: Path
) -> None:
    put(files, tmp_path / f"disease_{task}")
    before = everything_below(tmp_path)
    check(HGCNDisease(tmp_path, task), task)
    assert everything_below(tmp_path) == before


def test_missing_files_are_downloaded(
    task: Any,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = f"disease_{task}.labels.npy"
    put({labels: files[labels]}, tmp_path / f"disease_{task}")
    urls = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        name = url.rpartition("/")[2]
        return files[name.replace("disease_propagation_multi_lp", "disease_m")]

    monkeypatch.setattr(published_files, "fetch", fetch)
    check(HGCNDisease(tmp_path, task), task)
    site = "https://raw.githubusercontent.com/HazyResearch/hgcn/master/data"
    name = f"disease_{task}"
    if task == "m":
        site, name = "/hgcn/data", "disease_propagation_multi_lp"
    ends = (f"{site}/{name}/{name}.{end}" for end in ("edges.csv", "feats.npz"))
    assert all(url.endswith(end) for url, end in zip(urls, ends, strict=True))
    assert ("isaykatsman" in urls[0]) == (task == "m")
    raw = tmp_path / f"disease_{task}" / "raw"
    assert everything_below(raw) == [
        f"disease_{task}.edges.csv",
        f"disease_{task}.feats.npz",
    ]


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("unreachable"),
        TimeoutError("too slow"),
        http.client.IncompleteRead(b"half"),
    ],
)
def test_no_network_says_where_to_get_files_and_where_to_put_them(
    task: Any,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fetch(url: str) -> bytes:
        raise error

    monkeypatch.setattr(published_files, "fetch", fetch)
    with pytest.raises(OSError, match="Could not download") as raised:
        HGCNDisease(tmp_path, task)
    text = str(raised.value)
    owner = "isaykatsman" if task == "m" else "HazyResearch"
    assert f"from https://github.com/{owner}" in text
    place = f"'disease_{task}.edges.csv' in '{tmp_path}/disease_{task}/raw'"
    assert f"put it as {place}" in text
    assert raised.value.__cause__ is error
    assert not list((tmp_path / f"disease_{task}" / "raw").iterdir())


def test_wrong_download_is_not_saved(
    task: Any,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published_files, "fetch", lambda url: b"<html>Not found</html>")
    name = f"disease_{task}.edges.csv"
    expected = hgcn_disease.SHA256[name]
    name = name.replace("disease_m", "disease_propagation_multi_lp")
    got = hashlib.sha256(b"<html>Not found</html>").hexdigest()
    text = rf"{name} is not .*expected SHA256 {expected}, got {got}.*nothing was saved"
    with pytest.raises(ValueError, match=text):
        HGCNDisease(tmp_path, task)
    assert not list((tmp_path / f"disease_{task}" / "raw").iterdir())


@pytest.mark.parametrize("folder", ["raw", "."])
def test_corrupted_file_is_named(
    task: Any, files: dict[str, bytes], tmp_path: Path, folder: str
) -> None:
    name = f"disease_{task}.labels.npy"
    files[name] = files[name][:-1] + b"x"
    put(files, tmp_path / f"disease_{task}" / folder)
    expected = hgcn_disease.SHA256[name]
    text = (
        rf"{name} is not .*{expected}, got [0-9a-f]{{64}}\); delete it, or replace it"
    )
    with pytest.raises(ValueError, match=text):
        HGCNDisease(tmp_path, task)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"<html>", "not a NumPy archive"),
        (csr(X)[:-40], "not a NumPy archive"),
        (csr(X[:11]), r"expected numbers of shape \(12, 3\) \(got .*\(11, 3\)"),
        (csr(X.astype("S8")), r"expected numbers .*\(got \|S8"),
        (save(np.savez, indices=X, shape=np.array([12, 3])), "not a whole CSR matrix"),
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


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    evil = save(np.savez, shape=np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        hgcn_disease.read_csr(evil, (1, 1))


def test_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "file"
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        published_files.write_atomically(str(path), b"content")
    assert not list(tmp_path.iterdir())


def test_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    published_files.write_atomically(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("task", ["nc"])
def test_split_is_stratified_and_fixed(
    task: Any, files: dict[str, bytes], tmp_path: Path
) -> None:
    put(files, tmp_path / "disease_nc")
    torch.manual_seed(0)
    first = HGCNDisease(tmp_path, task)[0]
    torch.manual_seed(1)
    second = HGCNDisease(tmp_path, task)[0]
    masks = [first.train_mask, first.val_mask, first.test_mask]
    assert bool((torch.stack(masks).sum(0) == 1).all())
    for mask, name in zip(masks, ("train", "val", "test"), strict=True):
        assert set(first.y[mask].tolist()) == {0, 1}
        assert torch.equal(mask, second[f"{name}_mask"])


@pytest.mark.parametrize("task", ["nc"])
def test_transforms_are_applied(
    task: Any, files: dict[str, bytes], tmp_path: Path
) -> None:
    def add_one(data: Any) -> Any:
        data.x = data.x + 1
        return data

    put(files, tmp_path / "read_in_place" / f"disease_{task}")
    put(files, tmp_path / "processed" / f"disease_{task}" / "raw")
    for root in ("read_in_place", "processed"):
        data = HGCNDisease(tmp_path / root, task, add_one, add_one)[0]
        torch.testing.assert_close(data.x, torch.from_numpy(X).float() + 2)


def test_repr(task: Any, files: dict[str, bytes], tmp_path: Path) -> None:
    put(files, tmp_path / f"disease_{task}")
    assert str(HGCNDisease(tmp_path, task)) == f"HGCNDisease(task='{task}')"


def test_published_disease_lp_is_the_tree_of_the_paper(
    published_disease_lp: Path,
) -> None:
    data = HGCNDisease(published_disease_lp, "lp")[0]
    assert data.x.shape == (2665, 11)
    assert data.edge_index.shape == (2, 2 * 2664)
    assert is_undirected(data.edge_index) and not data.has_self_loops()
    assert torch.bincount(data.y).tolist() == [1605, 1060]
    # First entries as published: no row normalisation.
    expected = torch.tensor([0.86576741, -0.46091102, -0.48962883])
    torch.testing.assert_close(data.x[0, :3], expected)
    # The infected are a subtree: ids, features and labels belong together.
    parent, child = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    assert child.unique().numel() == 2664
    assert bool((data.y[parent][data.y[child] == 1] == 1).all())


def test_published_disease_m_is_a_tree() -> None:
    root = Path(os.environ.get("PYG_HYPERBOLIC_DATA", ""), "hgcn")
    if not (root / "disease_m" / "disease_m.feats.npz").exists():
        pytest.skip("$PYG_HYPERBOLIC_DATA/hgcn/disease_m is not there")
    data = HGCNDisease(root, "m")[0]
    assert data.x.shape == (2529, 11) and torch.bincount(data.y).tolist() == [2239, 290]
    assert data.edge_index.shape == (2, 2 * 2528) and is_undirected(data.edge_index)
    child = data.edge_index[1, data.edge_index[0] < data.edge_index[1]]
    assert child.unique().numel() == 2528
