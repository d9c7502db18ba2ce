"""Breaks one public formula after the other, and tells which of them no test misses.

``python -m tests.mutants`` takes some minutes; ``python -m tests.mutants norm kge``
breaks those alone in whose file there is one of the words.  Each mutant is a change of
one place, in a copy of this checkout, and should make its tests fail: those that stand
beside it, which are all that is run.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PATIENCE = 600  # seconds for a mutant that may never come to an end
CAUGHT, PASSED = 1, 0  # exit statuses of pytest


class Mutant(NamedTuple):
    """A change of one place, and tests that should see it."""

    file: str  # in the package
    tests: str  # in tests/, with options of pytest
    old: str
    new: str


# Files, and the tests that are run, each before what is changed in them.
TABLE = """
geometry/gyro.py by geometry/test_gyro.py
- * sinhc_v * c * uq
+ * sinhc_v * uq
- cosh(z_v, shift_v) + cross
+ cosh(z_v, shift_v)
- return gyro_add(-u, v, c)
+ return gyro_add(u, v, c)
-     u = -u
+     u = u
- along = fixed * bend * uv
+ along = bend * uv
geometry/charts.py by geometry/test_charts.py
- dot(v, v) / 4) / 2 * v
+ dot(v, v)) / 2 * v
- cosh(z) / c**0.5
+ cosh(z)
- (2 * special.artanhc(z) * x)
+ (special.artanhc(z) * x)
geometry/frechet.py by geometry/test_frechet.py
- pull = _sum(shares, y)
+ pull = y.sum(dim=-2, keepdim=True)
- across = _sum(shares, 1 + curved
+ across = _sum(0 * shares + 1, 1 + curved
- y = gyro_add(-x, z, c)
+ y = gyro_add(-z, x, c)
geometry/midpoint.py by geometry/test_midpoint.py
- klein, sizes = kappa * v,
+ klein, sizes = v,
- both = torch.logaddexp(flat, both)
+ both = flat
- rest.exp(), 0.0)
+ (-rest).exp(), 0.0)
geometry/midpoint.py by geometry/test_transforms.py
- away = away + groups
+ away = away + 2 * groups
geometry/hyperplane.py by geometry/test_hyperplane.py
- m = m - q *
+ m = m + q *
geometry/hyperplane.py by nn/dense
- return norm * hyperplane_dist(
+ return hyperplane_dist(
- z = c * wide.square()
+ z = wide.square()
geometry/cones.py by geometry/test_cones.py
- inner / square.sqrt() *
+ inner / square *
- gyro_add(-u, v, c), dot
+ gyro_add(-v, u, c), dot
geometry/lorentz.py by kernels/test_lorentz.py
- times(special.cosh(z, shift), time)
+ times(special.sinhc(z, shift), time)
geometry/lorentz.py by nn/conv/test_hybonet_conv.py
- length > 0, c * length, 1.0
+ length > 0, length, 1.0
geometry/special.py by geometry/test_special.py
- torch.log1p(a) - torch
+ a - torch
geometry/derivative.py by numerics/test_operations.py
- 2 * radial * frame.ww
+ radial * frame.ww
curvature/module.py by curvature/test_curvature.py
- return c + math.log(
+ return math.log(
- low + (high - low) * rho
+ low + high * rho
curvature/auto.py by curvature/test_auto.py
- (RADIUS / length) ** 2
+ RADIUS / length
curvature/groups.py by curvature/test_groups.py
- spared, "weight_decay": 0.0
+ spared, "weight_decay": weight_decay
curvature/projection.py by curvature/test_projection.py
- curvature.project_()
+ pass
kernels/portable.py by kernels/test_operations.py -k portable
- geometry.log(u, v, c), weight
+ geometry.log(v, u, c), weight
- x if column is None else column * x
+ x
- gyro_add(points, bias.to(points.dtype), c)
+ gyro_add(bias.to(points.dtype), points, c)
geometry/rows.py by kernels/test_lines.py -k portable
- rest = v - share * high - share * (u - high)
+ rest = v - 0 * (share * high)
geometry/rows.py by geometry/test_gyro.py
- & (left != 0)
+ & (left == left)
kernels/cpu/gyro.py by kernels/test_lines.py -k cpu
- return beside <= noise * noise * gg
+ return beside < 0
kernels/cpu/klein.py by kernels/test_lines.py -k cpu
- math.exp(step - log_coshs)
+ math.exp(-log_coshs)
kernels/cuda/far.py by kernels/test_lines.py -k cuda
- lean[:, None] * (there - high)
+ 0 * there
kernels/cpu/split.py by kernels/test_operations.py -k cpu
- s_excess += (p + q) * (p - q)
+ s_excess += (p + q) * (q - p)
kernels/cpu/split.py by kernels/test_corners.py -k nearly
- return difference(difference(difference(q, base * p), lean * p), rest * p)
+ return q - (base + lean + rest) * p
kernels/cuda/rows.py by kernels/test_corners.py -k nearly
- return (q - base[:, None] * p) - lean[:, None] * p
+ return q - (base + lean)[:, None] * p
kernels/cuda/scalars.py by kernels/test_cuda_scalars.py
- cosh = 1 + z / 2 * half * half
+ cosh = 1 + z * half * half
nn/points.py by nn/conv/test_hgcn_conv_values.py
- return kernels.gyro_add(h, bias, c)
+ return kernels.gyro_add(bias.expand_as(h), h, c)
nn/conv/hgcn_conv.py by nn/conv/test_family.py -k local
- log(target_i, x_j, c)
+ log(x_j, target_i, c)
nn/conv/hgcn_conv.py by nn/conv/test_hgcn_conv_values.py
- return add(target, out, c)
+ return add(out, target, c)
nn/conv/hgat_conv.py by nn/conv/test_hgat_conv.py
- -self.log_beta.exp() * distance
+ self.log_beta.exp() * distance
- (h_target * self.att_dst).sum(dim=-1)[target]
+ (h_target * self.att_dst).sum(dim=-1)[source]
nn/conv/attention.py by nn/conv/test_hgat_conv.py
- softmax(score.to(wide), target,
+ softmax(score.to(wide), target * 0,
nn/conv/hsage_conv.py by nn/conv/test_hgcn_conv_values.py
- out = add(out, self.lin_r(target), c)
+ out = out + self.lin_r(target)
nn/conv/hybonet_conv.py by pyg/test_twins.py
- bias=not self.scale)
+ bias=True)
nn/conv/normalized.py by nn/conv/test_hgcn_conv_values.py
- num_nodes, improved, add_self_loops, flow, dtype
+ num_nodes, improved, add_self_loops, "source_to_target", dtype
nn/conv/messages.py by pyg/test_twins.py
- total.to(out.dtype), out) * out
+ total.to(out.dtype), out).sqrt() * out
nn/norm.py by nn/test_norm.py
- share[0] = 1 - self.momentum
+ share[0] = self.momentum
- (variance + self.eps).rsqrt()
+ (variance + self.eps).reciprocal()
nn/aggr.py by nn/test_aggr.py
- index.repeat_interleave(ptr.diff()
+ index.flip(0).repeat_interleave(ptr.diff()
nn/decoders.py by nn/test_decoders.py
- (self.r - square) / self.t
+ (square - self.r) / self.t
nn/losses.py by nn/test_losses.py
- return halves[0] + halves[1]
+ return halves[0]
- (self.margin - self.energy(embedding, others, c))
+ (self.margin + self.energy(embedding, others, c))
- others[row]
+ others[row.flip(0)]
- masked_fill(skipped, -math.inf)
+ masked_fill(skipped, 0.0)
nn/dense/embedding.py by nn/test_losses.py
- largest=False
+ largest=True
nn/kge/givens.py by nn/kge/test_scores.py
- cos * a - sin * b
+ cos * a + sin * b
nn/kge/atth.py by nn/kge/test_scores.py
- self.rel_context(rel) / math.sqrt(self.hidden_channels)
+ self.rel_context(rel)
nn/kge/base.py by nn/kge/test_scores.py
- biases - kernels.sqdist
+ biases + kernels.sqdist
nn/kge/ranking.py by nn/kge/test_ranking.py
- equal.sum(dim=1).double() / 2
+ equal.sum(dim=1).double()
utils/hyperbolicity.py by utils/test_hyperbolicity.py
-     return twice / 2
+     return float(twice)
utils/embedding.py by utils/test_embedding.py
- np.abs(scaled / steps[far] - 1)
+ np.abs(found[far] / steps[far] - 1)
"""


def mutants() -> list[Mutant]:
    """The table, change by change."""
    out, lines = [], iter(TABLE.strip().splitlines())
    file = tests = ""
    for line in lines:
        if line.startswith("- "):
            out.append(Mutant(file, tests, line[2:], next(lines).removeprefix("+ ")))
        else:
            file, tests = line.split(" by ")
    return out


def broken(mutant: Mutant, text: str) -> str:
    """The file with the change, which has to fit one place alone."""
    places = text.count(mutant.old)
    if places != 1:
        raise ValueError(f"{mutant.file}: {mutant.old!r} is there {places} times")
    return text.replace(mutant.old, mutant.new)


def status(copy: Path, tests: str, log: Path) -> int:
    """How the tests end, in a process that finds what all of them import loaded."""
    child = os.fork()
    if child == 0:
        ended = 70  # of an error outside of tests
        try:
            ended = _run(copy, tests, log)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(ended)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(copy: Path, tests: str, log: Path) -> int:
    signal.alarm(PATIENCE)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(copy)
    sys.modules.pop("tests", None)
    sys.path[:] = [str(copy), *(p for p in sys.path if p not in ("", str(ROOT)))]
    files = [f"tests/{word}" if "/" in word else word for word in tests.split()]
    options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*options, *files]))


def seen_by(log: Path) -> str:
    """The test that failed."""
    failed = [x for x in log.read_text().splitlines() if x.startswith("FAILED ")]
    return failed[0].split()[1].removeprefix("tests/") if failed else "no test by name"


def main(words: list[str]) -> int:
    """Breaks all, or those in whose file there is a word."""
    chosen = [m for m in mutants() if not words or any(w in m.file for w in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        copy, log = Path(scratch, "checkout"), Path(scratch, "log")
        hidden = shutil.ignore_patterns(".*", "build", "results")
        shutil.copytree(ROOT, copy, ignore=hidden)
        for mutant in chosen:
            path = Path("pyg_hyperbolic", mutant.file)
            (copy / path).write_text(broken(mutant, (ROOT / path).read_text()))
            start = time.monotonic()
            ended = status(copy, mutant.tests, log)
            shutil.copy2(ROOT / path, copy / path)
            seconds = time.monotonic() - start
            caught = ended == CAUGHT or ended == -signal.SIGALRM
            missed += not caught
            answer = "caught" if caught else "MISSED" if ended == PASSED else "FAILED"
            print(
                f"{answer} in {seconds:3.0f} s  {mutant.file}: {mutant.old.strip()} -> "
                f"{mutant.new.strip()}  "
                f"({seen_by(log) if caught else f'status {ended}'})",
                flush=True,
            )
            if ended not in (CAUGHT, PASSED, -signal.SIGALRM):
                print(log.read_text()[-2000:])
    print(f"{len(chosen) - missed} of {len(chosen)} mutants are caught")
    return int(missed > 0)


if __name__ == "__main__":
    # What tests import is loaded once; the package itself, anew in each process.
    import geoopt  # noqa: F401
    import mpmath  # noqa: F401
    import numba  # noqa: F401
    import pytest
    import torch_geometric.nn  # noqa: F401

    sys.exit(main(sys.argv[1:]))
