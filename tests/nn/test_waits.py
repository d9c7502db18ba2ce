"""Nothing waits for the device: a value that Python asks for stops its stream."""

from functools import partial
from inspect import signature
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.nn import GCNConv

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import graph
from pyg_hyperbolic.nn import Hyperbolic
from tests.nn.test_derivatives import LAYERS, derivatives, problem

# Of graphs in a batch PyG's layers too ask how many there are, if nobody tells.
COUNTED = {"HyperbolicLayerNorm", "HyperbolicAggregation", "hyperbolic_mean_pool"}
SEARCHED = {
    "HyperbolicBatchNorm mean=frechet"
}  # until values say that the mean is found


class Waits(TorchDispatchMode):
    """Keeps the operations whose result, or its shape, has to be known at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        waits = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
        if waits & set(func.tags) and not self.known(name, args, kwargs):
            self.seen.add(name)
        if name in ("index_put", "index_put_") and not self.known(name, args, kwargs):
            self.seen.add(name)
        return func(*args, **kwargs)

    @staticmethod
    def known(name: str, args: Any, kwargs: Any) -> bool:
        """Whether the shape is known: of indices, and of repeats whose sum is given."""
        if name.startswith("index"):
            return all(i is None or i.dtype != torch.bool for i in args[1])
        return kwargs.get("output_size") is not None


def test_waits_are_seen_in_both_passes() -> None:
    x, mask = torch.ones(3, requires_grad=True), torch.tensor([True, False, True])
    with Waits() as waits:
        out = x[mask].sum()
    assert waits.seen == {"index"}
    with Waits() as waits:
        out.backward()
    assert waits.seen == {"index_put"}
    with Waits() as waits:
        x.sum().item()
        mask.nonzero()
        torch.ones(2).repeat_interleave(torch.tensor([1, 2]))
    assert waits.seen == {"_local_scalar_dense", "nonzero", "repeat_interleave"}
    with Waits() as waits:
        x[torch.tensor([0, 2])].sum().backward()
        x.repeat_interleave(torch.tensor([1, 2, 1]), output_size=4)
    assert not waits.seen


@pytest.fixture(params=["portable", "cuda"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A back end, and edges put in order as on other devices.

    Kernels are only started, as on a device.
    """
    monkeypatch.setattr(graph, "cpu", lambda: None)
    monkeypatch.setattr(graph, "_outside", lambda *ends: False)
    if request.param == "cuda":
        interpreter = pytest.importorskip("triton.runtime.interpreter")
        function = interpreter.InterpretedFunction
        monkeypatch.setattr(function, "run", lambda *args, **options: None)
    return str(request.param)


def without_self_loops(name: str) -> Any:
    """The maker of a layer: PyG's self-loops pick edges by a mask, once a call."""
    make = LAYERS[name][0]
    if name == "Hyperbolic(GCNConv)":
        return lambda: Hyperbolic(GCNConv(3, 4, add_self_loops=False))
    function = getattr(make, "func", make)
    if "add_self_loops" in signature(function).parameters:
        return partial(make, add_self_loops=False)
    return make


@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_waits(name: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, given = without_self_loops(name), LAYERS[name][1]
    monkeypatch.setitem(LAYERS, name, (make, given))
    loss, leaves = problem(name, 1.0, torch.float32)
    with kernels.backend(by), Waits() as waits:
        derivatives(loss(), leaves)
    asked = {"_local_scalar_dense"} if name in COUNTED | SEARCHED else set()
    assert waits.seen == asked
