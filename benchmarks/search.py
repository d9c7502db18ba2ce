"""Which hyper-parameters?  One search for every model, on validation scores alone.

Every model of a table has as many trials of Optuna's TPE, with one seed, from the same
space; the first trials are the same for all: settings that are usual for the task.
Options that a model doesn't know, such as the curvature of a Euclidean one, have no
effect on it.  A trial is given up where its best score so far is below the median of
the others at that epoch.  Trials are kept as they end, and the same command goes on.
The best of each is written to ``results/presets.json``, from where all benchmarks read
it; no test score is looked at.
"""

import fcntl
import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from benchmarks.common import cli, presets
from benchmarks.common.graphs import MissingDataset, load_graph
from benchmarks.common.presets import CLASSES, LINKS, Preset, longest
from benchmarks.common.sweep import TASKS, in_processes, new_run, usable_device
from benchmarks.common.training import train
from benchmarks.tasks import chosen

Choices = dict[str, Sequence[Any]]
COMMON: Choices = {
    "adjacency": ("row", "symmetric"),
    "norm": (False, True),
    "residual": (False, True),
    "curvature": (1.0, "auto"),
    "scale": (False, True),
}
OF_LINKS: Choices = COMMON | {
    "layers": (1, 2, 3),
    "hidden_channels": (16, 64),
    "input_dropout": (0.0, 0.5, 0.8),
    "dropout": (0.0, 0.3, 0.5),
    "lr": (0.005, 0.01, 0.02),
    "weight_decay": (0.0, 1e-4, 1e-3),
    "learn_decoder": (True, False),
}
OF_CLASSES: Choices = COMMON | {
    "layers": (2, 3),
    "hidden_channels": (64, 128),
    "input_dropout": (0.0, 0.5, 0.8),
    "dropout": (0.0, 0.5, 0.7),
    "lr": (0.001, 0.005, 0.01, 0.02),
    "weight_decay": (0.0, 5e-4, 1e-3, 1e-2),
}
HEADS = {LINKS: 1, CLASSES: 4}

# The first trials of every model; what is not named has the first value of its choices.
_FLAT = {"curvature": "auto", "scale": True}
_WIDE = {**_FLAT, "hidden_channels": 128, "adjacency": "symmetric", "lr": 0.001}
STARTS: dict[str, list[dict[str, Any]]] = {
    LINKS: [
        {"layers": 2, "lr": 0.01},
        {"layers": 2, "lr": 0.01, "learn_decoder": False},
        {"layers": 2, "lr": 0.02, "adjacency": "symmetric", "learn_decoder": False},
        {"layers": 2, "lr": 0.02, "input_dropout": 0.8, "dropout": 0.3,
         "weight_decay": 1e-4},
    ],
    CLASSES: [
        {**_FLAT, "lr": 0.01, "input_dropout": 0.8, "dropout": 0.7,
         "weight_decay": 1e-3},
        {"layers": 3, "lr": 0.01, "residual": True},
        {**_WIDE, "layers": 3, "dropout": 0.7, "weight_decay": 5e-4},
        {**_WIDE, "layers": 2, "dropout": 0.5, "weight_decay": 1e-2},
    ],
}  # fmt: skip


SPACE = {LINKS: OF_LINKS, CLASSES: OF_CLASSES}


def starts(task: str) -> list[dict[str, Any]]:
    """The first trials."""
    first = {name: values[0] for name, values in SPACE[task].items()}
    return [first | start for start in STARTS[task]]


def search(work: tuple[str, str, str, Namespace]) -> None:
    """Does the missing trials of a model, freezes the best, and says what it took."""
    task, dataset, model, args = work
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name, device = f"{task} {dataset}", usable_device(args.device)
    try:
        data = load_graph(dataset, task, 0, args.data_root)
    except MissingDataset as error:
        print(f"left out {name}: {error}", flush=True)
        return
    choices, length = SPACE[task], longest(task, dataset)
    epochs = args.epochs or length["epochs"]
    short: dict[str, Any] = {"epochs": epochs, "patience": min(100, epochs)}
    fixed = Preset(heads=HEADS[task], **length)

    def objective(trial: optuna.Trial) -> float:
        picked: dict[str, Any] = {
            k: trial.suggest_categorical(k, v) for k, v in choices.items()
        }
        settings = replace(fixed, **picked)
        run = new_run(task, dataset, model, 0, replace(settings, **short), args.device)

        def report(epoch: int, best: float) -> None:
            trial.report(best, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        start = time.process_time()
        try:
            train(TASKS[task], data, run, device, report, further=False)
        finally:
            trial.set_user_attr("seconds", time.process_time() - start)
        if "error" in run:
            raise optuna.TrialPruned(run["error"])
        return run["score"]

    args.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=f"{name} {model}",
        storage=JournalStorage(JournalFileBackend(str(args.out / "search.journal"))),
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=150),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:
        for start in starts(task):
            study.enqueue_trial(start)
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    study.optimize(objective, n_trials=max(0, args.trials - len(ended)))
    seconds = sum(trial.user_attrs.get("seconds", 0) for trial in study.trials)
    freeze(name, model, replace(fixed, **study.best_params), study.best_value, seconds)
    score = f"{100 * study.best_value:.2f} on validation"
    print(f"{name} {model}: {score}, {seconds:.0f} CPU seconds", flush=True)


def freeze(name: str, model: str, best: Preset, score: float, seconds: float) -> None:
    """Writes a preset to ``presets.json``; the others there stay."""
    path = presets.FOUND
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # of several processes, one at a time
        kept, default = presets.found(), asdict(Preset())
        changed = {k: v for k, v in asdict(best).items() if v != default[k]}
        entry = {"preset": changed, "validation": score, "seconds": round(seconds)}
        kept.setdefault(name, {})[model] = entry
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        temporary.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Searches and returns the exit status."""
    options = cli.of_tasks(__doc__)
    options.add_argument(
        "--trials",
        type=int,
        default=12,
        metavar="N",
        help="trials of each model, with those of before (default: 12)",
    )
    args = options.parse_args(argv)

    def job() -> None:
        torch.set_num_threads(1)
        tables = chosen(args.task, args.dataset, args.model)
        todo = [(*key, model, args) for key, own in tables.items() for model in own]
        in_processes(search, todo, args.jobs)

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
