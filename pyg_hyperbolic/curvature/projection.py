"""Curvatures put back into their bounds after each optimizer step."""

from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from pyg_hyperbolic.checks import check_kind
from pyg_hyperbolic.curvature.module import Curvature


def project_curvatures(
    optimizer: Optimizer, module: torch.nn.Module
) -> RemovableHandle:
    """Puts every ``projected`` curvature back into its bounds after each step.

    Between steps the gradient is exact, also at a bound: a step that points inwards
    is taken in full.  The bounds may be changed during training, and hold from the next
    step on.

    Optimizers lose their hooks where they are copied or pickled: call this again for
    the copy.  A checkpoint made with ``state_dict`` is not concerned.

    Args:
        optimizer: The optimizer that holds the curvatures' parameters.  One that
            evaluates the loss several times in a step, as LBFGS does, can leave the
            bounds meanwhile: it is better off with ``sigmoid``.
        module: The model, also inside :class:`DistributedDataParallel`; its curvatures
            are looked up anew at every step.  Where several optimizers share a model,
            register each with the part that it trains.

    Returns:
        A handle whose ``remove()`` takes the hook off again.

    Raises:
        ValueError: If the hook would miss a curvature, as :obj:`module` has no
            learnable ``projected`` one, or :obj:`optimizer` does not hold all of those
            that require a gradient.
    """
    check_kind(optimizer, Optimizer, "optimizer")
    check_kind(module, torch.nn.Module, "module")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    projected = _projected(module)
    if not projected:
        raise ValueError(
            f"'module' has no learnable curvature to project (got "
            f"{type(module).__name__}); build its layers with "
            f"Curvature(..., parametrization='projected')"
        )
    missed = [curvature for curvature in projected if id(curvature.raw) not in held]
    count = len(projected) - len(missed)
    if count == 0 or any(curvature.raw.requires_grad for curvature in missed):
        raise ValueError(
            f"'optimizer' must hold all projected curvatures of 'module' (got {count} "
            f"of {len(projected)}); create it from the parameters of the same module, "
            f"after moving it to its device, or pass the part of the module that it "
            f"trains"
        )

    def project(*_: Any) -> None:
        for curvature in _projected(module):
            curvature.project_()

    return optimizer.register_step_post_hook(project)


def _projected(module: torch.nn.Module) -> list[Curvature]:
    return [
        child
        for child in module.modules()
        if isinstance(child, Curvature)
        and child.learnable
        and child.parametrization == "projected"
    ]
