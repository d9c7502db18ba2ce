"""The tables of links and classes, and what may be said of them."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.common.encoders import EUCLIDEAN, HYPERBOLIC, NAMES
from benchmarks.common.graphs import TITLES
from benchmarks.common.presets import LINKS
from benchmarks.common.published import TARGETS, published
from benchmarks.common.report import markdown, unique
from benchmarks.common.runs import Run
from benchmarks.common.statistics import (
    Scores,
    best,
    confidence,
    scores,
    spread,
    verdicts,
)
from benchmarks.common.sweep import TASKS

HEAD = """# Links and classes

Written by `python -m benchmarks.tasks`; run it again, and only what is missing is done.
Test scores in per cent: mean ± standard deviation over seeds, and the 95 % confidence
interval of the mean (Student's t). Hyper-parameters (`presets.json`) and the best epoch
were chosen on validation alone, and so was the Euclidean model that others are compared
with: "better" and "worse" are said where a paired t-test over the seeds, with Holm's
correction for the models of a table, has p < 0.05. MRR and Hits@10 rank every test edge
among 100 hard negatives; distortion (0 is best) and mAP are those of the graph's own
distances in the embedding. c and √c·r, the median radius, are of the last layer.
A target is what this project set out to reach. Figures that others have published come
from other splits and code, so that no test can be made with them; "read" says where
each was read.
"""

Cell = tuple[str, str, float]  # metric, its heading, and the factor it is shown with
OF_LINKS: list[Cell] = [
    ("average_precision", "AP", 100),
    ("mrr", "MRR", 100),
    ("hits_10", "Hits@10", 100),
    ("distortion", "distortion", 1),
    ("mean_average_precision", "mAP", 1),
]
OF_CLASSES: list[Cell] = [("macro_f1", "macro F1", 100), ("f1", "F1", 100)]
LABELS = {"roc_auc": "ROC AUC", "accuracy": "accuracy"}


def document(done: Sequence[Run]) -> str:
    """The whole document, in Markdown."""
    parts = [HEAD]
    for task, dataset in unique((run["task"], run["dataset"]) for run in done):
        own = [r for r in done if (r["task"], r["dataset"]) == (task, dataset)]
        parts.append(section(task, dataset, own))
    return "\n".join(parts)


def title(task: str, dataset: str) -> str:
    """A table's heading."""
    name, random, _ = dataset.partition("-random")
    words = TITLES.get(name, Path(name).name.replace("-", " ").capitalize())
    return f"{words}, {task.replace('_', ' ')}" + (", random splits" if random else "")


def section(task: str, dataset: str, done: Sequence[Run]) -> str:
    """One task on one dataset: our table, what is to be said, and others' figures."""
    main = TASKS[task].main
    models = unique(run["model"] for run in done)
    test = {model: scores(done, model, "test", main) for model in models}
    val = {model: scores(done, model, "val", main) for model in models}
    said = verdicts({m: s for m, s in test.items() if m in NAMES}, best(val, EUCLIDEAN))
    columns = OF_LINKS if task == LINKS else OF_CLASSES
    columns = [c for c in columns if any(c[0] in run.get("test", ()) for run in done)]
    head = ["model", LABELS[main], "95 % interval", *(name for _, name, _ in columns)]
    rows = [[*head, "c", "√c·r", "seeds", "beside the best Euclidean"]]
    for model in models:
        own = [run for run in done if run["model"] == model]
        values = list(test[model].values())
        interval = "-"
        if len(values) > 1:
            interval = "{:.1f} to {:.1f}".format(*confidence(values))
        cells = [_metric(own, metric, factor) for metric, _, factor in columns]
        failed = sum("error" in run for run in own)
        rows.append(
            [
                NAMES.get(model, model),
                spread(values),
                interval,
                *cells,
                _mean([[*run["curvature"].values()] for run in own if "radius" in run]),
                _mean([run["radius"] for run in own if "radius" in run]),
                f"{len(values)}" + (f", {failed} failed" if failed else ""),
                said.get(model, ""),
            ]
        )
    parts = [f"## {title(task, dataset)}\n", markdown(rows), ""]
    parts += [*_remarks(task, dataset, test, val, done), ""]
    return "\n".join(parts + _published(task, dataset))


def _metric(own: Sequence[Run], metric: str, factor: float) -> str:
    found = [run["test"][metric] for run in own if metric in run.get("test", ())]
    return spread([factor * value for value in found], 1 if factor == 100 else 2)


def _mean(lists: Sequence[Sequence[float]]) -> str:
    last = [values[-1] for values in lists if values]
    return f"{fmean(last):.2g}" if last else "-"


def _remarks(
    task: str,
    dataset: str,
    test: dict[str, Scores],
    val: dict[str, Scores],
    done: Sequence[Run],
) -> list[str]:
    """The target, and which row ranks best against hard negatives."""
    out = []
    ours, target = best(val, HYPERBOLIC), TARGETS.get((task, dataset))
    if ours is not None and target is not None and test[ours]:
        mean = fmean(test[ours].values())
        word = "met" if mean >= target else "not met"
        out.append(
            f"Target {target:g} {word}: {NAMES[ours]}, the best hyperbolic model on "
            f"validation, has {mean:.1f}."
        )
    ranks = {model: scores(done, model, "test", "mrr") for model in test}
    if first := best(ranks, ranks):
        mean = fmean(ranks[first].values())
        out.append(
            f"Against hard negatives {NAMES.get(first, first)} ranks best, with an MRR "
            f"of {mean:.1f}."
        )
    return [*out, ""] if out else []


def _published(task: str, dataset: str) -> list[str]:
    figures = published(task, dataset)
    if not figures:
        return []
    columns = ["score", "split", "dimension", "protocol", "source", "read"]
    rows = [["published", *columns]]
    for figure in figures:
        if figure["url"]:
            figure["source"] = f"[{figure['source']}]({figure['url']})"
        rows.append([figure["model"], *(figure[name] for name in columns)])
    return [markdown(rows), ""]
