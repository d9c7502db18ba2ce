"""The command line that the benchmarks share."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common.encoders import MODELS
from benchmarks.common.graphs import NAMES, MissingDataset
from benchmarks.common.report import write
from benchmarks.common.sweep import RUNS, TASKS

INTERRUPTED = 130  # exit status of a program that Ctrl-C has ended


def parser(description: str | None, out: Path = RUNS) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--out",
        type=Path,
        default=out,
        metavar="FOLDER",
        help="where JSON lines, tables and figures go; runs found there are not "
        f"repeated (default: benchmarks/{out.name})",
    )
    return options


def device(options: argparse.ArgumentParser) -> None:
    """Adds the choice of a device."""
    text = "cpu, cuda, cuda:1 ... (default: cpu)"
    options.add_argument("--device", default="cpu", help=text)


def data_root(options: argparse.ArgumentParser) -> None:
    """Adds the folder of datasets."""
    options.add_argument(
        "--data-root",
        metavar="FOLDER",
        help="where datasets are (default: $PYG_HYPERBOLIC_DATA, else the user's "
        "cache folder); missing ones are fetched",
    )


def report(options: argparse.ArgumentParser) -> None:
    """Adds the choice to run nothing."""
    text = "write the tables of finished runs alone"
    options.add_argument("--report", action="store_true", help=text)


def of_training(
    description: str | None, out: Path = RUNS, seeds: int = 10
) -> argparse.ArgumentParser:
    """The options of a benchmark that trains models on graphs."""
    options = parser(description, out)
    add = options.add_argument
    several(options, "--seeds", range(seeds), type=int)
    device(options)
    data_root(options)
    add("--jobs", type=int, default=1, help="processes at a time (default: 1)")
    add("--epochs", type=int, help="epochs at most (default: the preset's)")
    return options


def of_tasks(
    description: str | None, out: Path = RUNS, seeds: int = 10
) -> argparse.ArgumentParser:
    """The options of a benchmark of both tasks."""
    options = of_training(description, out, seeds)
    several(options, "--task", TASKS, choices=TASKS)
    options.add_argument(
        "--dataset",
        nargs="+",
        metavar="DATASET",
        help=f"of {', '.join(NAMES)}, or paths of graphs saved with torch.save "
        f"(default: those of the tables)",
    )
    options.add_argument(
        "--model",
        nargs="+",
        choices=MODELS,
        metavar="MODEL",
        help=f"of {', '.join(MODELS)} (default: those of the tables)",
    )
    return options


def several(
    options: argparse.ArgumentParser, name: str, default: Any, **more: Any
) -> None:
    """Adds an option that takes one value or more."""
    text, choices = " ".join(map(str, default)), more.get("choices", ())
    text = f"(default: {'all' if [*default] == [*choices] else text})"
    if choices:
        text = f"of {', '.join(choices)} {text}"
    more |= {"nargs": "+", "default": list(default), "metavar": name[2:].upper()}
    options.add_argument(name, help=text, **more)


def changes(options: argparse.ArgumentParser, defaults: Any) -> None:
    """Adds an option that changes fields of a dataclass, given with its defaults."""
    fields = asdict(defaults)

    def change(text: str) -> tuple[str, Any]:
        name, _, value = text.partition("=")
        if name not in fields or not value:
            raise argparse.ArgumentTypeError(
                f"expected NAME=VALUE with NAME one of {', '.join(fields)} "
                f"(got {text!r})"
            )
        if isinstance(fields[name], bool):
            return name, value.lower() in ("true", "1", "yes")
        if name == "curvature" and value == "auto":
            return name, value
        kind = float if name in ("curvature", "curvature_lr") else type(fields[name])
        return name, kind(value)

    options.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        type=change,
        help=f"change settings, such as lr=0.02; of {', '.join(fields)}",
    )


def publish(text: str, out: Path, name: str) -> None:
    """Writes and shows a table."""
    write(text, out / f"{name}.md")
    print(f"{text}\n\nRuns and table are in {out}")


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
    except (MissingDataset, ModuleNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
