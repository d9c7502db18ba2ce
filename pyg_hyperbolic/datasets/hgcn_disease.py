r"""The Disease datasets that were published with HGCN, and one beside them.

Sources:
    [1] Chami et al., *Hyperbolic Graph Convolutional Neural Networks*, NeurIPS 2019,
        arXiv:1910.12933; files and their reading after
        https://github.com/HazyResearch/hgcn, :obj:`utils/data_utils.py`.
    [2] Katsman & Gilbert, *Shedding Light on Problems with Hyperbolic Graph
        Learning*, TMLR 2025, arXiv:2411.06688: Disease-M.
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from pyg_hyperbolic.datasets.published_files import PublishedFiles
from pyg_hyperbolic.datasets.split import stratified_masks

# No checksum of disease_nc.feats.npz is known to us, so for that file only the
# shape and the type of the numbers are checked.
SHA256 = {
    "disease_lp.edges.csv": (
        "b5b7e41bbfd28fc7f61590e5587622103ee9c3aa1b59911c74873a6f328dca07"
    ),
    "disease_lp.feats.npz": (
        "b4a726b13598c036a75e1b49f08e92820553b972966ad950b8d4d5416eb339f8"
    ),
    "disease_lp.labels.npy": (
        "8f2b26602764fbb785b93775d9f71194f1f36920e185af8bc5c31aea07dde858"
    ),
    "disease_m.edges.csv": (
        "029b821a93fe89237d2f37ff53081597546f0bade7a842f0a0abd26e5f63420e"
    ),
    "disease_m.feats.npz": (
        "6784834a66937d8e51da0021d86ad0461755087083b61cd73ae5658f4ca75083"
    ),
    "disease_m.labels.npy": (
        "e3788e74030ad66e36efba0510d889a338781fa86f6557e9e2c99fec133a1668"
    ),
    "disease_nc.edges.csv": (
        "08b2dcf00db1e6a8f491af5294dee98197f1251a63bc9190d05fb4e77507782e"
    ),
    "disease_nc.labels.npy": (
        "70be7f91a854d924f3b7ac423615d75b1f9ee2506261c44113de27cc2caadd51"
    ),
}
FEATURES_SHAPE = {"lp": (2665, 11), "nc": (1044, 1000), "m": (2529, 11)}

# Disease-M is published with [2], under other names.
CRITICS = "isaykatsman/Shedding-Light-Hyperbolic-Graph-Learning"
COMMIT = "d6f0c150f402a961af8f25a437ce0eb5ecfbfc6e"
PUBLISHED_M = "disease_propagation_multi_lp"


def read_csr(content: bytes, shape: tuple[int, int]) -> Tensor:
    r"""Reads a matrix that :obj:`scipy.sparse.save_npz` wrote in CSR format.

    Args:
        content: The bytes of the file.
        shape: The shape that the matrix has to have.

    Returns:
        The matrix, dense and in single precision.

    Raises:
        ValueError: If the content is no such matrix of numbers.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("not a NumPy archive")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            found = tuple(archive["shape"].tolist())
            index, start, value = (archive[k] for k in ("indices", "indptr", "data"))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a whole CSR matrix: {error}") from error
    if found != shape or value.dtype.kind not in "fiu":
        raise ValueError(
            f"expected numbers of shape {shape} (got {value.dtype} of shape {found})"
        )
    row = torch.from_numpy(np.repeat(np.arange(shape[0]), np.diff(start)))
    col = torch.from_numpy(index.astype(np.int64))
    value = torch.from_numpy(value.astype(np.float32))
    return torch.zeros(shape).index_put_((row, col), value, accumulate=True)


class HGCNDisease(PublishedFiles):
    r"""The Disease trees of the HGCN paper: an SIR epidemic on a tree, one graph each.

    .. list-table::
        :header-rows: 1

        * - Task
          - #nodes
          - #edges
          - #features
          - #classes
        * - :obj:`"lp"`
          - 2,665
          - 5,328
          - 11
          - 2
        * - :obj:`"nc"`
          - 1,044
          - 2,086
          - 1,000
          - 2
        * - :obj:`"m"`
          - 2,529
          - 5,056
          - 11
          - 2

    The graph has features :obj:`x` as published, without the row normalization that
    suits bag-of-words features (some columns are signed: row sums come near 0),
    :obj:`edge_index` in both directions and labels :obj:`y` (1: infected).

    :obj:`"lp"` is for link prediction.  Its features say next to nothing about its
    labels; don't classify nodes on it.  :obj:`"m"`, Disease-M of `"Shedding Light on
    Problems with Hyperbolic Graph Learning" <https://arxiv.org/abs/2411.06688>`_, is
    for link prediction, too.  :obj:`"nc"` has a stratified 30/10/60 split
    in :obj:`train_mask`, :obj:`val_mask` and :obj:`test_mask`, drawn with the seed
    :obj:`split_seed`.  The original draws a validation and a test set with as many
    infected as others; figures on it cannot be compared with figures on this one.

    Files are looked for in :obj:`root/disease_lp/raw` and in :obj:`root/disease_lp`,
    and downloaded into the former if they are in neither.  If all are in the latter
    they are read in place and nothing is written, so that a read-only copy works.

    Args:
        root: Folder for the datasets of HGCN, such as :obj:`data_root() / "hgcn"`.
        task: :obj:`"lp"`, :obj:`"nc"` or :obj:`"m"`. (default: :obj:`"lp"`)
        transform: Applied to the graph at every access. (default: :obj:`None`)
        pre_transform: Applied to the graph before it is saved. (default: :obj:`None`)
        force_reload: Whether to process the raw files again. (default: :obj:`False`)

    Raises:
        ValueError: If :obj:`task` is unknown, or a file is not the published one.
        OSError: If a file is missing and cannot be downloaded.
    """

    split_seed = 0

    def __init__(
        self,
        root: str | Path,
        task: Literal["lp", "nc", "m"] = "lp",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if task not in tuple(FEATURES_SHAPE):  # also what has no hash
            raise ValueError(
                f"'task' must be 'lp' or 'm' (link prediction) or 'nc' (node "
                f"classification) (got {task!r})"
            )
        if task == "m":
            self.url = f"https://raw.githubusercontent.com/{CRITICS}/{COMMIT}/hgcn/data"
            self.page = f"https://github.com/{CRITICS}/tree/{COMMIT}/hgcn/data"
        self.task = task
        self.name = f"disease_{task}"
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        ends = ("edges.csv", "feats.npz", "labels.npy")
        return [f"{self.name}.{end}" for end in ends]

    def published(self, file: str) -> str:
        if self.task != "m":
            return super().published(file)
        return f"{PUBLISHED_M}/{file.replace(self.name, PUBLISHED_M)}"

    def checksum(self, file: str) -> str | None:
        return SHA256.get(file)

    def check_content(self, file: str, content: bytes) -> None:
        if file.endswith(".npz"):
            read_csr(content, FEATURES_SHAPE[self.task])

    def parse(self, files: Sequence[bytes]) -> Data:
        edges, features, labels = files

        # The original numbers nodes by their first appearance among the edges; in
        # both files that is the number already given.
        pairs = np.loadtxt(io.BytesIO(edges), delimiter=",", dtype=np.int64, ndmin=2)
        x = read_csr(features, FEATURES_SHAPE[self.task])
        edge_index = to_undirected(torch.from_numpy(pairs).t(), num_nodes=x.size(0))
        # The labels of "nc" are stored as floating-point numbers.
        y = torch.from_numpy(np.load(io.BytesIO(labels), allow_pickle=False)).long()
        data = Data(x=x, edge_index=edge_index, y=y)

        if self.task == "nc":
            generator = torch.Generator().manual_seed(self.split_seed)
            data.train_mask, data.val_mask, data.test_mask = stratified_masks(
                y, generator=generator
            )
        return data

    def __repr__(self) -> str:
        return f"HGCNDisease(task={self.task!r})"
