import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def published_disease_lp(tmp_path: Path) -> Path:
    """A folder with a copy of the published files in ``disease_lp``.

    They are looked for below ``$PYG_HYPERBOLIC_DATA/hgcn``, which is only read.
    """
    root = os.environ.get("PYG_HYPERBOLIC_DATA")
    if not root:
        pytest.skip("PYG_HYPERBOLIC_DATA is not set: no published files to read")
    folder = Path(root) / "hgcn" / "disease_lp"
    copy = tmp_path / "hgcn" / "disease_lp"
    copy.mkdir(parents=True)
    for end in ("edges.csv", "feats.npz", "labels.npy"):
        file = f"disease_lp.{end}"
        found = [
            path for path in (folder / file, folder / "raw" / file) if path.exists()
        ]
        if not found:
            pytest.skip(f"{file} is neither in {folder} nor in its folder 'raw'")
        shutil.copyfile(found[0], copy / file)
    return copy.parent
