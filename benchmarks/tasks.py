"""Are hyperbolic models better at finding links and classes than Euclidean ones?

Every model of the tables on every graph, with ten seeds: splits, weights and generated
graphs are drawn anew with each.  Hyper-parameters are those that ``benchmarks.search``
has found for each model alike; ``--set`` changes them.  Runs are appended to
``tasks.jsonl`` as they end, and are not repeated: the same command goes on.  With
``--report`` nothing is run; tables are written whose runs are all there.
"""

import sys
from collections.abc import Iterable, Sequence

from benchmarks.common import cli, runs
from benchmarks.common.negatives import HEURISTICS
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import write
from benchmarks.common.sweep import RESULTS, Place, complete, planned
from benchmarks.common.tables import document

MAIN = ("mlp", "gcn", "gat", "hnn", "hgcn-tangent", "hgcn", "hgat")
FAMILY = ("sage", "hgcn-local", "hgat-distance", "hsage", "hybonet")
# In the order in which they are done: what is asked most often comes first.
TABLES: dict[tuple[str, str], tuple[str, ...]] = {
    (LINKS, "disease"): (*MAIN, *FAMILY),
    (LINKS, "cora"): MAIN,
    (CLASSES, "cora"): (*MAIN, *FAMILY),
    (LINKS, "airport"): MAIN,
    (CLASSES, "airport"): MAIN,
    (CLASSES, "cora-random"): MAIN,
    (CLASSES, "citeseer-random"): MAIN,
    (LINKS, "citeseer"): MAIN,
    (CLASSES, "citeseer"): MAIN,
    (CLASSES, "disease-tree"): MAIN,
    **{(LINKS, f"synthetic-tree-{gamma}"): MAIN for gamma in (0.5, 0.2, 0.1, 0.05)},
    (LINKS, "disease-m"): MAIN,
}


def chosen(
    tasks: Iterable[str], datasets: Sequence[str] | None, models: Sequence[str] | None
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Tables with their models, as the command line names them."""
    if datasets is None:
        tables = {key: own for key, own in TABLES.items() if key[0] in tasks}
    else:
        keys = [(task, dataset) for task in tasks for dataset in datasets]
        tables = {key: TABLES.get(key, MAIN) for key in keys}
    return {key: tuple(models or own) for key, own in tables.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is missing, writes the tables, and returns the exit status."""
    options = cli.of_tasks(__doc__, RESULTS)
    cli.changes(options, Preset())
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        changes = dict(args.set)
        if args.epochs is not None:
            changes["epochs"] = args.epochs
        path, found = args.out / "tasks.jsonl", []
        place = Place(path, args.data_root, args.device)
        for (task, dataset), models in chosen(
            args.task, args.dataset, args.model
        ).items():
            rules = HEURISTICS if task == LINKS and args.model is None else ()
            every = (*rules, *models)
            wanted = planned(task, dataset, every, args.seeds, args.device, changes)
            if args.report:
                done = runs.stored(path, wanted)
                if len(done) == len(wanted):
                    found += done
                elif done:
                    counts = f"{len(done)} of {len(wanted)} runs"
                    print(f"left out {task} {dataset}: {counts} are there")
                continue
            found += complete(wanted, place, args.jobs)
        if not found:
            raise ValueError(f"{path} has all runs of no table; leave out --report")
        text = document(found)
        write(text, args.out / "README.md")
        print(f"{text}\n\n{len(found)} runs and the tables are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
