"""Where do the numbers of hyperbolic libraries break?

Asks this package, and geoopt and HypLL where they are installed, the same questions in
single precision, and trains HGCN's layers, written on the functions of each library, to
put the nodes of small random trees at the distances of the tree.  Prints how much was
right, appends JSON lines, and draws the relative error against the radius; run again,
it only does what is missing.
"""

import importlib.metadata
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.peers import LIBRARIES, Library, installed, package
from benchmarks.common.questions import (
    QUESTIONS,
    curvature_gradient,
    distance,
    pairs,
    round_trip,
)
from benchmarks.common.report import COLORS, figure, markdown, unique
from pyg_hyperbolic.datasets.sir import random_tree

RATES = (0.01, 0.1, 1.0)
STEPS = 200
NODES, FEATURES, HIDDEN, OUT = 48, 16, 16, 8

RADII = [10 ** (k / 6) for k in range(-48, 16)]  # 1e-8 to 300
FLOOR, WRONG = 1e-9, 10.0  # where errors of 0 are drawn, and those of no number
STYLES = ("-", "--", "-.", ":")  # told apart also without colours
PANELS: dict[str, Callable[[Library, float], float]] = {
    "log0(exp0(v))": lambda library, r: round_trip(library, r, 1.0),
    "distance of points 0.01 rad apart": lambda library, r: distance(
        library, *pairs(r, 1.0)[1], 1.0
    ),
    "derivative of a distance by c": lambda library, r: curvature_gradient(
        library, r, 1.0
    ),
}


class Network(torch.nn.Module):
    """HGCN's layers on a library: aggregation at the origin, a gyro-sum bias."""

    def __init__(self, space: Library) -> None:
        super().__init__()
        self.space = space
        widths = itertools.pairwise([FEATURES, HIDDEN, OUT])
        linear = [torch.nn.Linear(p, q) for p, q in widths]
        self.weight = torch.nn.ParameterList(layer.weight for layer in linear)
        self.bias = torch.nn.ParameterList(torch.zeros_like(k.bias) for k in linear)
        self.c = torch.nn.ModuleList(space.curvature(1.0) for _ in linear)

    def forward(self, x: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        """Points and their curvature, from a normalized adjacency matrix."""
        space, c = self.space, x
        for i, curvature in enumerate(self.c):
            c = curvature()
            h = space.matvec(self.weight[i], space.exp0(x, c), c)
            h = space.add(h, space.exp0(self.bias[i], c).expand_as(h), c)
            x = near @ space.log0(h, c)
            x = x.relu() if i + 1 < len(self.c) else x
        return space.exp0(x, c), c


def hops(parent: Tensor) -> Tensor:
    """Steps between the nodes of a tree whose parents come before their children."""
    out = torch.zeros(len(parent), len(parent))
    for i, j in enumerate(parent.tolist()[1:], start=1):
        out[i, :i] = out[:i, i] = out[j, :i] + 1
    return out


def survives(library: Library, lr: float, seed: int) -> bool:
    """Whether points, losses and parameters stay finite, and curvatures positive."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    steps_apart = hops(random_tree(NODES, 2.0, generator))
    x = torch.randn(NODES, FEATURES, generator=generator)
    near = (steps_apart <= 1).float()
    degree = near.sum(dim=-1).rsqrt()
    near = degree[:, None] * near * degree
    i, j = torch.triu_indices(NODES, NODES, 1)
    model = Network(library)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(STEPS):
        optimizer.zero_grad()
        out, c = model(x, near)
        stretch = library.dist(out[i], out[j], c) / steps_apart[i, j]
        # The logarithm, so that a start far out is a start and not an overflow.
        loss = (stretch - 1).square().mean().log1p()
        if not (out.isfinite().all() and loss.isfinite()):
            return False
        loss.backward()
        optimizer.step()
    finite = all(bool(p.isfinite().all()) for p in model.parameters())
    return finite and all(c().item() > 0 for c in model.c)


def planned(name: str, seeds: int) -> list[runs.Run]:
    """All that one library is asked."""
    head = {"task": "numerics", "model": name, "library": LIBRARIES[name]().name}
    version = importlib.metadata.version(package(name).replace("_", "-"))
    asked = [runs.new_run(**head, dataset=test, preset={}) for test in QUESTIONS]
    for lr in RATES:
        preset = {"lr": lr, "seeds": seeds, "steps": STEPS}
        asked.append(runs.new_run(**head, dataset=f"trained at lr {lr}", preset=preset))
    for run in asked:
        run["preset"]["library"] = version
    return asked


def ask(run: runs.Run) -> None:
    """Asks one question, and notes which answers were right."""
    library, preset = LIBRARIES[run["model"]](), run["preset"]
    if "lr" in preset:
        name = f"{library.name}, {run['dataset']}"
        bar = tqdm(range(preset["seeds"]), desc=name, leave=False)
        right = [survives(library, preset["lr"], seed) for seed in bar]
    else:
        right = QUESTIONS[run["dataset"]].answers(library)
    failed = [i for i, passed in enumerate(right) if not passed]
    run |= {"passed": sum(right), "total": len(right), "failed": failed}


def table(done: Sequence[runs.Run]) -> str:
    """Right answers of all, a row a test, a column a library."""
    columns = unique(run["library"] for run in done)
    cells = {
        (run["dataset"], run["library"]): f"{run['passed']}/{run['total']}"
        for run in done
    }
    tests = unique(run["dataset"] for run in done)
    rows = [[test, *(cells[test, name] for name in columns)] for test in tests]
    return markdown([["test", *columns], *rows])


def draw(names: Sequence[str], path: Path) -> None:
    """A panel a question, a line a library, at c = 1 in single precision."""
    look = {"figsize": (12, 4), "sharey": True}
    with figure(path, 1, len(PANELS), **look) as (shown, panels):
        for panel, (title, error) in zip(panels[0], PANELS.items(), strict=True):
            for color, style, name in zip(COLORS, STYLES, names, strict=False):
                library = LIBRARIES[name]()
                found = [error(library, radius) for radius in RADII]
                errors = [min(max(e, FLOOR), WRONG) for e in found]
                panel.loglog(RADII, errors, style, color=color, label=library.name)
            panel.set_title(title)
            panel.set_xlabel("distance from the origin (c = 1)")
            panel.set_ylim(FLOOR / 2, 2 * WRONG)
        panels[0][0].set_ylabel(f"relative error, float32; {WRONG:g}: no number")
        handles = panels[0][0].get_legend_handles_labels()
        shown.legend(*handles, loc="outside upper center", ncols=4, frameon=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = cli.parser(__doc__)
    cli.several(options, "--library", LIBRARIES, choices=LIBRARIES)
    options.add_argument("--seeds", type=int, default=32, help="(default: 32)")
    args = options.parse_args(argv)

    def job() -> None:
        torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
        names = [name for name in args.library if installed(name)]
        for name in args.library:
            if name not in names:
                print(f"left out {name}: pip install {package(name)} to compare")
        if not names:
            raise ValueError("'--library' names no library that is installed")
        path = args.out / "numerics.jsonl"
        wanted = [run for name in names for run in planned(name, args.seeds)]
        for run in runs.missing(path, wanted):
            ask(run)
            runs.append(path, run)
        draw(names, args.out / "numerics.png")
        cli.publish(table(runs.stored(path, wanted)), args.out, "numerics")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
