"""The command line that the benchmarks share."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.checkpoint import Checkpoints, Interval
from benchmarks.encoders import MODELS
from benchmarks.graphs import NAMES, MissingDataset
from benchmarks.presets import DEFAULT
from benchmarks.report import table
from benchmarks.runs import Run
from benchmarks.sweep import OUT, sweep
from benchmarks.training import Task

INTERRUPTED = 130  # exit status of a program that Ctrl-C has ended


def common(description: str | None) -> argparse.ArgumentParser:
    """Options of every benchmark."""
    out = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add(
        "--seeds",
        nargs="+",
        type=int,
        default=list(range(10)),
        metavar="SEED",
        help="seeds of graph, split, weights and all that is drawn (default: 0 to 9)",
    )
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    add(
        "--data-root",
        metavar="FOLDER",
        help="where datasets are (default: $PYG_HYPERBOLIC_DATA, else the user's "
        "cache folder)",
    )
    add(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="where the JSON lines go; runs found there are not repeated "
        "(default: benchmarks/runs)",
    )
    return out


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options of every benchmark that compares models."""
    out = common(description)
    out.add_argument(
        "--model",
        nargs="+",
        default=["gcn", "hgcn"],
        choices=MODELS,
        metavar="MODEL",
        help=f"models to compare: {', '.join(MODELS)} (default: gcn hgcn)",
    )
    out.add_argument(
        "--epochs", type=int, help="epochs at most (default: as in the preset)"
    )
    return out


def task_parser(description: str | None) -> argparse.ArgumentParser:
    """Options of a benchmark of one task."""
    out = parser(description)
    add = out.add_argument
    add(
        "--dataset",
        default="disease-tree",
        metavar="DATASET",
        help=f"{', '.join(NAMES)}, or the path of a graph saved with torch.save "
        f"(default: disease-tree)",
    )
    settable(out)
    add(
        "--checkpoint",
        type=Path,
        metavar="FOLDER",
        help="where to keep a run until it ends (default: nowhere)",
    )
    add(
        "--every",
        default=Interval(minutes=5),
        type=Interval.parse,
        metavar="INTERVAL",
        help="between two checkpoints: 50 is epochs, 5min is minutes (default: 5min)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with runs that --checkpoint has kept",
    )
    return out


def settable(out: argparse.ArgumentParser) -> None:
    """Adds the option that changes fields of the preset."""
    out.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        type=_change,
        help="change fields of the preset, such as lr=0.02 adjacency=row",
    )


def changes(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of the preset that the command line changes."""
    out = dict(args.set)
    if args.epochs is not None:
        out["epochs"] = args.epochs
    return out


def checkpoints(args: argparse.Namespace) -> Checkpoints | None:
    """Where to keep runs, if anywhere.

    Raises:
        ValueError: If there is nothing to go on from.
    """
    if args.checkpoint is not None:
        return Checkpoints(args.checkpoint, args.every, args.resume)
    if args.resume:
        raise ValueError("'--resume' needs the folder of '--checkpoint FOLDER'")
    return None


def main(task: type[Task], doc: str | None, argv: Sequence[str] | None = None) -> int:
    """The command line of one task; returns the exit status."""
    args = task_parser(doc).parse_args(argv)

    def go() -> list[Run]:
        return sweep(
            task,
            args.dataset,
            args.model,
            args.seeds,
            out=args.out,
            root=args.data_root,
            device=args.device,
            changes=changes(args),
            checkpoints=checkpoints(args),
        )

    return guarded(lambda: print(table(go())))


def guarded(job: Callable[[], None]) -> int:
    """Runs a job; Ctrl-C and expected errors end it with one line."""
    try:
        job()
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Runs that ended are kept; the same command goes on.",
            file=sys.stderr,
        )
        return INTERRUPTED
    except (MissingDataset, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _change(text: str) -> tuple[str, Any]:
    """A field of the preset and its value, from ``name=value``."""
    name, _, value = text.partition("=")
    defaults = dataclasses.asdict(DEFAULT)
    if name not in defaults or not value:
        raise argparse.ArgumentTypeError(
            f"expected NAME=VALUE with NAME one of {', '.join(defaults)} (got {text!r})"
        )
    kind = type(defaults[name])
    if kind is bool:
        return name, value.lower() in ("true", "1", "yes")
    return name, None if value == "none" else kind(value)
