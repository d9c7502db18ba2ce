r"""WordNet's hierarchies of nouns and verbs.

Sources:
    [1] Fellbaum (ed.), *WordNet: An Electronic Lexical Database*, 1998; version 3.0,
        https://wordnet.princeton.edu, file format ``wndb(5WN)``.
    [2] Nickel & Kiela, *Poincaré Embeddings for Learning Hierarchical Representations*,
        NeurIPS 2017, arXiv:1705.08039: the closure of nouns, and of mammals.
"""

import gzip
import io
import os.path as osp
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch_geometric.data import Data

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.datasets.published_files import PublishedFiles

# Princeton's own archive is no longer served; that of NLTK holds the same files.
PAGE = "https://github.com/nltk/nltk_data/tree/gh-pages/packages/corpora"
URL = "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/corpora"
SYSTEM = "/usr/share/wordnet"  # of Debian's package wordnet-base
# No checksum of data.verb is known to us.
SHA256 = {
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
}
NUM_SYNSETS = {"data.noun": 82115, "data.verb": 13767}
HYPERNYMS = ("@", "@i")  # of classes, and of instances
MAMMAL = "mammal"


def read_synsets(content: bytes) -> tuple[list[str], list[list[int]]]:
    """The first word of each synset, and its direct hypernyms.

    Args:
        content: A file of WordNet's database, ``data.noun`` or ``data.verb``.

    Raises:
        ValueError: If it is not such a file.
    """
    names: list[str] = []
    offsets: dict[str, int] = {}
    above: list[list[str]] = []
    try:
        for line in content.decode("ascii").splitlines():
            if line.startswith("  "):  # the licence
                continue
            fields = line.split(" | ")[0].split()
            end = 4 + 2 * int(fields[3], 16)  # behind the words
            pointers = fields[end + 1 : end + 1 + 4 * int(fields[end])]
            kinds, targets = pointers[::4], pointers[1::4]
            offsets[fields[0]] = len(names)
            names.append(fields[4].replace("_", " "))
            pairs = zip(kinds, targets, strict=True)
            above.append([target for kind, target in pairs if kind in HYPERNYMS])
        return names, [[offsets[target] for target in row] for row in above]
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"not a file of WordNet's database ({error!r})") from error


def ancestors(above: Sequence[Sequence[int]]) -> list[set[int]]:
    """All nodes above each node, without itself: the transitive closure.

    Args:
        above: The nodes directly above each node, without a cycle.
    """
    found: list[set[int] | None] = [None] * len(above)
    for first in range(len(above)):
        stack = [first]
        while stack:
            node = stack[-1]
            if found[node] is not None:
                stack.pop()
                continue
            missing = [other for other in above[node] if found[other] is None]
            if missing:
                stack += missing
                continue
            sets = (found[other] for other in above[node])
            found[node] = set(above[node]).union(*(s for s in sets if s is not None))
    return [row if row is not None else set() for row in found]


class WordNet(PublishedFiles):
    r"""WordNet 3.0's synsets, with edges from each to those that it "is a" kind of.

    .. list-table::
        :header-rows: 1

        * - Name
          - #nodes
          - #edges
          - #edges of the closure
        * - :obj:`"nouns"`
          - 82,115
          - 84,427
          - 743,241
        * - :obj:`"mammals"`
          - 1,182
          - 1,182
          - 6,542
        * - :obj:`"verbs"`
          - 13,767
          -
          -

    An edge leads from a synset to a hypernym: "dog" to "canine", and in the transitive
    closure to all its ancestors up to "entity".  Hypernyms of instances count: "Paris"
    is a "national capital".  The graph has :obj:`edge_index`, :obj:`num_nodes` and
    :obj:`name`, the first word of each synset; different synsets can have the same.
    :obj:`"mammals"` is the part at and below "mammal".

    The file ``data.noun`` or ``data.verb``, plain or as ``.gz``, is looked for in
    :obj:`root/raw`, in :obj:`root`, and where Debian's package ``wordnet-base`` puts
    it, and downloaded if it is in none of them.  Outside of :obj:`root/raw` it is read
    in place, and nothing is written.

    Args:
        root: Folder for this dataset, such as :obj:`data_root() / "wordnet"`.
        name: :obj:`"nouns"`, :obj:`"mammals"` or :obj:`"verbs"`.
            (default: :obj:`"nouns"`)
        closure: Whether edges lead to all ancestors, or to those directly above.
            (default: :obj:`True`)
        transform: Applied to the graph at every access. (default: :obj:`None`)
        pre_transform: Applied to the graph before it is saved. (default: :obj:`None`)
        force_reload: Whether to process the raw file again. (default: :obj:`False`)

    Raises:
        ValueError: If :obj:`name` is unknown, or the file is not that of WordNet 3.0.
        OSError: If it is missing and cannot be downloaded.
    """

    url = URL
    page = PAGE

    def __init__(
        self,
        root: str | Path,
        name: Literal["nouns", "mammals", "verbs"] = "nouns",
        closure: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if name not in ("nouns", "mammals", "verbs"):
            raise ValueError(
                f"'name' must be 'nouns', 'mammals' or 'verbs' (got {name!r})"
            )
        check_flags(closure=closure)
        self.name, self.closure = name, closure
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_dir(self) -> str:
        return osp.join(self.root, "raw")

    @property
    def processed_dir(self) -> str:
        return osp.join(self.root, "processed")

    @property
    def processed_file_names(self) -> str:
        return f"{self.name}_closure.pt" if self.closure else f"{self.name}.pt"

    @property
    def raw_file_names(self) -> list[str]:
        return ["data.verb" if self.name == "verbs" else "data.noun"]

    def elsewhere(self, file: str) -> list[str]:
        return [
            osp.join(self.raw_dir, f"{file}.gz"),
            *(osp.join(self.root, copy) for copy in (file, f"{file}.gz")),
            osp.join(SYSTEM, file),
        ]

    def published(self, file: str) -> str:
        return "wordnet.zip"

    def source(self, file: str) -> str:
        return f"'wordnet/{file}' of 'wordnet.zip' from {self.page}"

    def fetched(self, file: str) -> bytes:
        archive = super().fetched(file)
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as whole:
                return whole.read(f"wordnet/{file}")
        except (KeyError, zipfile.BadZipFile) as error:
            raise OSError(f"no archive that holds 'wordnet/{file}'") from error

    def read(self, path: str) -> bytes:
        content = super().read(path)
        if not path.endswith(".gz"):
            return content
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} is not a whole gzip file ({error}); delete it, or replace it "
                f"by the one of {self.page}"
            ) from error

    def checksum(self, file: str) -> str | None:
        return SHA256.get(file)

    def check_content(self, file: str, content: bytes) -> None:
        found, expected = len(read_synsets(content)[0]), NUM_SYNSETS[file]
        if found != expected:
            raise ValueError(f"expected {expected} synsets (got {found})")

    def parse(self, files: Sequence[bytes]) -> Data:
        names, above = read_synsets(files[0])
        all_above = ancestors(above)
        kept = list(range(len(names)))
        if self.name == "mammals":
            top = names.index(MAMMAL)
            kept = [i for i in kept if i == top or top in all_above[i]]
        new = {old: i for i, old in enumerate(kept)}
        rows = all_above if self.closure else above
        pairs = [(new[i], new[j]) for i in kept for j in sorted(rows[i]) if j in new]
        return Data(
            edge_index=torch.tensor(pairs, dtype=torch.long).t().contiguous(),
            num_nodes=len(kept),
            name=[names[i] for i in kept],
        )

    def __repr__(self) -> str:
        return f"WordNet(name={self.name!r}, closure={self.closure})"
