"""The loop over models and seeds of one task on one dataset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks import runs
from benchmarks.curvature_log import CurvatureLog
from benchmarks.encoders import curvatures
from benchmarks.graphs import load_graph
from benchmarks.presets import Preset, preset
from benchmarks.training import PeakMemory, Task, fit

OUT = Path(__file__).parent / "runs"


def usable_device(name: str) -> torch.device:
    """A device by name.

    Raises:
        ValueError: If there is no such device.
    """
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"'device' must be 'cpu' where PyTorch sees no CUDA device (got {name!r})"
        )
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
                _train(task, data, settings, run, target, log)
                runs.append(path, run)
                known[runs.key(run)] = run
            result.append(known[runs.key(run)])
    return result


def _train(
    task: type[Task],
    data: Data,
    settings: Preset,
    run: runs.Run,
    device: torch.device,
    log: Path,
) -> None:
    """Trains once, adds what came out of it to the run, and logs its curvatures."""
    seed_everything(run["seed"])
    memory = PeakMemory(device)
    instance = task(data, run["model"], settings, device)
    name = f"{run['task']} {run['dataset']} {run['model']} seed {run['seed']}"
    history = CurvatureLog(instance.module, run["id"])
    result = None
    with tqdm(total=settings.epochs, desc=name, unit="epoch", leave=False) as bar:

        def tick() -> None:
            bar.update()
            history.note()

        try:
            result = fit(instance, settings, tick)
        except FloatingPointError as error:
            run["error"] = str(error)
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
