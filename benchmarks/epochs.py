"""What does an epoch of training cost, in multiples of the Euclidean model's?

Real training: the tasks, losses and optimizer of the tables, in which GCN, HGCN and
HGCN with tangent aggregation take turns epoch by epoch with the same network.  Classes
of trees and of Airport are also trained at c = 5, which has points further out.  An
epoch is a forward pass, the loss, a backward pass and a step of the optimizer.  Beside
it stands how far out the hidden layers' points are in the end: the median and the 99 %
quantile of √c·r.  Runs are appended to ``epochs.jsonl`` and not repeated.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch_geometric import seed_everything
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.encoders import AGGREGATIONS, curvatures
from benchmarks.common.graphs import MissingDataset, load_graph
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import markdown, write
from benchmarks.common.sweep import TASKS, new_run, usable_device
from benchmarks.common.training import Task
from pyg_hyperbolic import curvature_report, parameter_groups

REFERENCE = "gcn"
_TREE = Preset(lr=0.02, curvature=5.0)
_PLANES = Preset(
    layers=3, hidden_channels=64, adjacency="symmetric", curvature=0.5, lr=0.02
)
_WORDS = Preset(
    adjacency="row", curvature=0.5, lr=0.02, weight_decay=1e-3, input_dropout=0.9,
    dropout=0.8, act="elu",
)  # fmt: skip
_PAIRS = Preset(adjacency="symmetric", learn_decoder=False)
SETTINGS: list[tuple[str, str, Preset]] = [
    (CLASSES, "disease-tree", _TREE),
    (CLASSES, "airport", _PLANES),
    (CLASSES, "airport", replace(_PLANES, curvature=5.0, adjacency="row")),
    (LINKS, "airport", _PAIRS),
    (LINKS, "disease", _PAIRS),
    (CLASSES, "cora", _WORDS),
    (LINKS, "cora", replace(_PAIRS, lr=0.02, input_dropout=0.8, dropout=0.3)),
]


def step(task: Task, optimizer: torch.optim.Optimizer) -> float:
    """Trains for one epoch; returns its seconds."""
    cuda = next(task.module.parameters()).is_cuda
    start = time.perf_counter()
    task.module.train()
    optimizer.zero_grad()
    task.loss().backward()
    optimizer.step()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(group: Sequence[runs.Run], args: Any) -> None:
    """Trains models by turns, and completes their runs.

    Raises:
        MissingDataset: See :func:`load_graph`.
    """
    head, device = group[0], usable_device(args.device)
    data = load_graph(head["dataset"], head["task"], head["seed"], args.data_root)
    tasks: list[Task] = []
    optimizers, seconds = [], list[list[float]]()
    for run in group:
        preset = Preset(**{k: v for k, v in run["preset"].items() if k != "threads"})
        seed_everything(run["seed"])
        kind = TASKS[run["task"]]
        tasks.append(kind(data, run["model"], preset, run["seed"], device))
        groups = parameter_groups(tasks[-1].module, preset.weight_decay)
        optimizers.append(torch.optim.Adam(groups, lr=preset.lr))
        seconds.append([])
    name = f"{head['task']} {head['dataset']}"
    for _ in tqdm(range(args.warm_up + args.epochs), desc=name, leave=False):
        for task, optimizer, own in zip(tasks, optimizers, seconds, strict=True):
            own.append(step(task, optimizer))
    timed = np.array(seconds)[:, args.warm_up :]
    for run, task, own in zip(group, tasks, timed, strict=True):
        low, ratio, high = np.quantile(own / timed[0], [0.25, 0.5, 0.75]).tolist()
        run |= {"seconds_per_epoch": float(np.median(own)), "ratio": ratio}
        run |= {"quartiles": [low, high], "radii": None}
        if curvatures(task.encoder):
            task.module.eval()
            with torch.no_grad():
                task.evaluate()
            hidden = curvature_report(task.encoder)[0]
            run["radii"] = [hidden.radius, hidden.far]


def complete(args: Any, path: Any) -> list[runs.Run]:
    """All runs that are asked for; those that are not on disk are done first."""
    known, wanted = {runs.key(run): run for run in runs.read(path)}, []
    for task, dataset, preset in SETTINGS:
        if dataset not in (args.dataset or [dataset]) or task not in args.task:
            continue
        for seed in args.seeds:
            short = replace(preset, epochs=args.epochs)
            models = (REFERENCE, *(args.model or ["hgcn", "hgcn-tangent"]))
            group = [
                new_run(task, dataset, model, seed, short, args.device)
                for model in models
            ]
            for run in group:
                run["preset"]["threads"] = torch.get_num_threads()
            if any(runs.key(run) not in known for run in group):
                try:
                    measure(group, args)
                except MissingDataset as error:
                    print(f"left out {task.replace('_', ' ')} on {error}")
                    continue
                runs.append(path, *group)
                known |= {runs.key(run): run for run in group}
            wanted += [known[runs.key(run)] for run in group]
    return wanted


def table(done: Sequence[runs.Run]) -> str:
    """A row for each model, task and number of threads, in Markdown."""
    head = ["task", "dataset", "seed", "threads", "model", "layers", "adjacency", "c"]
    ends = ["ms / epoch", f"times {REFERENCE} (quartiles)", "√c·r, median", "99 %"]
    rows = [[*head, *ends]]
    for run in done:
        its, (low, high) = run["preset"], run["quartiles"]
        curved = run["model"] in AGGREGATIONS
        row = [run["task"].replace("_", " "), run["dataset"], str(run["seed"])]
        row += [str(its["threads"]), run["model"]]
        row += [f"{its['layers']} of {its['hidden_channels']}", its["adjacency"]]
        row += [f"{its['curvature']}" if curved else "-"]
        row += [f"{1e3 * run['seconds_per_epoch']:.2f}"]
        row += [f"{run['ratio']:.2f} ({low:.2f}-{high:.2f})" if curved else "1"]
        row += [f"{r:.2g}" for r in run["radii"]] if curved else ["-", "-"]
        rows.append(row)
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and returns the exit status."""
    options = cli.of_tasks(__doc__, seeds=1)
    options.set_defaults(epochs=100)
    options.add_argument("--warm-up", type=int, default=10, help="epochs before")
    cli.several(options, "--threads", (1, 2), type=int)
    args = options.parse_args(argv)

    def job() -> None:
        before, done = torch.get_num_threads(), []
        try:
            for threads in args.threads:
                torch.set_num_threads(threads)
                done += complete(args, args.out / "epochs.jsonl")
        finally:
            torch.set_num_threads(before)
        text = table(done) if done else "nothing was measured"
        write(text, args.out / "epochs.md")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
