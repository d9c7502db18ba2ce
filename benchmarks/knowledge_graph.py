"""Which facts are missing in a knowledge graph, and in how many dimensions?

``nn.kge``'s models and their Euclidean twins, trained with reciprocal relations and
negatives at a rate that falls to zero, and tested as the field does: all entities
ranked as heads and as tails, known triples left out.  The epoch with the best filtered
MRR of the validation triples counts.  Runs are appended to ``knowledge_graph.jsonl`` as
they end, and are not repeated; where there are several dimensions, they are drawn.
"""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch_geometric import seed_everything
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.graphs import MissingDataset
from benchmarks.common.report import (
    COLORS,
    by_dimension,
    extent,
    figure,
    markdown,
    unique,
)
from benchmarks.common.statistics import spread
from benchmarks.common.sweep import Place, in_processes, usable_device
from benchmarks.common.triples import GRAPHS, KnowledgeGraph, load_triples
from pyg_hyperbolic import parameter_groups
from pyg_hyperbolic.nn.kge import AttH, HyperbolicKGEModel, MuRP, RefH, RotH

MODELS = {"murp": MuRP, "refh": RefH, "roth": RotH, "atth": AttH}
NAMES = {
    "hyperbolic": {"murp": "MuRP", "refh": "RefH", "roth": "RotH", "atth": "AttH"},
    "euclidean": {"murp": "MuRE", "refh": "RefE", "roth": "RotE", "atth": "AttE"},
}
METRICS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of a run."""

    dim: int = 32
    geometry: str = "hyperbolic"
    criterion: str = "bce"
    num_negatives: int = 50
    batch_size: int = 500
    lr: float = 0.01
    curvature_lr: float = 0.0002  # more, and c falls to zero before points have places
    weight_decay: float = 0.05  # apart from the gradient, as AdamW has it
    curvature: float = 1.0
    epochs: int = 120
    every: int = 60  # epochs between validations


def train(model: HyperbolicKGEModel, graph: KnowledgeGraph, run: runs.Run) -> None:
    """Trains; the model ends as it was when validation was best."""
    settings = Settings(**run["preset"])
    groups = parameter_groups(
        model, settings.weight_decay, curvature_lr=settings.curvature_lr, lr=settings.lr
    )
    optimizer = torch.optim.AdamW(groups, fused=True)
    loader = model.loader(*graph.train, batch_size=settings.batch_size, shuffle=True)
    steps = settings.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    best, best_epoch, state = -math.inf, 0, model.state_dict()
    curve = []
    name = f"{NAMES[settings.geometry][run['model']]}, {settings.dim}, {run['seed']}"
    bar = tqdm(range(1, settings.epochs + 1), name, leave=False, disable=None)
    for epoch in bar:
        total = 0.0
        for batch in loader:
            optimizer.zero_grad()
            loss = model.loss(*batch)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / len(loader)
        if epoch % settings.every and epoch != settings.epochs:
            continue
        if not math.isfinite(total):
            run["error"] = f"the loss of epoch {epoch} is {total}"
            return
        mrr = ranked(model, graph.val, graph)["mrr"]
        curve.append((epoch, total, mrr))
        if mrr > best:
            best, best_epoch = mrr, epoch
            state = {key: value.clone() for key, value in model.state_dict().items()}
        bar.set_postfix(loss=f"{total:.4f}", mrr=f"{mrr:.4f}", best=f"{best:.4f}")
    model.load_state_dict(state)
    run |= {"score": best, "best_epoch": best_epoch, "curve": curve}


def ranked(
    model: HyperbolicKGEModel, triples: Tensor, graph: KnowledgeGraph
) -> dict[str, float]:
    """Filtered metrics of some triples."""
    head, rel, tail = triples
    return model.test_filtered(head, rel, tail, graph.known, log=False)._asdict()


def do(run: runs.Run, place: Place) -> str | None:
    """Does a run and appends it; says what is missing, if it is."""
    settings = Settings(**run["preset"])
    try:
        graph = load_triples(run["dataset"], place.root).to(place.device)
    except MissingDataset as error:
        return f"left out {error}"
    seed_everything(run["seed"])
    model = MODELS[run["model"]](
        graph.num_nodes,
        graph.num_relations,
        settings.dim,
        curvature=settings.curvature,
        geometry=settings.geometry,
        num_negatives=settings.num_negatives,
        criterion=settings.criterion,
    ).to(place.device)
    start = time.process_time()
    train(model, graph, run)
    run["seconds"] = time.process_time() - start
    if "error" not in run:
        run["test"] = ranked(model, graph.test, graph)
    radius = model.node_emb.weight.detach().norm(dim=1).cpu()
    run["radius"] = radius.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    if model.curvature is not None:
        run["curvature"] = model.curvature().tolist()
    runs.append(place.path, run)
    return None


def row_of(run: runs.Run) -> tuple[Any, ...]:
    """Graph, model, dimension, and the settings that may differ."""
    preset = run["preset"]
    own_rate = preset["curvature_lr"] if preset["geometry"] == "hyperbolic" else "-"
    settings = preset["dim"], preset["epochs"], preset["lr"], own_rate
    others = ("weight_decay", "criterion", "num_negatives", "batch_size")
    name = NAMES[preset["geometry"]][run["model"]]
    return run["dataset"], name, *settings, *(preset[other] for other in others)


def table(done: Sequence[runs.Run]) -> str:
    """A row for each graph, model and settings: mean ± standard deviation."""
    head = ["", "model", "dim", "epochs", "rate", "rate of c", "decay", "loss"]
    head += ["negatives", "batch"]
    rows = [
        [*head, "validation MRR", "MRR", "Hits@1", "Hits@3", "Hits@10", "CPU minutes"]
    ]

    for row in sorted(unique(map(row_of, done)), key=lambda row: (row[0], row[2])):
        own = [run for run in done if row_of(run) == row and "test" in run]
        cells = [spread([100 * run["score"] for run in own])]
        cells += [spread([100 * run["test"][name] for run in own]) for name in METRICS]
        minutes = [run["seconds"] / 60 for run in own]
        cells.append(f"{fmean(minutes):.0f}" if own else "-")
        rows.append([*map(str, row), *cells])
    return markdown(rows)


def draw(done: Sequence[runs.Run], path: Path) -> None:
    """Test MRR by dimension, from the least to the most of all seeds.

    In brackets are the rates of points and of curvatures, the weight decay, the loss,
    its negatives and the batch.  A line has at least two dimensions; other runs are in
    the table alone.
    """
    graphs = unique(run["dataset"] for run in done)
    colors = dict(zip(MODELS, COLORS, strict=False))
    with figure(path, 1, len(graphs), figsize=(4.5 * len(graphs), 3.6)) as (_, panels):
        for panel, dataset in zip(panels[0], graphs, strict=True):
            lines: dict[str, dict[int, list[float]]] = {}
            looks: dict[str, dict[str, Any]] = {}
            for run in done:
                if run["dataset"] == dataset and "test" in run:
                    _, name, dim, epochs, *rates = row_of(run)
                    name += f", {epochs} epochs ({', '.join(map(str, rates))})"
                    found = lines.setdefault(name, {}).setdefault(dim, [])
                    found.append(100 * run["test"]["mrr"])
                    euclidean = run["preset"]["geometry"] == "euclidean"
                    look = {"linestyle": "--" if euclidean else "-", "marker": "o"}
                    looks[name] = look | {"color": colors[run["model"]]}
            lines = {name: line for name, line in lines.items() if len(line) > 1}
            by_dimension(panel, lines, [looks[name] for name in lines], extent)
            panel.set_title(dataset)
            if lines:
                panel.legend(frameon=False, fontsize="small")
        panels[0][0].set_ylabel("test MRR (%), filtered")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is missing, writes the table, and returns the exit status."""
    options = cli.of_training(__doc__, seeds=3)
    options.add_argument(
        "--dataset",
        nargs="+",
        default=["wn18rr"],
        metavar="DATASET",
        help=f"of {', '.join(GRAPHS)}, or folders with train.txt, valid.txt and "
        f"test.txt (default: wn18rr)",
    )
    cli.several(options, "--model", MODELS, choices=MODELS)
    cli.several(options, "--dim", (32,), type=int)
    cli.changes(options, Settings())
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        usable_device(args.device)
        place = Place(args.out / "knowledge_graph.jsonl", args.data_root, args.device)
        settings = Settings(**dict(args.set))
        if args.epochs is not None:
            settings = replace(settings, epochs=args.epochs)
        wanted = [
            runs.new_run(
                task="knowledge_graph",
                dataset=dataset,
                model=model,
                seed=seed,
                preset=asdict(replace(settings, dim=dim, geometry=geometry)),
                device=args.device,
            )
            for dataset, dim, model, geometry, seed in product(
                args.dataset, args.dim, args.model, NAMES, args.seeds
            )
        ]
        if args.report:
            done = runs.read(place.path)
        else:
            todo = runs.missing(place.path, wanted)
            in_processes(partial(do, place=place), todo, args.jobs)
            done = runs.stored(place.path, wanted)
        if not done:
            raise ValueError(f"'--dataset' names no graph that is here: {args.dataset}")
        cli.publish(table(done), args.out, "knowledge_graph")
        if len(unique(run["preset"]["dim"] for run in done)) > 1:
            draw(done, args.out / "knowledge_graph.png")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
