"""Where the numbers of hyperbolic libraries break: the torture table.

Asks this package, and geoopt and HypLL where they are installed, the same questions in
single precision: gradients at the exact origin, round trips between the tangent space
there and the points, distances near and far, the derivative by the curvature, and
training runs on small trees at any learning rate.  Prints how many were answered
right, appends JSON lines, and draws the relative error against the radius; run again,
it only does what is missing.  Points of this package are normal coordinates, for which
a round trip is the identity.

With ``--hard`` this package alone is trained instead, on what no library is expected
to survive: features x 1e4 and x 1e-8, learning rate 10, c from 1e-8 and 1e3, 32 layers,
each in float32 and bfloat16 and with every model.
"""

import argparse
import dataclasses
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import guarded
from benchmarks.numerics_figure import figure
from benchmarks.peers import LIBRARIES, Library, Normal
from benchmarks.report import markdown
from benchmarks.stress import HARDER, MODELS, Setting, stress
from benchmarks.sweep import OUT
from benchmarks.torture import TESTS

RATES = (0.01, 0.1, 1.0)


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
    add("--hard", action="store_true", help="train this package alone on harder runs")
    add(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="where the JSON lines, the table and the figure go "
        "(default: benchmarks/runs)",
    )
    return out


Answers = Callable[[], list[bool]]


def questions(name: str, library: Library) -> Iterator[tuple[runs.Run, Answers]]:
    """All questions to one library: what identifies each, and how to ask it."""
    for test, question in TESTS.items():
        yield _new_run(name, library, test), partial(question, library, torch.float32)


def trainings(
    name: str, library: Library, kinds: Mapping[str, Setting], seeds: int
) -> Iterator[tuple[runs.Run, Answers]]:
    """Training runs on one library, some of each kind, with a tree and weights each."""

    def survived(test: str, setting: Setting) -> list[bool]:
        bar = tqdm(range(seeds), desc=f"{name} {test}", unit="run", leave=False)
        return [stress(library, setting, seed).survived for seed in bar]

    for test, setting in kinds.items():
        run = _new_run(name, library, test)
        run.update(preset=dataclasses.asdict(setting), seeds=seeds)
        yield run, partial(survived, test, setting)


def _new_run(name: str, library: Library, test: str) -> runs.Run:
    module = sys.modules[library.package]
    package = "pyg-hyperbolic" if name == "ours" else library.package
    return runs.new_run(
        task="numerics",
        dataset=test,
        model=name,
        library=library.name,
        library_version=getattr(module, "__version__", None)
        or importlib.metadata.version(package),
    )


def _key(run: runs.Run) -> tuple[Any, ...]:
    return runs.key(run), run["library_version"], run.get("seeds")


def settings(steps: int | None) -> dict[str, Setting]:
    """The training runs that every library does."""
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    return {f"trained at lr {lr}": Setting(lr=lr, **changes) for lr in RATES}


def hard_settings(steps: int | None) -> dict[str, Setting]:
    """The training runs of this package alone."""
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    return {
        f"{test}, {model}, {dtype}": dataclasses.replace(
            setting, model=model, dtype=dtype, **changes
        )
        for test, setting in {**settings(None), **HARDER}.items()
        for model in MODELS
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


def hard_table(done: Sequence[runs.Run]) -> str:
    """Survivors of the harder runs: a row a kind, a column a model and dtype."""
    cells = {}
    for run in done:
        column = f"{run['preset']['model']}, {run['preset']['dtype']}"
        test = run["dataset"].removesuffix(f", {column}")
        cells[test, column] = f"{run['passed']}/{run['total']}"
    tests, columns = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    rows = [[test, *(cells[test, name] for name in columns)] for test in tests]
    return markdown([["survived", *columns], *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
        path = args.out / "numerics.jsonl"
        if args.hard:
            kinds = hard_settings(args.steps)
            wanted = trainings("ours", Normal(), kinds, args.seeds)
            text = hard_table(list(complete(wanted, path)))
            (args.out / "numerics_hard.md").write_text(text + "\n")
            print(f"{text}\n\nRuns and table are in {args.out}")
            return
        asked = {name: LIBRARIES[name]() for name in installed(args.libraries)}
        done: list[runs.Run] = []
        for name, library in asked.items():
            kinds = settings(args.steps)
            done += complete(questions(name, library), path)
            done += complete(trainings(name, library, kinds, args.seeds), path)
        text = table(done)
        (args.out / "numerics.md").write_text(text + "\n")
        figure(list(asked.values()), args.out / "numerics.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return guarded(job)


def installed(names: Sequence[str]) -> list[str]:
    """Those libraries that are there.

    Raises:
        ValueError: If none is.
    """
    out = []
    for name in names:
        if LIBRARIES[name].installed():
            out.append(name)
        else:
            package = LIBRARIES[name].package
            print(f"left out {name}: pip install {package} to compare with it")
    if not out:
        raise ValueError("'--library' names no library that is installed")
    return out


def complete(
    wanted: Iterable[tuple[runs.Run, Answers]], path: Path
) -> Iterator[runs.Run]:
    """All runs that are wanted; those that are not on disk yet are done first."""
    known = {_key(run): run for run in runs.read(path)}
    for run, answers in wanted:
        if _key(run) not in known:
            right = answers()
            failed = [i for i, passed in enumerate(right) if not passed]
            run.update(passed=sum(right), total=len(right), failed=failed)
            runs.append(path, run)
            known[_key(run)] = run
        yield known[_key(run)]


if __name__ == "__main__":
    sys.exit(main())
