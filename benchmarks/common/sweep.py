"""The loop over graphs, seeds and models; what is on disk is not done again."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from tqdm import tqdm

from benchmarks.common import runs
from benchmarks.common.classes import NodeClassification
from benchmarks.common.graphs import MissingDataset, load_graph
from benchmarks.common.links import LinkPrediction, by_heuristic
from benchmarks.common.negatives import HEURISTICS
from benchmarks.common.presets import Preset, preset
from benchmarks.common.report import unique
from benchmarks.common.training import Task, train

RUNS = Path(__file__).parents[1] / "runs"
RESULTS = RUNS.with_name("results")  # those of the documents
TASKS: dict[str, type[Task]] = {t.name: t for t in (LinkPrediction, NodeClassification)}

T = TypeVar("T")


class Place(NamedTuple):
    """Where runs are done, and where they are kept."""

    path: Path  # of the JSON lines
    root: str | None = None  # of data
    device: str = "cpu"


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


def in_processes(job: Callable[[T], str | None], todo: Sequence[T], jobs: int) -> None:
    """Does jobs in some processes of one thread each, or here if it is one process.

    Prints what they return, each text once.
    """
    show: dict[str, Any] = {"total": len(todo), "leave": False, "disable": None}
    if jobs == 1 or len(todo) < 2:
        said = [*tqdm(map(job, todo), **show)]
    else:
        with ProcessPoolExecutor(
            jobs, get_context("forkserver"), torch.set_num_threads, (1,)
        ) as pool:
            said = [*tqdm(pool.map(job, todo), **show)]
    for text in unique(said):
        if text is not None:
            print(text)


def new_run(
    task: str, dataset: str, model: str, seed: int, settings: Preset | None, device: str
) -> runs.Run:
    """A run as it starts."""
    return runs.new_run(
        task=task,
        dataset=dataset,
        model=model,
        seed=seed,
        preset={} if settings is None else dataclasses.asdict(settings),
        device=device,
    )


def planned(
    task: str,
    dataset: str,
    models: Iterable[str],
    seeds: Iterable[int],
    device: str = "cpu",
    changes: dict[str, Any] | None = None,
) -> list[runs.Run]:
    """Runs with the presets as they are, seed by seed, which share splits."""
    out = []
    for seed in seeds:
        for model in models:
            settings = None
            if model not in HEURISTICS:
                own = preset(task, dataset, model)
                settings = dataclasses.replace(own, **(changes or {}))
            out.append(new_run(task, dataset, model, seed, settings, device))
    return out


def complete(wanted: Sequence[runs.Run], place: Place, jobs: int = 1) -> list[runs.Run]:
    """Does those runs that are not on disk; says what it leaves out, and why.

    Args:
        wanted: Runs as they start.
        place: Where.
        jobs: Number of processes.

    Returns:
        All runs that are asked for, old and new.

    Raises:
        ValueError: If there is no such device or graph.
    """
    usable_device(place.device)
    groups: dict[tuple[str, str, int], list[runs.Run]] = {}
    for run in runs.missing(place.path, wanted):
        groups.setdefault((run["task"], run["dataset"], run["seed"]), []).append(run)
    todo = [(group, place) for group in groups.values()]
    in_processes(_do, todo, jobs)
    return runs.stored(place.path, wanted)


def _do(work: tuple[list[runs.Run], Place]) -> str | None:
    """Does runs that share a graph and its split; says what is missing, if it is."""
    group, place = work
    head = group[0]
    task, device = head["task"], torch.device(place.device)
    try:
        data = load_graph(head["dataset"], task, head["seed"], place.root)
    except MissingDataset as error:
        return f"left out {task.replace('_', ' ')} on {error}"
    for run in group:
        if run["model"] in HEURISTICS:
            run |= by_heuristic(run["model"], data, run["seed"])
        else:
            train(TASKS[task], data, run, device)
        runs.append(place.path, run)
    return None
