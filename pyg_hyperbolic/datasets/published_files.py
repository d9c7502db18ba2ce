r"""Files of published graphs: where they are, and whether they are the right ones."""

import hashlib
import http.client
import os
import os.path as osp
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch_geometric.data import Data, InMemoryDataset

from pyg_hyperbolic.checks import check_flags, check_functions
from pyg_hyperbolic.datasets.root import check_path


def fetch(url: str) -> bytes:
    """Returns what a URL serves."""
    with urllib.request.urlopen(url, timeout=60) as response:
        content: bytes = response.read()
    return content


def write_atomically(path: str, content: bytes) -> None:
    """Writes a file so that others see all of it or nothing."""
    # In the same folder, as a file cannot be moved between disks in one step.
    part = Path(f"{path}.{uuid4().hex}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


class PublishedFiles(InMemoryDataset):
    """A dataset of one graph, from files of one folder of a public repository.

    Files are looked for in :obj:`root/name/raw` and in :obj:`root/name`, and
    downloaded into the former if they are in neither.  If all are in the latter they
    are read in place and nothing is written, so that a read-only copy works.

    Subclasses have the folder's :obj:`name` and the names of its files, and read them.
    The source is that of `"Hyperbolic Graph Convolutional Neural Networks"
    <https://arxiv.org/abs/1910.12933>`_, unless they name another one.

    Args:
        root: Folder for the datasets of the same source.
        transform: Applied to the graph at every access.
        pre_transform: Applied to the graph before it is saved.
        force_reload: Whether to process the raw files again.
    """

    name: str
    url = "https://raw.githubusercontent.com/HazyResearch/hgcn/master/data"
    page = "https://github.com/HazyResearch/hgcn/tree/master/data"

    def __init__(
        self,
        root: str | Path,
        transform: Callable[..., Any] | None,
        pre_transform: Callable[..., Any] | None,
        force_reload: bool,
    ) -> None:
        check_path(root)
        check_functions(transform=transform, pre_transform=pre_transform)
        check_flags(force_reload=force_reload)
        super().__init__(str(root), transform, pre_transform, force_reload=force_reload)
        if self.has_process:
            self.load(self.processed_paths[0])
        else:
            self.data, self.slices = self.collate([self._read()])

    def read(self, path: str) -> bytes:
        """A file's content."""
        return Path(path).read_bytes()

    def checksum(self, file: str) -> str | None:
        """The published file's SHA256, if it is known."""
        raise NotImplementedError

    def published(self, file: str) -> str:
        """Where a file is in the repository it was published in, below its data."""
        return f"{self.name}/{file}"

    def source(self, file: str) -> str:
        """Where a user finds it."""
        return f"'{osp.basename(self.published(file))}' from {self._page}"

    def fetched(self, file: str) -> bytes:
        """A file's content from where it was published."""
        return fetch(f"{self.url}/{self.published(file)}")

    def elsewhere(self, file: str) -> Sequence[str]:
        """Where a file may lie if it is not in :obj:`raw_dir`."""
        return [osp.join(self.root, self.name, file)]

    def parse(self, files: Sequence[bytes]) -> Data:
        """The graph.

        Args:
            files: The contents of the raw files, in their order.
        """
        raise NotImplementedError

    def check_content(self, file: str, content: bytes) -> None:
        """Raises a :class:`ValueError` where a file has no known checksum."""

    @property
    def raw_dir(self) -> str:
        return osp.join(self.root, self.name, "raw")

    @property
    def processed_dir(self) -> str:
        return osp.join(self.root, self.name, "processed")

    @property
    def raw_paths(self) -> list[str]:
        paths = []
        for file in self.raw_file_names:
            path = osp.join(self.raw_dir, file)
            places = [path, *self.elsewhere(file)]
            paths.append(next(filter(osp.exists, places), path))
        return paths

    @property
    def processed_file_names(self) -> str:
        return "data.pt"

    @property
    def has_process(self) -> bool:
        # Files outside raw_dir are somebody's own copy, maybe read-only: nothing is
        # saved beside them.  Reading them takes milliseconds.
        return any(osp.dirname(path) == self.raw_dir for path in self.raw_paths)

    def download(self) -> None:
        for path in self.raw_paths:
            if osp.exists(path):
                continue
            file = osp.basename(path)
            url = f"{self.url}/{self.published(file)}"
            by_hand = (
                f"get {self.source(file)} and put it as '{file}' in '{self.raw_dir}'"
            )
            try:
                content = self.fetched(file)
            except (OSError, http.client.HTTPException) as error:
                raise OSError(
                    f"Could not download {url} ({error!r}); {by_hand}"
                ) from error
            self._check(
                file, content, url, f"nothing was saved; try again, or {by_hand}"
            )
            write_atomically(path, content)

    def process(self) -> None:
        self.save([self._read()], self.processed_paths[0])

    @property
    def _page(self) -> str:
        return f"{self.page}/{osp.dirname(self.published(self.raw_file_names[0]))}"

    def _check(self, file: str, content: bytes, source: str, way_out: str) -> None:
        expected, got = self.checksum(file), hashlib.sha256(content).hexdigest()
        if expected is not None and got != expected:
            raise ValueError(
                f"{source} is not the published file (expected SHA256 {expected}, "
                f"got {got}); {way_out}"
            )
        try:
            if expected is None:
                self.check_content(file, content)
        except ValueError as error:
            raise ValueError(f"{source}: {error}; {way_out}") from error

    def _read(self) -> Data:
        files = []
        for file, path in zip(self.raw_file_names, self.raw_paths, strict=True):
            files.append(self.read(path))
            way_out = f"delete it, or replace it by the one of {self._page}"
            self._check(file, files[-1], path, way_out)
        data = self.parse(files)
        return data if self.pre_transform is None else self.pre_transform(data)
