"""Where do the numbers of hyperbolic libraries break?

Asks this package, and geoopt and HypLL where they are installed, the same questions in
single precision: gradients at the exact origin, round trips between the tangent space
there and the points, distances near and far, the derivative by the curvature.  And
trains HGCN's layers, written on the functions of each library, to put the nodes of
small random trees at the distances of the tree, at any learning rate.  Prints how much
was right, appends JSON lines, and draws the relative error against the radius; run
again, it only does what is missing.  Points of this package are normal coordinates,
for which a round trip is the identity.
"""

import importlib.metadata
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.report import COLORS, figure, markdown, unique, write
from benchmarks.numerics_questions import (
    TESTS,
    curvature_gradient_error,
    distance_error,
    pairs,
    round_trip_error,
)
from benchmarks.peers import LIBRARIES, PACKAGES, Library, installed
from pyg_hyperbolic.datasets.sir import random_tree

RATES = (0.01, 0.1, 1.0)
NODES, FEATURES, HIDDEN, OUT = 48, 16, 16, 8

RADII = [10 ** (k / 6) for k in range(-48, 16)]  # 1e-8 to 300
FLOOR, WRONG = 1e-9, 10.0  # where errors of 0 are drawn, and those of no number
STYLES = ("-", "--", "-.", ":")  # told apart also without colours
F32 = torch.float32
PANELS: dict[str, Callable[[Library, float], float]] = {
    "log0(exp0(v))": lambda library, r: round_trip_error(library, F32, r, 1.0),
    "distance of points 0.01 rad apart": lambda library, r: distance_error(
        library, F32, *pairs(r, 1.0)[1], 1.0
    ),
    "derivative of a distance by c": lambda library, r: curvature_gradient_error(
        library, F32, r, 1.0
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


def survives(library: Library, lr: float, seed: int, steps: int) -> bool:
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
    for _ in range(steps):
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


def asked(
    name: str, seeds: int, steps: int
) -> Iterator[tuple[runs.Run, Callable[[], list[bool]]]]:
    """All that one library is asked: what identifies a question, and how to ask it."""
    library, package = LIBRARIES[name](), PACKAGES[name].replace("_", "-")
    head = {"task": "numerics", "model": name, "library": library.name}
    head["library_version"] = importlib.metadata.version(package)

    def trained(lr: float) -> list[bool]:
        bar = tqdm(range(seeds), desc=f"{name} lr {lr:g}", leave=False)
        return [survives(library, lr, seed, steps) for seed in bar]

    for test, question in TESTS.items():
        yield runs.new_run(**head, dataset=test), partial(question, library, F32)
    for lr in RATES:
        preset = {"lr": lr, "seeds": seeds, "steps": steps}
        run = runs.new_run(**head, dataset=f"trained at lr {lr}", preset=preset)
        yield run, partial(trained, lr)


def complete(
    names: Sequence[str], seeds: int, steps: int, path: Path
) -> list[runs.Run]:
    """All runs that are wanted; those that are not on disk yet are done first."""

    def key(run: runs.Run) -> tuple[str, str]:
        return runs.key(run), run["library_version"]

    known, out = {key(run): run for run in runs.read(path)}, []
    for name in names:
        for run, answers in asked(name, seeds, steps):
            if key(run) not in known:
                right = answers()
                failed = [i for i, passed in enumerate(right) if not passed]
                run.update(passed=sum(right), total=len(right), failed=failed)
                runs.append(path, run)
                known[key(run)] = run
            out.append(known[key(run)])
    return out


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


def draw(libraries: Sequence[Library], path: Path) -> None:
    """A panel a question, a line a library, at c = 1 in single precision."""
    look = {"figsize": (12, 4), "sharey": True}
    with figure(path, 1, len(PANELS), **look) as (shown, panels):
        for panel, (title, error) in zip(panels[0], PANELS.items(), strict=True):
            for color, style, library in zip(COLORS, STYLES, libraries, strict=False):
                found = [error(library, radius) for radius in RADII]
                errors = [WRONG if e != e else min(max(e, FLOOR), WRONG) for e in found]
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
    options.add_argument("--steps", type=int, default=200, help="(default: 200)")
    args = options.parse_args(argv)

    def job() -> None:
        torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other
        names = [name for name in args.library if installed(name)]
        for name in args.library:
            if name not in names:
                print(f"left out {name}: pip install {PACKAGES[name]} to compare")
        if not names:
            raise ValueError("'--library' names no library that is installed")
        done = complete(names, args.seeds, args.steps, args.out / "numerics.jsonl")
        text = table(done)
        write(text, args.out / "numerics.md")
        draw([LIBRARIES[name]() for name in names], args.out / "numerics.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
