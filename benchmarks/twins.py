"""A hyperbolic model put where its Euclidean twin stood, with the twin's settings.

No search: hyper-parameters are those that are usual for the Euclidean model, dropout
and weight decay included, whatever the features are multiplied by.  Of a hyperbolic
model, the default is compared with the recipe of the guide: for classes
``scale=True``, where the twin is a sum, and ``curvature="auto"``; for links
``curvature="auto"``, and ten times the learning rate for curvatures.  Classes have
two layers of 16 channels (attention: 8 heads of 8) and 200 epochs, and are selected
by validation loss; links have 300 epochs, points of 16 coordinates, no
regularization, the Fermi-Dirac decoder, and are selected by validation ROC AUC.

``blocks`` is a stochastic block model of five groups, whose features of norm 8 say
little of a single node: the more neighbors are averaged, the better.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data
from torch_geometric.utils import stochastic_blockmodel_graph
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import guarded
from benchmarks.encoders import curvatures
from benchmarks.graphs import load_graph
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import Preset
from benchmarks.report import markdown, unique
from benchmarks.sweep import OUT
from benchmarks.training import fit
from pyg_hyperbolic.datasets.split import stratified_masks

CLASSES = Preset(
    dropout=0.5, input_dropout=0.5, weight_decay=5e-4, epochs=200, patience=200
)
ATTENTION = replace(
    CLASSES, hidden_channels=64, heads=8, dropout=0.6, input_dropout=0.6, lr=0.005,
    act="elu",
)  # fmt: skip
LINKS = Preset(epochs=300, patience=300)


class Row(NamedTuple):
    """A model, and how it is trained."""

    name: str
    model: str
    preset: Preset
    curvature_lr: float | None = None


# For each task: a twin, and what is put in its place.
ROWS = {
    "node_classification": [
        Row("GCN", "gcn", CLASSES),
        Row("HGCN, default", "hgcn", CLASSES),
        Row("HGCN, recipe", "hgcn-scaled", replace(CLASSES, curvature="auto")),
        Row("HyboNet, recipe", "hybonet-scaled", replace(CLASSES, curvature="auto")),
        Row("GAT", "gat", ATTENTION),
        Row("HGAT, recipe", "hgat", replace(ATTENTION, curvature="auto")),
        Row("GraphSAGE", "sage", CLASSES),
        Row("HGraphSAGE, recipe", "hsage", replace(CLASSES, curvature="auto")),
    ],
    "link_prediction": [
        Row("GCN", "gcn", LINKS),
        Row("HGCN, default", "hgcn", LINKS),
        Row("HGCN, recipe", "hgcn", replace(LINKS, curvature="auto"), 10 * LINKS.lr),
    ],
}
KINDS = {"node_classification": NodeClassification, "link_prediction": LinkPrediction}
METRICS = {"node_classification": "accuracy", "link_prediction": "roc_auc"}
# Graphs, and what their features are multiplied by.
GRAPHS = {
    "node_classification": [
        ("cora", 1.0),
        ("citeseer", 1.0),
        ("airport", 1.0),
        ("disease-tree", 1.0),
        *(("blocks", scale) for scale in (0.01, 0.1, 1.0, 10.0, 100.0)),
    ],
    "link_prediction": [
        ("disease", 1.0),
        ("airport", 1.0),
        *(("cora", scale) for scale in (0.01, 1.0, 100.0)),
    ],
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add("--task", nargs="+", default=list(ROWS), choices=ROWS, help="default: both")
    add("--dataset", nargs="+", help="graphs by name (default: all of the tasks)")
    add("--seeds", type=int, default=3, metavar="N", help="runs of each (default: 3)")
    add("--epochs", type=int, help="epochs, to look only (default: 200 and 300)")
    add("--root", type=Path, help="data root (default: that of the other benchmarks)")
    add("--out", type=Path, default=OUT, help="default: benchmarks/runs")
    return out


def blocks(seed: int, number: int = 1500, groups: int = 5, channels: int = 32) -> Data:
    """The stochastic block model; 100 nodes are for training, 500 for validation."""
    seed_everything(seed)
    y = torch.arange(groups).repeat_interleave(number // groups)
    shares = torch.full((groups, groups), 0.004).fill_diagonal_(0.012)
    edge_index = stochastic_blockmodel_graph(groups * [number // groups], shares)
    x = 0.35 * torch.randn(groups, channels)[y] + torch.randn(number, channels)
    data = Data(x=8 * x / x.norm(dim=1).mean(), edge_index=edge_index, y=y)
    masks = stratified_masks(y, 1 / 15, 1 / 3, generator=torch.default_generator)
    data.train_mask, data.val_mask, data.test_mask = masks
    return data


def train(run: runs.Run, row: Row, data: Data, task: str) -> None:
    """Trains once, and adds what came out of it to the run."""
    seed_everything(run["seed"])
    instance: Any = KINDS[task](data, row.model, row.preset, torch.device("cpu"))
    found = fit(instance, row.preset, curvature_lr=row.curvature_lr)
    run["test"] = found.best.test[METRICS[task]]
    run["val"] = found.best.score
    run["curvatures"] = curvatures(instance.module)


def measure(args: argparse.Namespace) -> list[runs.Run]:
    """All runs that were asked for; those on disk are not done again."""
    path = args.out / "twins.jsonl"
    known = {runs.key(run): run for run in runs.read(path)}
    todo = [
        (task, dataset, scale, row, seed)
        for task in args.task
        for dataset, scale in GRAPHS[task]
        if args.dataset is None or dataset in args.dataset
        for row in ROWS[task]
        for seed in range(args.seeds)
    ]
    done = []
    for task, dataset, scale, row, seed in tqdm(todo, unit="run", leave=False):
        if args.epochs is not None:
            row = row._replace(preset=replace(row.preset, epochs=args.epochs))
        run = runs.new_run(
            task=task,
            dataset=f"{dataset} x {scale:g}",
            model=row.name,
            seed=seed,
            preset={**asdict(row.preset), "curvature_lr": row.curvature_lr},
            device="cpu",
        )
        if runs.key(run) not in known:
            if dataset == "blocks":
                data = blocks(seed)
            else:
                data = load_graph(dataset, task, seed, args.root).clone()
            data.x = scale * data.x.float()
            train(run, row, data, task)
            runs.append(path, run)
            known[runs.key(run)] = run
        done.append(known[runs.key(run)])
    return done


def table(done: Sequence[runs.Run], task: str) -> str:
    """A row for each graph, a column for each model: mean ± standard deviation."""
    some = [run for run in done if run["task"] == task]
    names = [row.name for row in ROWS[task]]
    rows = [[METRICS[task].replace("_", " "), *names]]
    for dataset in unique(run["dataset"] for run in some):
        cells = []
        for name in names:
            scores = [
                100 * run["test"]
                for run in some
                if (run["dataset"], run["model"]) == (dataset, name)
            ]
            spread = f" ± {stdev(scores):.1f}" if len(scores) > 1 else ""
            cells.append(f"{fmean(scores):.1f}{spread}")
        rows.append([dataset, *cells])
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        done = measure(args)
        if not done:
            raise ValueError(
                f"'--dataset' names no graph of the task (got {args.dataset})"
            )
        tables = [
            table(done, task)
            for task in args.task
            if any(r["task"] == task for r in done)
        ]
        text = "\n\n".join(tables)
        (args.out / "twins.md").write_text(text + "\n")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
