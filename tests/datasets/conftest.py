import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from pyg_hyperbolic.datasets import published_files


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError("no network in tests")
    monkeypatch.setattr(published_files, "fetch", Mock(side_effect=error))


@pytest.fixture
def published(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a folder of published files below ``$PYG_HYPERBOLIC_DATA``.

    They may be in its folder ``raw``; there they are only read.
    """

    def copy(name: str) -> Path:
        folder = Path(os.environ.get("PYG_HYPERBOLIC_DATA", "missing")) / name
        files = [*folder.glob("*.*"), *folder.glob("raw/*.*")]
        if not files:
            pytest.skip(f"$PYG_HYPERBOLIC_DATA/{name} is not there")
        out = tmp_path / "published" / folder.name
        out.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, out / file.name)
        return out

    return copy
