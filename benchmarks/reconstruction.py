"""How well can a hierarchy be read off a few coordinates?  WordNet, from its closure.

Each synset is a point, each of its ancestors a neighbor; points are trained by the
softmax over sampled nodes of Nickel & Kiela (2017), with Adam on normal coordinates,
and Euclidean points by the same with c = 0.  Hyperbolic points are trained from coarse
to fine: what is above others first, then all, with the leaves starting beside their
parents; Euclidean ones, for which that is worse, all at once.  Without any training,
``construction`` puts a tree of the edges into two dimensions.  Then all ancestors of
each node are ranked among all nodes, exactly.  There is no test set: the question is
what fits into so many dimensions.  Runs are appended to ``reconstruction.jsonl`` as
they end, and are not repeated; two hyperbolic dimensions are drawn.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.ancestors import reconstruction
from benchmarks.common.graphs import MissingDataset, read_graph
from benchmarks.common.hierarchy import Hierarchy
from benchmarks.common.report import (
    COLORS,
    by_dimension,
    extent,
    figure,
    markdown,
    unique,
)
from benchmarks.common.runs import Run
from pyg_hyperbolic.datasets import WordNet, data_root
from pyg_hyperbolic.nn import HyperbolicEmbedding, SampledSoftmaxLoss
from pyg_hyperbolic.utils import tree_embedding
from pyg_hyperbolic.visualization import plot_disk

PREFIX = "wordnet-"


class Geometry(NamedTuple):
    """The space of the points, and how they are trained, for each as it does best."""

    c: float
    inner: float  # share of the sampled nodes that are above others
    coarse: bool  # whether what is above others is trained first, then the leaves


GEOMETRIES = {
    "hyperbolic": Geometry(1.0, inner=0.6, coarse=True),
    "euclidean": Geometry(0.0, inner=0.0, coarse=False),
}
CONSTRUCTION = "construction"
NEGATIVES, BATCH, RATE = 50, 256, 0.5
# The rate starts at a tenth for the layout's sake, and falls to a hundredth.
BURN_IN, SLOW, END = 0.1, 0.1, 0.01
# From coarse to fine, as long as there are so many inner nodes, and at this rate.
COARSEST, FINER = 100, 0.4
OUT, SCATTER = 2.0, 0.1  # how far leaves are at first from their parents
LEAST_STEPS = 16  # an epoch, of small graphs
# Figures of others: mean rank and mean average precision.
README = "README of the Poincaré embeddings' code"
PUBLISHED = {
    ("wordnet-mammals", 5): ("1.26", "0.927", README),
    ("wordnet-nouns", 5): ("", "0.823", "Nickel & Kiela, 2017"),
    ("wordnet-nouns", 10): ("4", "0.87", README),
}
LABELS = 40  # at most so many words in the picture
SHOWN = 4.0  # how far out its farthest point is drawn


def load(name: str, root: str | None) -> Data:
    """The transitive closure of WordNet's hierarchy, or of one that was saved."""
    if not name.startswith(PREFIX):
        return read_graph(Path(name), "edge_index")
    folder = data_root(root) / "wordnet"
    try:
        return WordNet(folder, name.removeprefix(PREFIX))[0]  # type: ignore[arg-type]
    except OSError as error:
        raise MissingDataset(str(error)) from error


def rate(progress: float, lr: float, start: Tensor | None) -> float:
    """The learning rate after a share of the steps."""
    if start is not None:
        return lr * FINER * END**progress
    return lr * END**progress * (SLOW if progress < BURN_IN else 1)


def leaves_beside_parents(graph: Hierarchy, points: Tensor) -> Tensor:
    """Points of all nodes from those of the inner ones: leaves a bit further out."""
    inner, start = graph.inner, points.new_zeros(graph.num_nodes, points.size(1))
    start[inner] = points
    parents = start[graph.parents()[~inner]]
    away = OUT * normalize(parents) + SCATTER * torch.randn_like(parents)
    start[~inner] = parents + away
    return start


def embed(
    graph: Hierarchy, settings: dict[str, Any], geometry: Geometry
) -> tuple[Tensor, float]:
    """Points of a hierarchy, and the loss of the last epoch."""
    start, inner = None, graph.inner
    # What is no hierarchy may have a part without leaves, which is never coarser.
    if geometry.coarse and COARSEST <= inner.sum() < graph.num_nodes:
        points, _ = embed(graph.inner_part(), settings, geometry)
        start = leaves_beside_parents(graph, points)
    embedding = HyperbolicEmbedding(graph.num_nodes, settings["dim"])
    if start is not None:
        with torch.no_grad():
            embedding.weight.copy_(start)
    # Few of the uniformly drawn nodes are inner ones, which are harder to keep away.
    more = geometry.inner * inner / inner.sum()
    weight = (1 - geometry.inner) / graph.num_nodes + more
    loss_of = SampledSoftmaxLoss(graph.edge_index, graph.num_nodes, NEGATIVES, weight)
    optimizer = torch.optim.Adam(embedding.parameters(), fused=True)
    size = min(settings["batch"], max(graph.num_nodes // LEAST_STEPS, 1))
    total, label = 0.0, f"{graph.num_nodes} nodes"
    for epoch in tqdm(range(settings["epochs"]), label, leave=False, disable=None):
        progress = epoch / settings["epochs"]
        optimizer.param_groups[0]["lr"] = rate(progress, settings["lr"], start)
        total = 0.0
        for edges in graph.batches(size):
            optimizer.zero_grad()
            loss = loss_of(embedding, edges, geometry.c)
            loss.backward()
            optimizer.step()
            total += loss.item() * edges.size(1)
    return embedding.weight.detach(), total / graph.edge_index.size(1)


def train(data: Data, run: Run) -> Tensor:
    """Trains points as a run says, and notes the last loss and the seconds."""
    torch.manual_seed(run["seed"])
    graph, begin = Hierarchy(data.edge_index, data.num_nodes), time.process_time()
    if run["model"] == CONSTRUCTION:
        points = tree_embedding(graph.parents())
    else:
        points, run["loss"] = embed(graph, run["preset"], GEOMETRIES[run["model"]])
    run["seconds"] = time.process_time() - begin
    return points


def measure(data: Data, run: Run) -> Tensor:
    """Trains and ranks; returns the points."""
    points = train(data, run)
    c = 0.0 if run["model"] == "euclidean" else 1.0
    found = reconstruction(points, c, data.edge_index)
    radii = points.norm(dim=1)
    run |= found._asdict()
    run |= {"radius": radii.median().item(), "largest_radius": radii.max().item()}
    return points


def row_of(run: Run) -> tuple[str, str, int, int, int, float]:
    """Graph, geometry, dimension, and the recipe: epochs, batch and rate."""
    preset = run["preset"]
    recipe = preset["epochs"], preset["batch"], preset["lr"]
    return run["dataset"], run["model"], preset["dim"], *recipe


def table(done: Sequence[Run]) -> str:
    """A row for each graph, geometry, dimension and recipe."""
    head = ["graph", "geometry", "dimensions", "epochs", "batch", "rate"]
    head += ["mean rank", "MAP", "median radius", "CPU seconds", "seeds"]
    rows = [[*head, "published rank", "published MAP", "by"]]
    for key in sorted(unique(map(row_of, done))):
        dataset, geometry, dim, *recipe = key
        own = [run for run in done if row_of(run) == key]

        def mean(name: str, digits: int, own: list[Run] = own) -> str:
            values = [run[name] for run in own]
            text = f"{fmean(values):.{digits}f}"
            wide = f" ({min(values):.{digits}f} to {max(values):.{digits}f})"
            return text + wide * (len(values) > 1)

        others = PUBLISHED.get((dataset, dim), ("", "", ""))
        if geometry == "euclidean":
            others = ("", "", "")
        found = [mean("mean_rank", 2), mean("mean_average_precision", 3)]
        found += [mean("radius", 1), mean("seconds", 0), str(len(own))]
        trained = geometry != CONSTRUCTION
        cells = [str(x) if trained else "-" for x in recipe]
        rows.append([dataset, geometry, str(dim), *cells, *found, *others])
    return markdown(rows)


def draw(points: Tensor, data: Any, path: Path) -> None:
    """The disk, with the words of the synsets that have most below them.

    Points are far out, where a disk shows nothing but its rim: all their distances from
    the origin are drawn by one factor shorter.
    """
    below = torch.bincount(data.edge_index[1], minlength=data.num_nodes)
    shown = points * (SHOWN / points.norm(dim=1).max())
    names: list[str] | None = None
    if "name" in data:
        least = below.sort(descending=True).values[:LABELS][-1]
        sizes = zip(data.name, below.tolist(), strict=True)
        names = [name if size >= least else "" for name, size in sizes]
    with figure(path, 1, 1, figsize=(8, 8)) as (_, panels):
        plot_disk(shown, 1.0, names=names, ax=panels[0, 0])


def draw_dimensions(done: Sequence[Run], path: Path) -> None:
    """Mean average precision by dimension, from the least to the most of all seeds.

    In brackets are the batch and the rate.
    """
    graphs = unique(run["dataset"] for run in done)
    size = {"figsize": (4.5 * len(graphs), 3.6)}
    with figure(path, 1, len(graphs), **size) as (_, panels):
        for panel, dataset in zip(panels[0], graphs, strict=True):
            own = [run for run in done if run["dataset"] == dataset]
            lines: dict[str, dict[int, list[float]]] = {}
            for run in own:
                _, name, dim, epochs, *rest = row_of(run)
                if name != CONSTRUCTION:
                    name += f", {epochs} epochs ({', '.join(map(str, rest))})"
                found = lines.setdefault(name, {}).setdefault(dim, [])
                found.append(run["mean_average_precision"])
            order = [*GEOMETRIES, CONSTRUCTION]
            looks = [
                {"color": COLORS[order.index(name.partition(",")[0])], "marker": "o"}
                for name in lines
            ]
            by_dimension(panel, lines, looks, extent)
            panel.set(title=dataset, ylim=(0, 1.03))
            panel.legend(frameon=False)
        panels[0][0].set_ylabel("mean average precision")


def planned(args: Namespace, dataset: str) -> list[Run]:
    """The runs of a graph."""
    settings = {"epochs": args.epochs, "batch": args.batch, "lr": args.lr}
    wanted = []
    for dim, geometry, seed in product(args.dim, args.geometry, args.seeds):
        preset = {"dim": dim, **settings}
        if geometry == CONSTRUCTION:  # of the plane, and without chance
            if dim != 2 or seed != args.seeds[0]:
                continue
            preset["epochs"], seed = 0, 0
        wanted.append(
            runs.new_run(
                task="reconstruction", dataset=dataset, model=geometry, seed=seed,
                preset=preset, device="cpu",
            )
        )  # fmt: skip
    return wanted


def complete(args: Namespace, dataset: str, path: Path) -> list[Run]:
    """All runs of a graph; those that are not on disk are done first."""
    data, wanted = load(dataset, args.data_root), planned(args, dataset)
    for run in runs.missing(path, wanted):
        points = measure(data, run)
        runs.append(path, run)
        if (run["preset"]["dim"], run["model"]) == (2, "hyperbolic"):
            name = f"{Path(dataset).stem}_{run['seed']}.png"
            draw(points, data, args.out / name)
    return runs.stored(path, wanted)


def main(argv: Sequence[str] | None = None) -> int:
    """Does what is missing, writes the table, and returns the exit status."""
    options = cli.parser(__doc__)
    cli.several(options, "--dataset", [f"{PREFIX}mammals"])
    cli.several(options, "--dim", [2, 5, 10], type=int)
    geometries = [*GEOMETRIES, CONSTRUCTION]
    cli.several(options, "--geometry", geometries, choices=geometries)
    cli.several(options, "--seeds", range(3), type=int)
    options.add_argument("--epochs", type=int, default=150, help="(default: 150)")
    nodes = f"nodes whose edges are a batch (default: {BATCH})"
    options.add_argument("--batch", type=int, default=BATCH, help=nodes)
    options.add_argument("--lr", type=float, default=RATE, help=f"(default: {RATE})")
    cli.data_root(options)
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        path = args.out / "reconstruction.jsonl"
        done = runs.read(path)
        if not args.report:
            done = [r for name in args.dataset for r in complete(args, name, path)]
        if not done:
            reason = f"'--dim' must have 2 for '{CONSTRUCTION}' (got {args.dim})"
            none = f"{path} has no runs; leave out --report"
            raise ValueError(none if args.report else reason)
        draw_dimensions(done, args.out / "reconstruction_dimensions.png")
        cli.publish(table(done), args.out, "reconstruction")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
