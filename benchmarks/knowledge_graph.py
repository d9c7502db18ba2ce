"""Which facts are missing in a knowledge graph, and in how many dimensions?

``nn.kge``'s models and their Euclidean twins, trained with reciprocal relations and
negatives, stopped by the filtered MRR of the validation triples, and tested as the
field does: all entities ranked as heads and as tails, known triples left out.  Runs are
appended to ``knowledge_graph.jsonl`` as they end, and are not repeated.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch_geometric import seed_everything

from benchmarks.common import cli, runs
from benchmarks.common.graphs import MissingDataset
from benchmarks.common.kge import Settings, train
from benchmarks.common.report import markdown, unique, write
from benchmarks.common.statistics import spread
from benchmarks.common.sweep import Place, in_processes, usable_device
from benchmarks.common.triples import GRAPHS, load_triples
from pyg_hyperbolic.nn.kge import AttH, MuRP, RefH, RotH

TASK = "knowledge_graph"
MODELS = {"murp": MuRP, "refh": RefH, "roth": RotH, "atth": AttH}
NAMES = {
    "hyperbolic": {"murp": "MuRP", "refh": "RefH", "roth": "RotH", "atth": "AttH"},
    "euclidean": {"murp": "MuRE", "refh": "RefE", "roth": "RotE", "atth": "AttE"},
}
METRICS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


def change(text: str) -> tuple[str, Any]:
    """A setting and its value, from ``name=value``."""
    return cli.change(text, asdict(Settings()))


def do(run: runs.Run, place: Place) -> str | None:
    """Does a run and appends it; says what is missing, if it is."""
    settings = Settings(**run["preset"])
    try:
        graph = load_triples(run["dataset"], place.root)
    except MissingDataset as error:
        return f"left out {error}"
    graph = graph.to(torch.device(place.device))
    seed_everything(run["seed"])
    model = MODELS[run["model"]](
        graph.num_nodes,
        graph.num_relations,
        settings.dim,
        curvature=settings.curvature,
        geometry=settings.geometry,
        num_negatives=settings.num_negatives,
        criterion=settings.criterion,
    ).to(place.device)
    start = time.perf_counter()
    name = f"{NAMES[settings.geometry][run['model']]}, {settings.dim}, {run['seed']}"
    run |= train(model, graph, settings, name)
    run["seconds"] = time.perf_counter() - start
    if "error" not in run:
        run["test"] = model.test_filtered(*graph.test, graph.known, log=False)._asdict()
        radius = model.node_emb.weight.detach().norm(dim=1).cpu()
        run["radius"] = radius.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
        if model.curvature is not None:
            run["curvature"] = model.curvature().tolist()
    runs.append(place.path, run)
    return None


def table(done: Sequence[runs.Run]) -> str:
    """A row for each graph, model and dimension: mean ± standard deviation."""
    rows = [["", "model", "dim", "MRR", "Hits@1", "Hits@3", "Hits@10", "epochs", "s"]]

    def key(run: runs.Run) -> tuple[str, str, int]:
        preset = run["preset"]
        return run["dataset"], NAMES[preset["geometry"]][run["model"]], preset["dim"]

    for row in unique(map(key, done)):
        own = [run for run in done if key(run) == row and "test" in run]
        cells = [spread([100 * run["test"][name] for run in own]) for name in METRICS]
        costs = [[run["epochs"] for run in own], [run["seconds"] for run in own]]
        means = [f"{sum(some) / len(some):.0f}" if some else "-" for some in costs]
        rows.append([*map(str, row), *cells, *means])
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is missing, writes the table, and returns the exit status."""
    options = cli.of_training(__doc__, seeds=3)
    options.add_argument(
        "--dataset",
        nargs="+",
        default=["wn18rr"],
        metavar="DATASET",
        help=f"of {', '.join(GRAPHS)}, or folders with train.txt, valid.txt and "
        f"test.txt (default: wn18rr)",
    )
    cli.several(options, "--model", MODELS, choices=MODELS)
    cli.several(options, "--geometry", NAMES, choices=NAMES)
    cli.several(options, "--dim", (32,), type=int)
    options.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        type=change,
        help="change settings, such as lr=0.001 criterion=softmax",
    )
    args = options.parse_args(argv)

    def job() -> None:
        usable_device(args.device)
        place = Place(args.out / f"{TASK}.jsonl", args.data_root, args.device)
        changes = dict(args.set)
        if args.epochs is not None:
            changes["epochs"] = args.epochs
        wanted = [
            runs.new_run(
                task=TASK,
                dataset=dataset,
                model=model,
                seed=seed,
                preset=asdict(Settings(**changes | {"dim": dim, "geometry": geometry})),
                device=args.device,
            )
            for dataset in args.dataset
            for dim in args.dim
            for model in args.model
            for geometry in args.geometry
            for seed in args.seeds
        ]
        known = {runs.key(run) for run in runs.read(place.path)}
        todo = [run for run in wanted if runs.key(run) not in known]
        said = in_processes(partial(do, place=place), todo, args.jobs)
        print(*unique(text for text in said if text is not None), sep="\n")
        found = {runs.key(run): run for run in runs.read(place.path)}
        done = [found[key] for key in map(runs.key, wanted) if key in found]
        if not done:
            raise ValueError(f"'--dataset' names no graph that is here: {args.dataset}")
        text = table(done)
        write(text, args.out / f"{TASK}.md")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
