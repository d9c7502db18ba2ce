import pytest
import torch

from pyg_hyperbolic import Curvature, parameter_groups
from pyg_hyperbolic.nn import HGCN, FermiDiracDecoder, HGATConv
from tests.where import each


@each(
    ("module", "decayed", "numbers", "curvatures"),
    [
        (HGCN(3, 8, 3), 6, 0, 3),
        (HGCN(3, 8, 3, shared_curvature=True), 6, 0, 1),
        (HGCN(-1, 8, 2), 4, 0, 2),  # weights that are not there yet
        (HGATConv(3, 2, heads=2, curvature=[1.0, 2.0]), 4, 0, 1),
        (torch.nn.Linear(1, 1), 2, 0, 0),  # one number in a vector
        (Curvature(), 0, 0, 1),
        (FermiDiracDecoder(learnable=True), 0, 2, 0),
    ],
)
def test_every_parameter_is_in_one_group(
    module: torch.nn.Module, decayed: int, numbers: int, curvatures: int
) -> None:
    for own_lr in (None, 0.2):
        groups = parameter_groups(module, 0.1, lr=0.01, curvature_lr=own_lr)
        torch.optim.SGD(groups)
        found = [(g["weight_decay"], g["lr"], len(g["params"])) for g in groups]
        spared = numbers if own_lr else numbers + curvatures
        expected = [(0.1, 0.01, decayed), (0.0, 0.01, spared)]
        expected += [(0.0, 0.2, curvatures)] if own_lr else []
        assert found == [row for row in expected if row[2]]
        every = [id(p) for group in groups for p in group["params"]]
        assert sorted(every) == sorted(id(p) for p in module.parameters())
        raws = {id(c.raw) for c in module.modules() if isinstance(c, Curvature)}
        assert raws <= {id(p) for p in groups[-1]["params"]}


def test_a_module_without_parameters() -> None:
    with pytest.raises(ValueError, match=r"'module' has no parameters \(got ReLU\)"):
        parameter_groups(torch.nn.ReLU(), 0.1)
