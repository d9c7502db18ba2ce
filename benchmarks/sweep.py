"""The loop over models and seeds of one task on one dataset."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks import runs
from benchmarks.checkpoint import Checkpoint, Checkpoints
from benchmarks.curvature_log import CurvatureLog
from benchmarks.encoders import curvatures
from benchmarks.graphs import load_graph
from benchmarks.presets import Preset, preset
from benchmarks.training import PeakMemory, Task, fit

OUT = Path(__file__).parent / "runs"


def usable_device(name: str) -> torch.device:
    """A device by name; one of CUDA becomes the current one.

    Raises:
        ValueError: If there is no such device.
    """
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"'device' must be 'cpu' where PyTorch sees no CUDA device (got {name!r})"
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def sweep(
    task: type[Task],
    dataset: str,
    models: Sequence[str],
    seeds: Sequence[int],
    *,
    out: Path = OUT,
    root: str | None = None,
    device: str = "cpu",
    changes: dict[str, Any] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[runs.Run]:
    """Runs every model with every seed that has not been run before.

    Args:
        task: What to train.
        dataset: See :func:`load_graph`.
        models: Names from :obj:`MODELS`.
        seeds: Seeds, of generated graphs, splits, weights and negatives alike.
        out: Folder of the JSON lines.
        root: The data root.
        device: Where to train.
        changes: Fields of the presets to change.
        checkpoints: Where runs are kept until they end.

    Returns:
        The runs that were asked for, old and new.

    Raises:
        MissingDataset: See :func:`load_graph`.
        ValueError: If there is no such device.
    """
    target = usable_device(device)
    path = out / f"{task.name}.jsonl"
    log = out / f"{task.name}.curvatures.jsonl"
    known = {runs.key(run): run for run in runs.read(path)}
    result = []
    for model in models:
        settings = dataclasses.replace(
            preset(task.name, dataset, model), **(changes or {})
        )
        for seed in seeds:
            run = runs.new_run(
                task=task.name,
                dataset=dataset,
                model=model,
                seed=seed,
                preset=dataclasses.asdict(settings),
                device=target.type,
            )
            if runs.key(run) not in known:
                run["id"] = runs.identity(run)
                data = load_graph(dataset, task.name, seed, root)
                checkpoint = None if checkpoints is None else checkpoints.of(run)
                train(task, data, settings, run, target, log, checkpoint)
                runs.append(path, run)
                if checkpoint is not None:
                    checkpoint.remove()
                known[runs.key(run)] = run
            result.append(known[runs.key(run)])
    return result


def train(
    task: Callable[[Data, str, Preset, torch.device], Task],
    data: Data,
    settings: Preset,
    run: runs.Run,
    device: torch.device,
    log: Path | None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains once, adds what came out of it to the run, and logs its curvatures.

    Without a log, as in all of several processes but one, it shows no progress either.
    """
    seed_everything(run["seed"])
    memory = PeakMemory(device)
    instance = task(data, run["model"], settings, device)
    name = f"{run['task']} {run['dataset']} {run['model']} seed {run['seed']}"
    history = CurvatureLog(instance.module, run["id"])
    if checkpoint is not None:
        checkpoint.lines = history.lines
    result = None
    look: dict[str, Any] = {"unit": "epoch", "leave": False, "disable": log is None}
    with tqdm(total=settings.epochs, desc=name, **look) as bar:

        def tick(epoch: int) -> None:
            bar.update(epoch - bar.n)
            history.note()

        try:
            result = fit(instance, settings, tick, checkpoint)
        except FloatingPointError as error:
            run["error"] = str(error)
    if log is not None:
        history.write(log)
    if result is None:
        return
    instance.module.load_state_dict(result.state)
    run.update(
        val=result.best.val,
        test=result.best.test,
        best_epoch=result.best_epoch,
        epochs=result.epochs,
        seconds_per_epoch=result.seconds_per_epoch,
        peak_memory_mib=memory.mib(),
        curvature=curvatures(instance.module),
    )
