"""Runs beside published figures: means, confidence intervals, paired tests."""

import math
import statistics
from collections.abc import Iterable, Sequence

from scipy import stats

from benchmarks.encoders import EUCLIDEAN
from benchmarks.graphs import PLANETOID
from benchmarks.published import LP, PUBLISHED, TARGETS
from benchmarks.report import LABELS, markdown, unique
from benchmarks.runs import Run

HEAD = """# Results beside published figures

Written by `make results`; run it again, and only what is missing is done. Test scores
in per cent: mean ± standard deviation over seeds, and the 95 % confidence interval of
the mean (Student's t). Hyper-parameters (`presets.json`, `presets.py`) were chosen on
validation alone; so is the model of ours that is named for a target.

"Better" and "worse" than the Euclidean model that is best on validation are said where
a paired t-test over the seeds that both have, with Holm's correction for the models of
a table, has p < 0.05; else "no difference shown". Other authors' figures come from
other splits, other stopping rules and their own code: beside ours they tell the order
of magnitude, and no test can be made with them.
"""
LEVEL = 0.05

Scores = dict[int, float]  # by seed


def document(runs: Sequence[Run]) -> str:
    """The whole document, in Markdown."""
    parts = [HEAD]
    for task, dataset in unique((run["task"], run["dataset"]) for run in runs):
        own = [r for r in runs if (r["task"], r["dataset"]) == (task, dataset)]
        parts.append(section(task, dataset, own))
    return "\n".join(parts)


def main_metric(task: str, dataset: str) -> str:
    """What a task is judged by, in the field."""
    if task == LP:
        return "roc_auc"
    return "f1" if dataset == "disease" else "accuracy"


def section(task: str, dataset: str, runs: Sequence[Run]) -> str:
    """One task on one dataset."""
    metric = main_metric(task, dataset)
    test = {model: scores(runs, model, "test", metric) for model in _models(runs)}
    val = {model: scores(runs, model, "val", metric) for model in test}
    published = PUBLISHED.get((task, dataset), [])
    known = {name: (figure, source) for name, figure, source in published}
    baseline = best(val, EUCLIDEAN)
    said = verdicts(test, baseline)
    rows = [["model", LABELS[metric], "95 % interval", "seeds", "verdict", "published"]]
    for model, found in test.items():
        beside = "-"
        if model in known:
            beside = (
                f"{known[model][0]} ([{known[model][1].name}]({known[model][1].url}))"
            )
        interval = "-"
        if len(found) > 1:
            interval = "{:.1f} to {:.1f}".format(*confidence(list(found.values())))
        count = f"{len(found)}" + _failures(runs, model)
        rows.append([model, _mean(found), interval, count, said.get(model, ""), beside])
    for name, figure, source in published:
        if name not in test:
            beside = f"{figure} ([{source.name}]({source.url}))"
            rows.append([name, "-", "-", "-", "", beside])
    name = PLANETOID.get(dataset, dataset.capitalize())
    title = f"## {name}, {task.replace('_', ' ')}\n"
    return "\n".join([title, markdown(rows), "", _target(task, dataset, test, val), ""])


def scores(runs: Sequence[Run], model: str, part: str, metric: str) -> Scores:
    """Scores of a model in per cent, by seed."""
    return {
        run["seed"]: 100 * run[part][metric]
        for run in runs
        if run["model"] == model and part in run
    }


def best(val: dict[str, Scores], among: Iterable[str]) -> str | None:
    """The model with the best mean on validation."""
    names = set(among)
    means = {m: statistics.mean(s.values()) for m, s in val.items() if s and m in names}
    return max(means, key=lambda model: means[model]) if means else None


def confidence(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The interval of Student's t about a mean."""
    mean, count = statistics.mean(values), len(values)
    half = stats.t.ppf((1 + level) / 2, count - 1) * statistics.stdev(values)
    return mean - half / math.sqrt(count), mean + half / math.sqrt(count)


def verdicts(test: dict[str, Scores], baseline: str | None) -> dict[str, str]:
    """What may be said of every hyperbolic model beside a Euclidean one."""
    if baseline is None:
        return {}
    p, difference = {}, {}
    for model, found in test.items():
        both = sorted(found.keys() & test[baseline].keys())
        if model in EUCLIDEAN or len(both) < 3:
            continue
        pairs = [found[seed] - test[baseline][seed] for seed in both]
        difference[model] = statistics.mean(pairs)
        p[model] = float(stats.ttest_1samp(pairs, 0.0).pvalue) if any(pairs) else 1.0
    out = {baseline: "the best Euclidean"}
    for model, corrected in holm(p).items():
        if corrected < LEVEL:
            word = "better" if difference[model] > 0 else "worse"
        else:
            word = "no difference shown"
        out[model] = f"{word} ({difference[model]:+.1f}, p = {corrected:.2g})"
    return out


def holm(p: dict[str, float]) -> dict[str, float]:
    """Holm's correction for as many tests as there are."""
    out, worst = {}, 0.0
    for i, model in enumerate(sorted(p, key=lambda name: p[name])):
        worst = max(worst, min(1.0, (len(p) - i) * p[model]))
        out[model] = worst
    return out


def _target(
    task: str, dataset: str, test: dict[str, Scores], val: dict[str, Scores]
) -> str:
    ours = best(val, [model for model in test if model not in EUCLIDEAN])
    target = TARGETS.get((task, dataset))
    if ours is None or target is None:
        return ""
    mean = statistics.mean(test[ours].values())
    word = "reached" if mean >= target else "**missed**"
    return f"To reach: {target}; {word} by {ours}, the best on validation: {mean:.1f}."


def _models(runs: Sequence[Run]) -> list[str]:
    return unique(run["model"] for run in runs)


def _mean(found: Scores) -> str:
    if not found:
        return "-"
    values = list(found.values())
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _failures(runs: Sequence[Run], model: str) -> str:
    failed = sum("error" in run for run in runs if run["model"] == model)
    return f", {failed} failed" if failed else ""
