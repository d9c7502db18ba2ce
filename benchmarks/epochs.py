"""What an epoch of training costs, in multiples of the Euclidean model's.

Real training as in the tables: the same tasks, data, losses and optimizer, for some
epochs, in which GCN, HGCN and HGCN with tangent aggregation take turns epoch by epoch.
All of them have the same network, that of HGCN's preset; with --own each has its own,
whose width may differ.  Classes of trees and of Airport are also trained at c = 5 with
a row-normalized adjacency.  An epoch is a forward pass, the loss, a backward pass and a
step of the optimizer; evaluations, every 5 epochs, are timed apart.  Beside it stands
how far out the hidden layers' points are in the end: the median and the 90 % quantile
of their radius, sqrt(c) r.  Prints a table, and appends JSON lines; run again, it only
does what is missing.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import common, guarded
from benchmarks.encoders import AGGREGATIONS, Encoder, curvatures
from benchmarks.graphs import MissingDataset, load_graph
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import Preset, preset
from benchmarks.report import markdown
from benchmarks.sweep import usable_device
from benchmarks.training import EVALUATE_EVERY, Task
from pyg_hyperbolic import parameter_groups

REFERENCE, SHARED = "gcn", "hgcn"
MODELS = tuple(AGGREGATIONS)
FAR = {"curvature": 5.0, "adjacency": "row"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A task on a dataset, and fields of the preset that are changed for it."""

    task: type[Task]
    dataset: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def preset(self, model: str, own: bool) -> Preset:
        """The hyper-parameters of a model."""
        found = preset(self.task.name, self.dataset, model if own else SHARED)
        return dataclasses.replace(found, **self.changes)


SETTINGS: tuple[Setting, ...] = (
    Setting(NodeClassification, "disease-tree"),
    Setting(NodeClassification, "disease-tree", FAR),
    Setting(NodeClassification, "airport"),
    Setting(NodeClassification, "airport", FAR),
    Setting(LinkPrediction, "airport"),
    Setting(LinkPrediction, "disease"),
    Setting(NodeClassification, "cora"),
    Setting(LinkPrediction, "cora"),
)


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = common(__doc__)
    out.set_defaults(seeds=[0])
    add = out.add_argument
    names = sorted({setting.dataset for setting in SETTINGS})
    add(
        "--dataset",
        nargs="+",
        default=names,
        choices=names,
        metavar="DATASET",
        help=f"of {', '.join(names)} (default: all)",
    )
    add(
        "--model",
        nargs="+",
        default=["hgcn", "hgcn-tangent"],
        choices=MODELS,
        metavar="MODEL",
        help=f"beside gcn, of {', '.join(MODELS)} (default: hgcn hgcn-tangent)",
    )
    add("--epochs", type=int, default=100, help="that are timed (default: 100)")
    add("--warm-up", type=int, default=10, help="epochs before (default: 10)")
    add(
        "--threads",
        nargs="+",
        default=[1, 2],
        type=int,
        metavar="THREADS",
        help="numbers of the CPU's threads (default: 1 2)",
    )
    add(
        "--own",
        action="store_true",
        help="each model with its own preset (default: all with that of hgcn)",
    )
    return out


class Training:
    """One model as it trains, an epoch at a time, and what that takes."""

    def __init__(self, task: Task, settings: Preset, device: torch.device) -> None:
        self.task, self.device = task, device
        groups = parameter_groups(task.module, settings.weight_decay)
        self.optimizer = torch.optim.Adam(groups, lr=settings.lr)
        self.seconds: list[float] = []  # of epochs
        self.evaluations: list[float] = []  # their seconds

    def epoch(self) -> None:
        """Trains for one epoch."""

        def train() -> None:
            self.task.module.train()
            self.optimizer.zero_grad()
            self.task.loss().backward()
            self.optimizer.step()

        self.seconds.append(self._timed(train))

    def evaluate(self) -> None:
        """Evaluates as between two epochs."""
        self.task.module.eval()
        with torch.no_grad():
            self.evaluations.append(self._timed(self.task.evaluate))

    def _timed(self, job: Callable[[], object]) -> float:
        start = self._now()
        job()
        return self._now() - start

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def radii(task: Task) -> list[float] | None:
    """Median and 90 % quantile of sqrt(c) r of what hidden layers put out, if any."""
    encoder = next(x for x in task.module.modules() if isinstance(x, Encoder))
    found: list[Tensor] = []

    def note(conv: Module, _: object, out: Tensor) -> None:
        c = conv.get_submodule("curvature")()
        found.append((c.sqrt() * out.norm(dim=-1)).double())

    hidden = [conv for conv in encoder.net.convs[:-1] if hasattr(conv, "curvature")]
    hooks = [conv.register_forward_hook(note) for conv in hidden]
    task.module.eval()
    with torch.no_grad():
        task.evaluate()
    for hook in hooks:
        hook.remove()
    if not found:
        return None
    levels = torch.tensor([0.5, 0.9], dtype=torch.double, device=found[0].device)
    quantiles: list[float] = torch.cat(found).quantile(levels).tolist()
    return quantiles


def measure(
    setting: Setting,
    settings: Mapping[str, Preset],
    data: Data,
    args: argparse.Namespace,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """What each model has cost, the models taking turns."""
    device, trainings = usable_device(args.device), {}
    for model, its in settings.items():
        seed_everything(seed)
        trainings[model] = Training(setting.task(data, model, its, device), its, device)
    name = f"{setting.task.name} {setting.dataset}"
    epochs = range(1, args.warm_up + args.epochs + 1)
    for epoch in tqdm(epochs, desc=name, unit="epoch", leave=False):
        for training in trainings.values():
            training.epoch()
            if epoch % EVALUATE_EVERY == 0:
                training.evaluate()
    reference = np.array(trainings[REFERENCE].seconds[args.warm_up :])
    out = {}
    for model, training in trainings.items():
        seconds = np.array(training.seconds[args.warm_up :])
        low, ratio, high = np.quantile(seconds / reference, [0.25, 0.5, 0.75]).tolist()
        out[model] = {
            "seconds_per_epoch": float(np.median(seconds)),
            "seconds_per_evaluation": float(np.median(training.evaluations or [0])),
            "ratio": ratio,
            "quartiles": [low, high],
            "radii": radii(training.task),
            "curvature": curvatures(training.task.module),
        }
    return out


def complete(args: argparse.Namespace, path: Path, seed: int) -> list[runs.Run]:
    """All runs that are asked for; those that are not on disk are done first."""
    known = {runs.key(run): run for run in runs.read(path)}
    wanted: dict[str, None] = {}
    for setting in SETTINGS:
        if setting.dataset not in args.dataset:
            continue
        try:
            data = load_graph(setting.dataset, setting.task.name, seed, args.data_root)
        except MissingDataset as error:
            print(f"left out {setting.task.name} on {error}")
            continue
        models = REFERENCE, *args.model
        settings = {model: setting.preset(model, args.own) for model in models}
        frames = {
            model: runs.new_run(
                task=setting.task.name,
                dataset=setting.dataset,
                model=model,
                seed=seed,
                preset={
                    **dataclasses.asdict(its),
                    "own": args.own,
                    "warm_up": args.warm_up,
                    "timed": args.epochs,
                    "threads": torch.get_num_threads(),
                },
                device=usable_device(args.device).type,
            )
            for model, its in settings.items()
        }
        if any(runs.key(frame) not in known for frame in frames.values()):
            results = measure(setting, settings, data, args, seed)
            done = [frame | results[model] for model, frame in frames.items()]
            runs.append(path, *done)
            known |= {runs.key(run): run for run in done}
        wanted |= dict.fromkeys(runs.key(frame) for frame in frames.values())
    return [known[key] for key in wanted]


def table(done: Sequence[runs.Run]) -> str:
    """A row for each model, task and number of threads, in Markdown."""
    head = ["task", "dataset", "seed", "threads", "model", "layers", "adjacency", "c"]
    ends = ["ms / epoch", f"times {REFERENCE} (quartiles)", "radius, median", "90 %"]
    rows = [[*head, *ends]]
    for run in done:
        its, (low, high) = run["preset"], run["quartiles"]
        curved = run["model"] != REFERENCE
        middle, most = run["radii"] or (None, None)
        rows.append(
            [
                run["task"].replace("_", " "),
                run["dataset"],
                str(run["seed"]),
                str(its["threads"]),
                run["model"],
                f"{its['layers']} of {its['hidden_channels']}",
                its["adjacency"],
                f"{its['curvature']:g}" if curved else "-",
                f"{1e3 * run['seconds_per_epoch']:.2f}",
                f"{run['ratio']:.2f} ({low:.2f}-{high:.2f})" if curved else "1",
                *("-" if r is None else f"{r:.2g}" for r in (middle, most)),
            ]
        )
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        before, done = torch.get_num_threads(), []
        try:
            for threads in args.threads:
                torch.set_num_threads(threads)
                for seed in args.seeds:
                    done += complete(args, args.out / "epochs.jsonl", seed)
        finally:
            torch.set_num_threads(before)
        text = table(done) if done else "nothing was measured"
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "epochs.md").write_text(text + "\n")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
