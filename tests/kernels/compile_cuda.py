"""Compiles every kernel for CUDA, without a device, and lists what it takes.

``python -m tests.kernels.compile_cuda float32,float64 80,90`` prints a line of JSON for
each kernel, type of points and compute capability: registers of a thread, bytes of
stack, which are spilled registers, and bytes of shared memory.  It takes two minutes;
without arguments each kernel is compiled once, for the first of both and the last by
turns.
"""

import inspect
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction, mangle_type

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels.cuda import launch
from tests.kernels.cases import OPERATIONS, TARGETS, Case

TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
WIDTH = 64
# Each kernel is in one of these, with all that it can have.
NAMES = ("sum_with_one", "midpoint_of_sums", "weighted_sum", "log_sum", "dist")


class Launched(dict[str, tuple[int, Any, dict[str, Any]]]):
    """The kernels that operations start, each with as much as it can have."""

    def run(
        self, kernel: Any, *args: Any, grid: Any, warmup: bool, **rest: Any
    ) -> None:
        names = [param.name for param in kernel.params]
        given = dict(zip(names, args, strict=False)) | rest
        fixed = {p.name: given[p.name] for p in kernel.params if p.is_constexpr}
        types = {
            name: "constexpr" if name in fixed else mangle_type(given[name])
            for name in names
        }
        options = {name: value for name, value in rest.items() if name not in names}
        source = ASTSource(
            fn=kernel,
            signature=types,
            constexprs=fixed,
            attrs={
                (i,): [["tt.divisibility", 16]]
                for i, name in enumerate(names)
                if types[name].startswith("*")
            },
        )
        name = f"{Path(inspect.getfile(kernel.fn)).stem}.{kernel.__name__}"
        flags = sum(value is True for value in fixed.values())
        if name not in self or flags > self[name][0]:
            self[name] = flags, source, options


def launched(dtype: torch.dtype) -> Launched:
    """What operations on points of a dtype start, forward and backward."""
    out, heads, sources = Launched(), 2, 9
    edges = 40
    leaves = {
        name: torch.ones(*shape, dtype=dtype).requires_grad_()
        for name, shape in {
            "x": (sources, heads, WIDTH), "other": (sources, heads, WIDTH),
            "target": (TARGETS, heads, WIDTH), "bias": (heads, WIDTH),
            "weight": (edges, heads), "signed": (edges, heads), "c": (heads,),
        }.items()
    }  # fmt: skip
    ends = torch.arange(edges)
    case = Case(ends.flip(0) % sources, ends.flip(0) % TARGETS, leaves, sources)
    JITFunction.run = lambda *args, **rest: out.run(*args, **rest)
    launch.LONGEST = 8
    with kernels.backend("cuda"):
        for name in NAMES:
            OPERATIONS[name].run(case)
        x, time = leaves["x"][:, 0], leaves["bias"][0]
        kernels.lorentz_map(x, x, time, time, leaves["c"][0]).sum().backward()
    return out


def resources(cubin: bytes) -> dict[str, int]:
    """What a kernel takes, from its machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        listed = subprocess.run(
            [TOOL, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    found = dict(re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", listed))
    return {name.lower(): int(found[name]) for name in ("REG", "STACK", "SHARED")}


def compiled(turns: Sequence[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    """Kernels for types of points and capabilities, of which each has its turn."""
    of = {dtype: launched(getattr(torch, dtype)) for dtype, _ in turns}
    for i, name in enumerate(sorted(of[turns[0][0]])):
        dtype, capability = turns[i % len(turns)]
        _, source, options = of[dtype][name]
        target = GPUTarget("cuda", capability, 32)
        out = triton.compile(source, target=target, options=options)
        yield {
            "kernel": name,
            "dtype": dtype,
            "capability": capability,
            "warps": options["num_warps"],
            **resources(out.asm["cubin"]),
        }


if __name__ == "__main__":
    turns = [[("float32", 80), ("float64", 90)]]
    if sys.argv[1:]:
        dtypes, capabilities = (argument.split(",") for argument in sys.argv[1:])
        turns = [[(d, int(k))] for d in dtypes for k in capabilities]
    for chosen in turns:
        for line in compiled(chosen):
            print(json.dumps(line), flush=True)
