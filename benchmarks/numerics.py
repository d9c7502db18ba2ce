"""Where the numbers of hyperbolic libraries break: the torture table.

Asks this package, and geoopt and HypLL where they are installed, the same questions in
single precision: gradients at the exact origin, round trips between the tangent space
there and the points, distances near and far, the derivative by the curvature, and
training runs on small trees at any learning rate.  Prints how many were answered
right, appends JSON lines, and draws the relative error against the radius.  Points of
this package are normal coordinates, for which a round trip is the identity.

With ``--hard`` this package alone is also trained on what no library is expected to
survive: features x 1e4 and x 1e-8, learning rate 10, c from 1e-8 and 1e3, 32 layers,
each in float32 and bfloat16 and with every aggregation.
"""

import argparse
import dataclasses
import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import guarded
from benchmarks.numerics_figure import figure
from benchmarks.peers import LIBRARIES, Library
from benchmarks.report import markdown
from benchmarks.stress import HARDER, Setting, stress
from benchmarks.sweep import OUT
from benchmarks.torture import TESTS

RATES = (0.01, 0.1, 1.0)
AGGREGATIONS = ("midpoint", "tangent", "local")


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add(
        "--library",
        dest="libraries",
        nargs="+",
        default=list(LIBRARIES),
        choices=LIBRARIES,
        metavar="LIBRARY",
        help=f"libraries to ask: {', '.join(LIBRARIES)} (default: all installed)",
    )
    add(
        "--seeds",
        type=int,
        default=4,
        metavar="N",
        help="training runs of each kind (default: 4; the published table has 32)",
    )
    add("--steps", type=int, metavar="N", help="steps of a run (default: 200)")
    add("--hard", action="store_true", help="train this package on harder runs too")
    add(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="where the JSON lines, the table and the figure go "
        "(default: benchmarks/runs)",
    )
    return out


def ask(name: str, library: Library) -> Iterator[runs.Run]:
    """All questions to one library."""
    for test, question in TESTS.items():
        answers = question(library, torch.float32)
        yield _run(name, library, test, sum(answers), len(answers))


def train(
    name: str, library: Library, test: str, setting: Setting, seeds: int
) -> runs.Run:
    """Training runs of one kind, each with its own tree and weights."""
    bar = tqdm(range(seeds), desc=f"{name} {test}", unit="run", leave=False)
    lived = [stress(library, setting, seed).survived for seed in bar]
    run = _run(name, library, test, sum(lived), seeds)
    return {**run, "preset": dataclasses.asdict(setting)}


def _run(name: str, library: Library, test: str, passed: int, total: int) -> runs.Run:
    module = sys.modules[library.package]
    package = "pyg-hyperbolic" if name == "ours" else library.package
    return runs.new_run(
        task="numerics",
        dataset=test,
        model=name,
        library=library.name,
        library_version=getattr(module, "__version__", None)
        or importlib.metadata.version(package),
        passed=passed,
        total=total,
    )


def settings(steps: int | None) -> dict[str, Setting]:
    """The training runs that every library does."""
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    return {f"trained at lr {lr}": Setting(lr=lr, **changes) for lr in RATES}


def hard_settings(steps: int | None) -> dict[str, Setting]:
    """The training runs of this package alone."""
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    return {
        f"{test}, {aggregation}, {dtype}": dataclasses.replace(
            setting, aggregation=aggregation, dtype=dtype, **changes
        )
        for test, setting in {**settings(None), **HARDER}.items()
        for aggregation in AGGREGATIONS
        for dtype in ("float32", "bfloat16")
    }


def table(done: Sequence[runs.Run]) -> str:
    """Right answers of all, a row a test, a column a library."""
    columns = list(dict.fromkeys(run["library"] for run in done))
    tests = list(dict.fromkeys(run["dataset"] for run in done))
    cells = {
        (run["dataset"], run["library"]): f"{run['passed']}/{run['total']}"
        for run in done
    }
    rows = [
        [test, *(cells.get((test, name), "-") for name in columns)] for test in tests
    ]
    return markdown([["test", *columns], *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
        asked = {}
        for name in args.libraries:
            if LIBRARIES[name].installed():
                asked[name] = LIBRARIES[name]()
            else:
                package = LIBRARIES[name].package
                print(f"left out {name}: pip install {package} to compare with it")
        if not asked:
            raise ValueError("'--library' names no library that is installed")
        done: list[runs.Run] = []

        def keep(run: runs.Run) -> None:
            runs.append(args.out / "numerics.jsonl", run)
            done.append(run)

        for name, library in asked.items():
            for run in ask(name, library):
                keep(run)
            for test, setting in settings(args.steps).items():
                keep(train(name, library, test, setting, args.seeds))
        if args.hard and "ours" in asked:
            for test, setting in hard_settings(args.steps).items():
                keep(train("ours", asked["ours"], test, setting, args.seeds))
        text = table(done)
        (args.out / "numerics.md").write_text(text + "\n")
        figure(list(asked.values()), args.out / "numerics.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
