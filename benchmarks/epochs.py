"""What does an epoch of training cost, in multiples of the Euclidean model's?

Real training: the tasks, losses and optimizer of the tables, in which GCN, HGCN and
HGCN with tangent aggregation take turns epoch by epoch with the same network.  Beside
the time stands how far out the hidden layers' points are in the end.  Runs are appended
to ``epochs.jsonl`` and not repeated.
"""

import itertools
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch_geometric import seed_everything
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.encoders import AGGREGATIONS
from benchmarks.common.graphs import MissingDataset, load_graph
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import markdown
from benchmarks.common.runs import Run
from benchmarks.common.sweep import TASKS, new_run, usable_device
from benchmarks.common.training import Task
from pyg_hyperbolic import parameter_groups

REFERENCE, OTHERS = "gcn", ("hgcn", "hgcn-tangent")
WARM_UP = 10  # epochs
TREE = Preset(lr=0.02, curvature=5.0)
PLANES = Preset(
    layers=3, hidden_channels=64, adjacency="symmetric", curvature=0.5, lr=0.02
)
WORDS = Preset(
    curvature=0.5, lr=0.02, weight_decay=1e-3, input_dropout=0.9, dropout=0.8, act="elu"
)
PAIRS = Preset(adjacency="symmetric", learn_decoder=False)
SETTINGS: list[tuple[str, str, Preset]] = [
    (CLASSES, "disease-tree", TREE),
    (CLASSES, "airport", PLANES),
    (CLASSES, "airport", replace(PLANES, curvature=5.0, adjacency="row")),
    (LINKS, "airport", PAIRS),
    (LINKS, "disease", PAIRS),
    (CLASSES, "cora", WORDS),
    (LINKS, "cora", replace(PAIRS, lr=0.02, input_dropout=0.8, dropout=0.3)),
]


def step(task: Task, optimizer: torch.optim.Optimizer) -> float:
    """Trains for one epoch; returns its seconds."""
    start = time.perf_counter()
    task.module.train()
    optimizer.zero_grad()
    task.loss().backward()
    optimizer.step()
    if next(task.module.parameters()).is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def radii(task: Task) -> list[float] | None:
    """Median and 90 % quantile of √c·r of what hidden layers put out, if any."""
    found: list[Tensor] = []

    def note(conv: Module, _: object, out: Tensor) -> None:
        c = conv.get_submodule("curvature")()
        found.append(c.sqrt() * out.norm(dim=-1))

    hidden = [conv for conv in task.encoder.convs[:-1] if hasattr(conv, "curvature")]
    hooks = [conv.register_forward_hook(note) for conv in hidden]
    task.module.eval()
    with torch.no_grad():
        task.evaluate()
    for hook in hooks:
        hook.remove()
    if not found:
        return None
    return np.quantile(torch.cat(found).cpu().numpy(), [0.5, 0.9]).tolist()


def measure(group: Sequence[Run], args: Namespace) -> None:
    """Trains models by turns, and completes their runs."""
    head, device = group[0], usable_device(args.device)
    data = load_graph(head["dataset"], head["task"], head["seed"], args.data_root)
    tasks, optimizers = [], []
    for run in group:
        preset = Preset(**{k: v for k, v in run["preset"].items() if k != "threads"})
        seed_everything(run["seed"])
        kind = TASKS[run["task"]]
        tasks.append(kind(data, run["model"], preset, run["seed"], device))
        groups = parameter_groups(tasks[-1].module, preset.weight_decay)
        optimizers.append(torch.optim.Adam(groups, lr=preset.lr))
    name = f"{head['task']} {head['dataset']}"
    every = tqdm(range(WARM_UP + args.epochs), desc=name, leave=False)
    seconds = np.array([[*map(step, tasks, optimizers)] for _ in every])[WARM_UP:]
    for run, task, own in zip(group, tasks, seconds.T, strict=True):
        ratios = own / seconds[:, 0]
        low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
        run |= {"seconds_per_epoch": float(np.median(own)), "ratio": ratio}
        run |= {"quartiles": [low, high], "radii": radii(task)}


def complete(args: Namespace) -> list[Run]:
    """All runs that are asked for; those that are not on disk are done first."""
    path, done = args.out / "epochs.jsonl", []
    for seed, setting in itertools.product(args.seeds, SETTINGS):
        task, dataset, preset = setting
        if dataset not in args.dataset:
            continue
        preset = replace(preset, epochs=args.epochs)
        group = [
            new_run(task, dataset, model, seed, preset, args.device)
            for model in (REFERENCE, *OTHERS)
        ]
        for run in group:
            run["preset"]["threads"] = torch.get_num_threads()
        if runs.missing(path, group):
            try:
                measure(group, args)
            except MissingDataset as error:
                print(f"left out {task.replace('_', ' ')} on {error}")
                continue
            runs.append(path, *group)
        done += runs.stored(path, group)
    return done


def table(done: Sequence[Run]) -> str:
    """A row for each model, task and number of threads, in Markdown."""
    head = ["task", "dataset", "seed", "threads", "model", "layers", "adjacency", "c"]
    ends = ["ms / epoch", f"times {REFERENCE} (quartiles)", "√c·r, median", "90 %"]
    rows = [[*head, *ends]]
    for run in done:
        its, (low, high) = run["preset"], run["quartiles"]
        curved = run["model"] in AGGREGATIONS
        row = [run["task"].replace("_", " "), run["dataset"], str(run["seed"])]
        row += [str(its["threads"]), run["model"]]
        row += [f"{its['layers']} of {its['hidden_channels']}", its["adjacency"]]
        row += [f"{its['curvature']:g}" if curved else "-"]
        row += [f"{1e3 * run['seconds_per_epoch']:.2f}"]
        row += [f"{run['ratio']:.2f} ({low:.2f}-{high:.2f})" if curved else "1"]
        row += [f"{r:.2g}" for r in run["radii"]] if curved else ["-", "-"]
        rows.append(row)
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and returns the exit status."""
    options = cli.parser(__doc__)
    datasets = dict.fromkeys(dataset for _, dataset, _ in SETTINGS)
    cli.several(options, "--seeds", [0], type=int)
    cli.several(options, "--dataset", datasets, choices=datasets)
    options.add_argument("--epochs", type=int, default=100, help="(default: 100)")
    cli.device(options)
    cli.data_root(options)
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        done = runs.read(args.out / "epochs.jsonl") if args.report else complete(args)
        if not done:
            raise ValueError(f"'--dataset' names no graph that is here: {args.dataset}")
        cli.publish(table(done), args.out, "epochs")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
