"""Searches hyper-parameters on validation scores, and freezes the best as presets.

Every model gets as many trials (Optuna's TPE), from the same choices; the first is the
preset as it stands, and a field that ``--set`` names is the same in all.  A trial
trains with two seeds and is given up after the first if that is below the median.
Trials are kept as they end, with a line each in ``search.jsonl``, and the same command
goes on where it was stopped.  The best of each model is written to ``presets.json``,
from where the other benchmarks read it; no test score is looked at.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from benchmarks.cli import common, guarded, settable
from benchmarks.encoders import HYPERBOLIC, MODELS
from benchmarks.graphs import NAMES, load_graph
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import FROZEN, Preset, frozen, preset
from benchmarks.runs import append, identity, new_run
from benchmarks.sweep import train, usable_device
from benchmarks.training import Task

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (LinkPrediction, NodeClassification)
}
# What a trial is scored by, and what may be chosen: of a task, and of all.
SCORE = {"link_prediction": "roc_auc", "node_classification": "accuracy"}
CHOICES: dict[str, dict[str, Sequence[Any]]] = {
    "link_prediction": {
        "layers": (1, 2, 3),
        "hidden_channels": (16, 32, 64),
        "input_dropout": (0.0, 0.3, 0.5, 0.8),
        "learn_decoder": (False, True),
    },
    "node_classification": {
        "layers": (2, 3),
        "hidden_channels": (16, 32, 64, 128),
        "input_dropout": (0.0, 0.5, 0.7, 0.9),
    },
}
COMMON: dict[str, Sequence[Any]] = {
    "act": ("relu", "elu"),
    "adjacency": ("symmetric", "row"),
    "dropout": (0.0, 0.3, 0.5, 0.8),
    "lr": (0.005, 0.01, 0.02),
    "weight_decay": (0.0, 1e-4, 5e-4, 1e-3, 5e-3),
}
OF_HYPERBOLIC: dict[str, Sequence[Any]] = {"curvature": (0.01, 0.1, 0.5, 1.0, 5.0)}


def choices(task: str, model: str) -> dict[str, Sequence[Any]]:
    """What may be chosen for a model."""
    out = {**COMMON, **CHOICES[task]}
    return {**out, **OF_HYPERBOLIC} if model in HYPERBOLIC else out


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = common(__doc__)
    out.set_defaults(seeds=[0, 1])
    add = out.add_argument
    names = {"choices": TASKS, "default": list(TASKS), "metavar": "TASK"}
    add("--task", nargs="+", help=f"{', '.join(TASKS)} (default: both)", **names)  # type: ignore[arg-type]
    add(
        "--dataset",
        nargs="+",
        required=True,
        choices=NAMES,
        metavar="DATASET",
        help=", ".join(NAMES),
    )
    add(
        "--model",
        nargs="+",
        required=True,
        choices=MODELS,
        metavar="MODEL",
        help=", ".join(MODELS),
    )
    add(
        "--trials",
        type=int,
        default=20,
        metavar="N",
        help="trials of each model, with those of before (default: 20)",
    )
    add("--epochs", type=int, default=400, help="epochs at most (default: 400)")
    settable(out)
    return out


def search(
    task: type[Task], dataset: str, model: str, args: argparse.Namespace
) -> tuple[Preset, float]:
    """The best preset of a model, and its validation score."""
    seeds, device = args.seeds, usable_device(args.device)
    fixed: dict[str, Any] = dict(args.set)
    named = [f"{name}={value}" for name, value in fixed.items()]
    start = dataclasses.replace(preset(task.name, dataset, model), **fixed)
    space = {
        name: values
        for name, values in choices(task.name, model).items()
        if name not in fixed
    }

    def objective(trial: optuna.Trial) -> float:
        chosen = {
            name: trial.suggest_categorical(name, values)
            for name, values in space.items()
        }
        short = {"epochs": args.epochs, "patience": 100}
        settings = dataclasses.replace(start, **chosen, **short)
        scores = []
        for i, seed in enumerate(seeds):
            run = new_run(
                task=task.name,
                dataset=dataset,
                model=model,
                seed=seed,
                preset=dataclasses.asdict(settings),
                device=device.type,
            )
            run["id"] = identity(run)
            data = load_graph(dataset, task.name, seed, args.data_root)
            train(task, data, settings, run, device, log=None)
            if "error" in run:
                raise optuna.TrialPruned(run["error"])
            scores.append(run["val"][SCORE[task.name]])
            trial.report(sum(scores) / len(scores), i)
            if i + 1 < len(seeds) and trial.should_prune():
                raise optuna.TrialPruned
        return sum(scores) / len(scores)

    args.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=" ".join([task.name, dataset, model, *named]),
        storage=JournalStorage(JournalFileBackend(str(args.out / "search.journal"))),
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.trials:  # with the nearest choices where the preset has another value
        study.enqueue_trial({k: _near(getattr(start, k), v) for k, v in space.items()})
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))

    def note(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        line = {"search": study.study_name, "trial": trial.number}
        line |= {"state": trial.state.name.lower(), "params": trial.params}
        append(args.out / "search.jsonl", line | {"val": trial.value})

    missing = max(0, args.trials - len(ended))
    study.optimize(objective, n_trials=missing, callbacks=[note])
    return dataclasses.replace(start, **study.best_params), study.best_value


def _near(value: Any, values: Sequence[Any]) -> Any:
    """The choice nearest to a value."""
    if value in values:
        return value
    return min(values, key=lambda choice: abs(choice - value))


def freeze(task: str, dataset: str, model: str, best: Preset) -> None:
    """Writes a preset to ``presets.json``; the others there stay."""
    kept = frozen()
    default = dataclasses.asdict(Preset())
    fields = dataclasses.asdict(best).items()
    changed = {name: value for name, value in fields if value != default[name]}
    kept.setdefault(f"{task} {dataset}", {})[model] = changed
    lines = json.dumps(kept, indent=2, sort_keys=True)
    temporary = FROZEN.with_suffix(".tmp")
    temporary.write_text(lines + "\n")
    temporary.replace(FROZEN)


def main(argv: Sequence[str] | None = None) -> int:
    """Searches and returns the exit status."""
    args = parser().parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def job() -> None:
        torch.set_num_threads(1)
        for name in args.task:
            for dataset in args.dataset:
                for model in args.model:
                    best, score = search(TASKS[name], dataset, model, args)
                    freeze(name, dataset, model, best)
                    print(f"{name} {dataset} {model}: {100 * score:.2f} {best}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
