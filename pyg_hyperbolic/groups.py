"""Parameter groups that keep weight decay away from curvatures."""

from typing import Any

import torch

from pyg_hyperbolic.curvature import Curvature


def parameter_groups(
    module: torch.nn.Module, weight_decay: float, **options: Any
) -> list[dict[str, Any]]:
    """Groups for any optimizer: curvatures without weight decay, all else with it.

    Decay would pull a curvature's parameter, and with it c, to a value that has nothing
    to do with the data.

    Args:
        module: The model.  A curvature that layers share is in its group once.
        weight_decay: Weight decay of all other parameters.
        **options: Other options of both groups, such as :obj:`lr`.

    Raises:
        ValueError: If :obj:`weight_decay` is negative or not a number, or the module
            has no parameters.
    """
    if not weight_decay >= 0:
        raise ValueError(
            f"'weight_decay' must be a number >= 0 (got {weight_decay}); pass 0 to "
            f"decay nothing"
        )
    curvatures = {
        id(parameter)
        for child in module.modules()
        if isinstance(child, Curvature)
        for parameter in child.parameters()
    }
    parameters = list(module.parameters())
    if not parameters:
        raise ValueError(
            f"'module' has no parameters (got {type(module).__name__}); build its "
            f"layers first, or run a lazy module once"
        )
    groups = [
        {
            "params": [p for p in parameters if (id(p) in curvatures) == of_curvatures],
            "weight_decay": decay,
            **options,
        }
        for of_curvatures, decay in ((False, weight_decay), (True, 0.0))
    ]
    return [group for group in groups if group["params"]]
