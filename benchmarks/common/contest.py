"""Layers that take turns: seconds of a pass, memory it keeps, and ratios of both."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from tqdm import tqdm

from benchmarks.common.layers import WEIGHTED, Graph, Group, build, call


def kept(forward: Callable[[], Tensor], given: Sequence[Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, but for what is given."""
    known = {x.untyped_storage().data_ptr() for x in given}
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        parts = [x]
        if x.layout == torch.sparse_csr:
            parts = [x.crow_indices(), x.col_indices(), x.values()]
        for part in parts:
            storage = part.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        forward()
    return sum(size for pointer, size in found.items() if pointer not in known)


def step(
    forward: Callable[[], Tensor], x: Tensor, grad: Tensor, calls: int = 1
) -> float:
    """Seconds of a forward and a backward pass."""
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    start = time.perf_counter()
    for _ in range(calls):
        x.grad = None
        forward().backward(grad)
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return (time.perf_counter() - start) / calls


class Contest:
    """Layers of a group, built and compiled once, that take turns at each radius.

    Args:
        group: The layers.
        names: Those of them that are wanted, the reference first.
        graph: A graph as those to come.
        tries: How often to measure the first call under torch.compile.
    """

    def __init__(
        self, group: Group, names: Sequence[str], graph: Graph, tries: int
    ) -> None:
        self.group = group
        channels, device = graph.x.size(1), graph.x.device
        self.layers = {
            name: build(name, group.mode, channels).to(device) for name in names
        }
        self.first: dict[str, float] = {}
        if group.mode == "compiled":
            self._compile(graph, tries)

    def _compile(self, graph: Graph, tries: int) -> None:
        from torch._inductor.utils import fresh_inductor_cache

        grad, mode, eager = torch.ones_like(graph.x), self.group.mode, self.layers
        # What is compiled once in a process, or on a machine, is left out.
        warm = torch.compile(lambda x: (x.sin() + 1).cumsum(0))
        step(lambda: warm(graph.x), graph.x, grad)
        seconds: dict[str, list[float]] = {name: [] for name in eager}
        for name, layer in eager.items():
            step(call(name, layer, mode, graph), graph.x, grad)
        for _ in range(tries):
            torch.compiler.reset()
            self.layers = {}
            for name, layer in eager.items():
                run: Any = torch.compile(layer, fullgraph=True)
                self.layers[name] = run
                forward = call(name, run, mode, graph)
                with fresh_inductor_cache():
                    seconds[name].append(step(forward, graph.x, grad))
        self.first = {name: float(np.median(some)) for name, some in seconds.items()}

    def at(
        self, graph: Graph, names: Sequence[str], repeats: int, calls: int
    ) -> list[dict[str, Any]]:
        """A result for each of some layers, the reference among them."""
        mode, reference = self.group.mode, self.group.reference
        grad = torch.randn_like(graph.x)
        result: dict[str, dict[str, Any]] = {name: {} for name in names}
        forward = {n: call(n, self.layers[n], mode, graph) for n in names}
        for name, own in result.items():
            if name in self.first:
                own["first_seconds"] = self.first[name]
            else:
                self._note_memory(own, name, self.layers[name], graph)
            step(forward[name], graph.x, grad)
            if graph.x.is_cuda:
                torch.cuda.reset_peak_memory_stats(graph.x.device)
                step(forward[name], graph.x, grad)
                peak = torch.cuda.max_memory_allocated(graph.x.device)
                own["peak_memory_mib"] = peak / 2**20
        seconds: dict[str, list[float]] = {name: [] for name in names}
        title = f"{mode}, {reference}"
        for _ in tqdm(range(repeats), desc=title, unit="repeat", leave=False):
            for name in names:
                seconds[name].append(step(forward[name], graph.x, grad, calls))
        for name, own in result.items():
            ratios = np.array(seconds[name]) / np.array(seconds[reference])
            low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
            own |= {"model": name, "reference": reference, "ratio": median}
            middle = float(np.median(seconds[name]))
            own |= {"quartiles": [low, high], "seconds": middle}
            for key in ("kept", "kept_learned", "first_seconds"):
                other = result[reference].get(key, result[reference].get("kept"))
                if key in own and other:
                    own[f"{key}_ratio"] = own[key] / other
        return list(result.values())

    def _note_memory(
        self, result: dict[str, Any], name: str, layer: Module, graph: Graph
    ) -> None:
        given, mode = (*layer.parameters(), *graph.tensors), self.group.mode
        result["kept"] = kept(call(name, layer, mode, graph), given)
        if mode == "edge_index" and name in WEIGHTED:
            weight = graph.weight.clone().requires_grad_()
            learned = call(name, layer, mode, graph, weight)
            result["kept_learned"] = kept(learned, (*given, weight))
