"""What runs of growth amount to: a row for every size, and the exponents."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.report import markdown, unique
from benchmarks.runs import Run
from benchmarks.scale_fit import Slope, slope


def table(done: Sequence[Run]) -> str:
    """A row for every size of every series."""
    head = ["graph", "model", "nodes", "edges", "s", "ns / (N + E)"]
    rows = [[*head, "GiB predicted", "GiB seen"]]
    for run in done:
        edges, seconds = run.get("edges"), run.get("seconds_per_step")
        cells = [run["dataset"], run["model"], f"{run['nodes']:,}"]
        cells.append("-" if edges is None else f"{edges:,}")
        if seconds is None or edges is None:
            cells += ["-", "-"]
        else:
            each = 1e9 * seconds / (run["nodes"] + edges)
            cells += [f"{seconds:.3g}", f"{each:.1f}"]
        cells.append(_gib(run.get("predicted_memory_mib")))
        cells.append(run.get("error") or _gib(run.get("peak_memory_mib")))
        rows.append(cells)
    return markdown(rows)


def beyond_baseline(run: Run) -> float | None:
    """Peak memory less what the process held before there was a graph, in MiB."""
    peak = run.get("peak_memory_mib")
    return None if peak is None else peak - run["baseline_mib"]


# What is fitted, by the heads of the columns: the costs of a run.
COSTS: dict[str, Callable[[Run], Any]] = {
    "time": lambda run: run.get("seconds_per_step"),
    "CPU time": lambda run: run.get("cpu_seconds_per_step"),
    "one product": lambda run: run.get("seconds_per_product"),
    "memory": beyond_baseline,
}


# Below, a step's fixed costs, of a few milliseconds, show: they flatten the fit.
LARGE = 100_000


def slopes(done: Sequence[Run]) -> str:
    """A row for every series: exponents with their confidence intervals."""
    rows = [["graph", "model", *COSTS, "linear", f"time, {LARGE:,} nodes up"]]
    for graph, model in unique((run["dataset"], run["model"]) for run in done):
        some = [
            run
            for run in done
            if (run["dataset"], run["model"]) == (graph, model) and "error" not in run
        ]
        fits = {name: _fit(some, cost) for name, cost in COSTS.items()}
        cells = [str(fit or "-") for fit in fits.values()]
        time, memory = fits["time"], fits["memory"]
        verdict = "-"
        if model != "generator" and time is not None and memory is not None:
            verdict = "yes" if time.linear and memory.linear else "no"
        large = [run for run in some if run["nodes"] >= LARGE]
        cells += [verdict, str(_fit(large, COSTS["time"]) or "-")]
        rows.append([graph, model, *cells])
    return markdown(rows)


def _fit(done: Sequence[Run], cost: Callable[[Run], Any]) -> Slope | None:
    sizes, costs = [run["nodes"] + run["edges"] for run in done], [*map(cost, done)]
    return None if None in costs else slope(sizes, costs)


def _gib(mib: float | None) -> str:
    return "-" if mib is None else f"{mib / 2**10:.2f}"
