"""Every Python block of the documents runs, in order, in one namespace a document."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from sphinx.cmd.build import main as sphinx
from torch_geometric.data import Data
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE
from torch_geometric.utils import barabasi_albert_graph

from tests.scripts import load_script

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
def test_blocks_run(path: Path) -> None:
    matplotlib.use("Agg")
    values = namespace()
    for number, block in enumerate(blocks(path)):
        if "NeighborLoader" in block and not (WITH_PYG_LIB or WITH_TORCH_SPARSE):
            # No sampler: all that does not draw from one.
            block = re.sub(r"^for batch in .*\n(?:    .*\n)+", "", block, flags=re.M)
        exec(compile(block, f"{path.name}, block {number + 1}", "exec"), values)


# Pages with links: those above, READMEs of folders, tables, and notebooks.
LINKED = [
    *DOCUMENTS,
    *(ROOT / f"{name}/README.md" for name in ("benchmarks", "examples", "notebooks")),
    *sorted((ROOT / "benchmarks/results").rglob("*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```|`[^`]*`", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """A page's text without its code; of a notebook that of its cells of text."""
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        sources = ["".join(x["source"]) for x in cells if x["cell_type"] == "markdown"]
        text = "\n\n".join(sources)
    return CODE.sub(lambda code: "" if "\n" in code[0] else code[0].strip("`"), text)


def anchors(path: Path) -> set[str]:
    """What the headings of a page are called in links, as on GitHub."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", x.lower()).replace(" ", "-") for x in headings}


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link, anchor in LINK.findall(prose(path)):
        if "://" not in link:
            there = path.parent / link if link else path
            assert there.exists(), link
            assert not anchor or anchor in anchors(there), f"{link}#{anchor}"


def test_files_in_the_picture_of_a_layer_exist() -> None:
    package, text = ROOT / "pyg_hyperbolic", (ROOT / "docs/hgcn_conv.svg").read_text()
    files = set(re.findall(r"[a-z_/]+\.py", text))
    assert len(files) == 11
    for file in files:  # those inside the frame are of the kernels
        assert (package / file).exists() or (package / "kernels" / file).exists(), file


def test_costs_of_layers_are_those_of_the_benchmark() -> None:
    speed = (ROOT / "benchmarks/results/speed.md").read_text()
    size = "### 20,000 nodes, 200,000 edges, 64 channels, 2 threads"
    measured = {}
    for row in re.findall(r"^\|.*", speed.split(size)[1].split("###")[0], re.M):
        mode, layer, beside, _, *cells = [x.strip("* ") for x in row.split("|")[1:]]
        if mode in ("CSR", "edge_index"):
            costs = [float(x) for x in cells[:7] if x != "-"]
            measured[layer, beside, mode] = f"{min(costs):.2f} to {max(costs):.2f}"
    text = (ROOT / "docs/choosing.md").read_text()
    table = text.split("| layer | beside |")[1].split("\n\n")[0]
    shown = {}
    for row in table.splitlines()[2:]:
        layer, beside, *costs = (x.strip() for x in row.split("|")[1:5])
        for mode, cost in zip(("CSR", "edge_index"), costs, strict=True):
            if cost:
                shown[layer, beside, mode] = cost
    assert shown.items() <= measured.items() and len(shown) == 11


@pytest.mark.filterwarnings("ignore:To use GraphGym:UserWarning")
def test_every_public_name_is_in_the_reference() -> None:
    text = load_script(ROOT / "docs/make_api.py").text()
    import pyg_hyperbolic.nn

    for name in pyg_hyperbolic.nn.__all__:
        assert f":: pyg_hyperbolic.nn.{name}\n" in text
    # As it is on disk: no one has to run the script before building.
    assert (ROOT / "docs/api.rst").read_text() == text


@pytest.mark.filterwarnings("ignore")
def test_documentation_builds_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which conf.py adds
    options = ["-q", "-W", "--keep-going", "-b", "html"]
    status = sphinx([*options, str(ROOT / "docs"), str(tmp_path)])
    assert status == 0, capsys.readouterr().err
    assert (tmp_path / "api.html").stat().st_size > 100_000
    pages = {page: page.read_text() for page in tmp_path.rglob("*.html")}
    for page, text in pages.items():
        for link, anchor in re.findall(r'(?:href|src)="([^"#:?]*)(?:#([^"]*))?"', text):
            there = page.parent / link if link else page
            assert there.exists(), f"{page.name}: {link}"
            assert not anchor or f'id="{anchor}"' in pages[there.resolve()], anchor
    for table in (ROOT / "benchmarks/results").glob("*.jsonl"):
        if table.with_suffix(".md").exists():
            assert (tmp_path / f"pages/results/{table.stem}.html").exists()
