"""The distributions, and the wheel in an environment of its own."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

QUICKSTART = """
import importlib.util
import torch
from torch_geometric.data import Data
import pyg_hyperbolic
from pyg_hyperbolic import curvature_report, parameter_groups
from pyg_hyperbolic.nn import HGCN, HGCNConv
from pyg_hyperbolic.datasets import DiseaseTree
from pyg_hyperbolic.visualization import plot_disk

assert "site-packages" in pyg_hyperbolic.__file__, pyg_hyperbolic.__file__
for extra in ("torch_scatter", "geoopt", "matplotlib", "sklearn", "yacs"):
    assert importlib.util.find_spec(extra) is None, extra
data = DiseaseTree(num_nodes=300, seed=0)[0]
assert HGCNConv(4, 8)(data.x, data.edge_index).shape == (300, 8)
model = HGCN(4, 16, num_layers=2, out_channels=2)
optimizer = torch.optim.Adam(parameter_groups(model, 5e-4), lr=0.02)
losses = []
for _ in range(30):
    optimizer.zero_grad()
    out = model(data.x, data.edge_index)
    train = data.train_mask
    loss = torch.nn.functional.cross_entropy(out[train], data.y[train])
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print(curvature_report(model))
try:
    plot_disk(out[:, :2], 1.0)
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: what it is built with is there, and no index is asked.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    out = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout[-2000:] + out.stderr[-2000:]
    return folder


def test_wheel_has_the_package_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "pyg_hyperbolic/py.typed" in names
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"pyg_hyperbolic"}
    here = {str(p.relative_to(ROOT)) for p in (ROOT / "pyg_hyperbolic").rglob("*.py")}
    assert here <= set(names)


def test_sdist_can_be_built_from(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.timeout(900)
def test_wheel_runs_with_its_required_dependencies_alone(
    built: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", str(wheel)]
    out = subprocess.run(
        [*install, "-c", str(ROOT / "constraints.txt")], capture_output=True, text=True
    )
    offline = ("No matching distribution", "Failed to establish a new connection")
    if out.returncode and any(words in out.stderr for words in offline):
        pytest.skip("no package index to install the dependencies from")
    assert out.returncode == 0, out.stderr[-2000:]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    out = subprocess.run(
        [python, "-c", QUICKSTART],
        cwd=tmp_path,
        env=kept,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert "convs.1.curvature" in out.stdout
    assert 'pip install "pyg-hyperbolic[visualization]"' in out.stdout
