"""What may be said of scores: means, confidence intervals, paired tests."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from scipy import stats

from benchmarks.common.encoders import EUCLIDEAN
from benchmarks.common.runs import Run

LEVEL = 0.05

Scores = dict[int, float]  # by seed


def scores(done: Sequence[Run], model: str, part: str, metric: str) -> Scores:
    """Scores of a model in per cent, by seed."""
    return {
        run["seed"]: 100 * run[part][metric]
        for run in done
        if run["model"] == model and metric in run.get(part, {})
    }


def best(val: Mapping[str, Scores], among: Iterable[str]) -> str | None:
    """The model with the best mean on validation."""
    names = set(among)
    means = {m: statistics.mean(s.values()) for m, s in val.items() if s and m in names}
    return max(means, key=lambda model: means[model]) if means else None


def confidence(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The interval of Student's t about a mean."""
    mean, count = statistics.mean(values), len(values)
    half = stats.t.ppf((1 + level) / 2, count - 1) * statistics.stdev(values)
    return mean - half / math.sqrt(count), mean + half / math.sqrt(count)


def verdicts(test: Mapping[str, Scores], baseline: str | None) -> dict[str, str]:
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
    out = {baseline: "best Euclidean"}
    for model, corrected in holm(p).items():
        if corrected < LEVEL:
            word = "better" if difference[model] > 0 else "worse"
        else:
            word = "no difference shown"
        out[model] = f"{word} ({difference[model]:+.1f}, p = {corrected:.2g})"
    return out


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction for as many tests as there are."""
    out, worst = {}, 0.0
    for i, model in enumerate(sorted(p, key=lambda name: p[name])):
        worst = max(worst, min(1.0, (len(p) - i) * p[model]))
        out[model] = worst
    return out


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean ± standard deviation."""
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"
