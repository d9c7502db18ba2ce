r"""A learnable curvature whose gradient is not blocked.

Hyperbolic layers in circulation clamp their curvature in the forward pass,
``c = torch.clamp(self.curvature, min=0.1)``: as soon as the optimizer has pushed the
parameter beyond the bound, its gradient is zero, and it never comes back.  Two cures
are offered: a smooth map from an unbounded parameter (``softplus``, ``sigmoid``), and
a bounded parameter that is put back into its bounds *after* the optimizer's step
(``projected``, with :func:`project_curvatures`).
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import softplus
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

PARAMETRIZATIONS = ("softplus", "sigmoid", "projected", "clamp")


class Curvature(torch.nn.Module):
    r"""The absolute value :math:`c` of a sectional curvature :math:`-c`.

    Calling the module gives :math:`c` as a 0-d tensor.  The learnable parameter is
    :obj:`raw`, written :math:`\rho`:

    ============= ======================================= ===========================
    name          :math:`c`                               gradient
    ============= ======================================= ===========================
    ``softplus``  :math:`\log(1 + e^\rho)`                never zero
    ``sigmoid``   :math:`l + (h - l)\,\sigma(\rho)`       never zero
    ``projected`` :math:`\rho`, put back into             exact inside the bounds
                  :math:`[l, h]` after each step
    ``clamp``     :math:`\rho` clamped to :math:`[l, h]`  **zero outside the bounds**;
                                                          kept for comparison
    ============= ======================================= ===========================

    The first :math:`c` is exactly :obj:`init`, rounded to the parameter's dtype.

    Layers that are given the same object share it.  Keep weight decay away from
    :obj:`raw`: it would pull :math:`\rho`, and with it :math:`c`, towards a value that
    has nothing to do with the data.

    Args:
        init: Initial :math:`c > 0`.
        learnable: If :obj:`False`, :math:`c` stays at :obj:`init`.
        parametrization: ``"softplus"``, ``"sigmoid"``, ``"projected"`` or ``"clamp"``.
        bounds: Lower and upper end :math:`0 < l < h` of the admissible :math:`c`, by
            default ``(0.1, 10.0)`` where the parametrization needs them.
            ``"softplus"`` has no bound but zero: given bounds are only checked
            against :obj:`init` there.

    Raises:
        ValueError: If :obj:`init` is not a positive number or not within the bounds,
            the bounds are not in order, or the parametrization is unknown.
    """

    raw: Tensor

    def __init__(
        self,
        init: float = 1.0,
        *,
        learnable: bool = True,
        parametrization: str = "softplus",
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"'parametrization' must be one of {', '.join(PARAMETRIZATIONS)} "
                f"(got {parametrization!r})"
            )
        if bounds is None and parametrization != "softplus":
            bounds = (0.1, 10.0)
        _check(init, bounds, parametrization)
        self.init = float(init)
        self.learnable = learnable
        self.parametrization = parametrization
        self.bounds = bounds
        # What rounding to the parameter's dtype takes from the initial rho. Added
        # back, it makes the first c exact: c = 1e-8 in float32 would be off by 1e-6.
        self._residual = 0.0
        raw = torch.empty(())
        if learnable:
            self.raw = Parameter(raw)
        else:
            self.register_buffer("raw", raw)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets :math:`c` back to the initial value."""
        rho = self._inverse(self.init)
        with torch.no_grad():
            self.raw.fill_(rho)
        if not self.raw.is_meta:
            self._residual = rho - self.raw.item()

    def forward(self) -> Tensor:
        # In float64, for the residual, and because softplus would underflow to c = 0
        # at rho = -104 in float32; here it does so at -745.
        rho = self.raw.double() + self._residual
        if self.parametrization == "softplus":
            c = softplus(rho, threshold=40.0)  # the default gives rho beyond 20
        elif self.parametrization == "sigmoid":
            low, high = self._bounds
            c = low + (high - low) * rho.sigmoid()
        elif self.parametrization == "projected":
            c = rho
        else:
            c = rho.clamp(*self._bounds)
        return c.to(self.raw.dtype)

    @torch.no_grad()
    def project_(self) -> None:
        """Puts a ``projected`` parameter back into the bounds, in place."""
        low, high = self._bounds
        self.raw.clamp_(low - self._residual, high - self._residual)

    @property
    def _bounds(self) -> tuple[float, float]:
        assert self.bounds is not None
        return self.bounds

    def _inverse(self, c: float) -> float:
        if self.parametrization == "softplus":
            return c + math.log(-math.expm1(-c))
        if self.parametrization == "sigmoid":
            low, high = self._bounds
            return math.log((c - low) / (high - c))
        return c

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        out = f"{self.init:g}, parametrization={self.parametrization!r}"
        if self.bounds is not None:
            out += f", bounds=({self.bounds[0]:g}, {self.bounds[1]:g})"
        return out if self.learnable else out + ", learnable=False"


def _check(
    init: float, bounds: tuple[float, float] | None, parametrization: str
) -> None:
    if not (0 < init < math.inf):
        raise ValueError(
            f"'init' must be a positive number: it is the absolute value of the "
            f"sectional curvature -c (got {init})"
        )
    if bounds is None:
        return
    low, high = bounds
    if not (0 < low < high < math.inf):
        raise ValueError(
            f"'bounds' must be two positive numbers, the lower one first (got {bounds})"
        )
    if not (low <= init <= high):
        raise ValueError(f"'init' must lie within the bounds {bounds} (got {init})")
    if parametrization == "sigmoid" and init in (low, high):
        raise ValueError(
            f"'init' must lie strictly between the bounds {bounds} for 'sigmoid', "
            f"which reaches them only in the limit (got {init}); widen the bounds"
        )


def project_curvatures(
    optimizer: Optimizer, module: torch.nn.Module
) -> RemovableHandle:
    """Puts every ``projected`` curvature back into its bounds after each step.

    Between steps the gradient is exact, also at a bound: a step that points inwards
    is taken in full.  The bounds may be changed while training.

    Args:
        optimizer: The optimizer that holds the curvatures' parameters.
        module: The model; its curvatures are looked up anew at every step.

    Returns:
        A handle whose ``remove()`` takes the hook off again.

    Raises:
        ValueError: If the hook would never do anything: :obj:`module` has no learnable
            ``projected`` curvature, or :obj:`optimizer` holds none of them.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    projected = _projected(module)
    if not projected:
        raise ValueError(
            f"'module' has no learnable curvature to project (got "
            f"{type(module).__name__}); build its layers with "
            f"Curvature(..., parametrization='projected')"
        )
    if not any(id(curvature.raw) in held for curvature in projected):
        raise ValueError(
            "'optimizer' holds none of the module's projected curvatures; create it "
            "from the parameters of the same module, after moving it to its device"
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
