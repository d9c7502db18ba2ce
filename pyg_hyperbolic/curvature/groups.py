"""Parameter groups that keep weight decay away from curvatures."""

import math
from typing import Any

import torch
from torch.nn.parameter import Parameter, UninitializedParameter

from pyg_hyperbolic.checks import check_kind, check_number
from pyg_hyperbolic.curvature.module import Curvature


def parameter_groups(
    module: torch.nn.Module,
    weight_decay: float,
    *,
    curvature_lr: float | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Groups for any optimizer: curvatures and single numbers without weight decay.

    Decay would pull a curvature's parameter, and with it c, to a value that has nothing
    to do with the data.  The same holds for every other parameter that is one number
    (0-d), such as :obj:`r` and the temperature of a
    :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`: it has a scale of its own, on which
    zero is not a neutral value.  So all of these are spared.

    Args:
        module: The model.  A curvature that several layers share is listed once.
        weight_decay: Weight decay of all other parameters.
        curvature_lr: Learning rate of curvatures, by default that of all parameters.
        **options: Other options of all groups, such as :obj:`lr`.

    Returns:
        The group with weight decay, then the one without, then that of the curvatures,
        if they have a learning rate of their own; empty groups are left out.

    Raises:
        ValueError: If :obj:`weight_decay` or :obj:`curvature_lr` is negative or not a
            number, or the module has no parameters.
    """
    check_number(0, math.inf, weight_decay=weight_decay)
    if curvature_lr is not None:
        check_number(0, math.inf, curvature_lr=curvature_lr)
    check_kind(module, torch.nn.Module, "module")
    parameters = list(module.parameters())
    if not parameters:
        raise ValueError(
            f"'module' has no parameters (got {type(module).__name__}); build its "
            f"layers first, or run a lazy module once"
        )
    curvatures = {
        id(child.raw) for child in module.modules() if isinstance(child, Curvature)
    }
    decayed: list[Parameter] = []
    spared: list[Parameter] = []
    own: list[Parameter] = []
    for parameter in parameters:
        if id(parameter) in curvatures:
            (spared if curvature_lr is None else own).append(parameter)
        else:
            (spared if _is_number(parameter) else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay, **options},
        {"params": spared, "weight_decay": 0.0, **options},
        {"params": own, "weight_decay": 0.0, **options, "lr": curvature_lr},
    ]
    return [group for group in groups if group["params"]]


def _is_number(parameter: torch.nn.Parameter) -> bool:
    # A lazy layer's weight has no shape yet, but may be given to an optimizer.
    lazy = isinstance(parameter, UninitializedParameter)
    return not lazy and parameter.dim() == 0
