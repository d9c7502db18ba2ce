"""Writes ``docs/pages/``: what the site shows of files elsewhere in the repository.

Tables and pictures of the benchmarks are those that their commands have made from the
JSON lines in ``benchmarks/results``.  They are read anew whenever the site is built, so
that no figure is copied by hand.
"""

import re
from os.path import relpath
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS, RESULTS = ROOT / "docs", ROOT / "benchmarks/results"

# Files that are pages as they are.
WHOLE = {
    ROOT / "benchmarks/README.md": "benchmarks",
    RESULTS / "README.md": "links_and_classes",
    ROOT / "notebooks/README.md": "notebooks",
    ROOT / "examples/README.md": "examples",
    ROOT / "CONTRIBUTING.md": "contributing",
}
# Tables by the names of their files: a title, and where benchmarks/README.md says what
# was asked, and how.
TABLES = {
    "curvature": ("Curvatures", "curvatures-that-learn-and-one-that-stalls"),
    "dimensions": ("Links by the number of dimensions", "how-many-dimensions"),
    "epochs": ("Epochs of training", "what-a-layer-costs"),
    "knowledge_graph": ("Knowledge graphs", "knowledge-graphs"),
    "numerics": ("Right digits", "right-digits-and-wrong-ones"),
    "reconstruction": ("WordNet", "a-hierarchy-of-words"),
    "scale": ("Growth", "growth"),
    "scale_system": ("Growth, by the system's allocator", "growth"),
    "speed": ("Time and memory of layers", "what-a-layer-costs"),
    "twins": ("In the place of a twin", "where-a-twin-stood"),
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def pages() -> dict[Path, Path]:
    """The page of each file, on disk."""
    tables = {x: f"results/{x.stem}" for x in RESULTS.glob("*.md") if x not in WHOLE}
    names = {**WHOLE, **tables}
    found = {file: DOCS / f"pages/{name}.md" for file, name in names.items()}
    return {**found, ROOT / "README.md": DOCS / "index.md"}


def on_site(text: str, file: Path, page: Path) -> str:
    """A file's text with its links as they have to be on its page.

    Links to files that are pages lead to these, other files can be downloaded, and of a
    link to a folder its text is left.
    """
    known = pages()

    def moved(link: re.Match[str]) -> str:
        target = (file.parent / link[2]).resolve()
        if "://" in link[2] or not target.exists():
            return link[0]
        if target.is_dir():
            return link[1]
        place = relpath(known.get(target, target), page.parent)
        return f"[{link[1]}]({place}{link[3] or ''})"

    return LINK.sub(moved, text)


def _table(file: Path) -> str:
    """A table's page: its title, where it comes from, and its picture if it has one."""
    title, section = TABLES.get(file.stem, (file.stem.capitalize(), "benchmarks"))
    source = f"[Benchmarks](../README.md#{section}) says what was asked, how, and by "
    source += "which command."
    runs = file.with_suffix(".jsonl")
    if runs.exists():
        source += f" Every run is a line of [{runs.name}]({runs.name})."
    lines = [f"# {title}", source]
    if file.with_suffix(".png").exists():
        lines.append(f"![{title}]({file.stem}.png)")
    return "\n\n".join([*lines, file.read_text().replace("### ", "## ")])


def text(file: Path) -> str:
    """The text of a file's page."""
    whole = file.read_text() if file in WHOLE else _table(file)
    return on_site(whole, file, pages()[file])


def write() -> None:
    """Writes all pages, those that have changed alone."""
    for file, page in pages().items():
        if page.parent == DOCS:
            continue
        page.parent.mkdir(parents=True, exist_ok=True)
        new = text(file)
        if not page.exists() or page.read_text() != new:
            page.write_text(new)


if __name__ == "__main__":
    write()
