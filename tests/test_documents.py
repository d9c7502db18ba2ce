"""Every Python block of the documents runs, in order, in one namespace a document."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE
from torch_geometric.utils import barabasi_albert_graph

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def namespace() -> dict[str, Any]:
    """What a reader has at hand: a graph, features, and torch."""
    torch.manual_seed(0)
    edge_index = barabasi_albert_graph(40, 2)
    x = torch.randn(40, 16)
    y = torch.randint(4, (40,))
    return {
        "torch": torch,
        "edge_index": edge_index,
        "edge_weight": torch.rand(edge_index.size(1)),
        "x": x,
        "y": y,
        "data": Data(x=x, edge_index=edge_index, y=y),
    }


def blocks(path: Path) -> list[str]:
    return BLOCK.findall(path.read_text())


def test_there_are_blocks() -> None:
    names = {path.name for path in DOCUMENTS if blocks(path)}
    assert {"README.md", "guide.md", "coming_from.md", "index.md"} <= names


@pytest.mark.filterwarnings("ignore:Using 'NeighborSampler':UserWarning")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_blocks_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("Agg")
    values = namespace()
    for number, block in enumerate(blocks(path)):
        if "NeighborLoader" in block and not (WITH_PYG_LIB or WITH_TORCH_SPARSE):
            # No sampler: all that does not draw from one.
            block = re.sub(r"^for batch in .*\n(?:    .*\n)+", "", block, flags=re.M)
        exec(compile(block, f"{path.name}, block {number + 1}", "exec"), values)


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize(
    "path",
    [*DOCUMENTS, ROOT / "benchmarks/README.md", ROOT / "notebooks/README.md"],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text()):
        if "://" not in link:
            assert (path.parent / link).exists(), link


@pytest.mark.filterwarnings("ignore:To use GraphGym:UserWarning")
def test_every_public_name_is_in_the_reference() -> None:
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs/make_api.py")
    assert spec is not None and spec.loader is not None
    make_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_api)
    text = make_api.text()
    import pyg_hyperbolic.nn

    for name in pyg_hyperbolic.nn.__all__:
        assert f":: pyg_hyperbolic.nn.{name}\n" in text
    # As it is on disk: no one has to run the script before building.
    assert (ROOT / "docs/api.rst").read_text() == text


def test_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    out = subprocess.run(
        [*command, str(ROOT / "docs"), str(tmp_path)], capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "api.html").stat().st_size > 100_000
