"""Parameter groups that keep weight decay away from curvatures."""

from typing import Any

import torch
from torch.nn.parameter import UninitializedParameter


def parameter_groups(
    module: torch.nn.Module, weight_decay: float, **options: Any
) -> list[dict[str, Any]]:
    """Groups for any optimizer: single numbers without weight decay, all else with it.

    Decay would pull a curvature's parameter, and with it c, to a value that has nothing
    to do with the data.  The same holds of every other parameter that is one number
    (0-d), such as the radius and the temperature of a
    :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`: it has a scale of its own, on which
    zero is no neutral value.  So all of these are spared.

    Args:
        module: The model.  A curvature that layers share is in its group once.
        weight_decay: Weight decay of all parameters with at least one dimension.
        **options: Other options of both groups, such as :obj:`lr`.

    Returns:
        The group with weight decay, then the one without; an empty group is left out.

    Raises:
        ValueError: If :obj:`weight_decay` is negative or not a number, or the module
            has no parameters.
    """
    if not weight_decay >= 0:
        raise ValueError(
            f"'weight_decay' must be a number >= 0 (got {weight_decay}); pass 0 to "
            f"decay nothing"
        )
    parameters = list(module.parameters())
    if not parameters:
        raise ValueError(
            f"'module' has no parameters (got {type(module).__name__}); build its "
            f"layers first, or run a lazy module once"
        )
    groups = [
        {
            "params": [p for p in parameters if _is_number(p) == of_numbers],
            "weight_decay": decay,
            **options,
        }
        for of_numbers, decay in ((False, weight_decay), (True, 0.0))
    ]
    return [group for group in groups if group["params"]]


def _is_number(parameter: torch.nn.Parameter) -> bool:
    # A lazy layer's weight has no shape yet; its optimizer may be made already.
    lazy = isinstance(parameter, UninitializedParameter)
    return not lazy and parameter.dim() == 0
