r"""A learnable curvature whose gradient is not blocked.

Hyperbolic layers in circulation clamp their curvature in the forward pass,
``c = torch.clamp(self.curvature, min=0.1)``: as soon as the optimizer has pushed the
parameter beyond the bound, its gradient is zero, and it never comes back.  Two cures
are offered: a smooth map from an unbounded parameter (``softplus``, ``sigmoid``), and
a bounded parameter that is put back into its bounds *after* the optimizer's step
(``projected``, with :func:`~pyg_hyperbolic.project_curvatures`).
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import softplus

PARAMETRIZATIONS = ("softplus", "sigmoid", "projected", "clamp")


class Curvature(torch.nn.Module):
    r"""The absolute value :math:`c` of a sectional curvature :math:`-c`.

    Calling the module gives :math:`c` as a 0-d tensor in float64, whatever the dtype of
    the parameter: small numbers have more digits, and do not become 0.  The learnable
    parameter is :obj:`raw`, written :math:`\rho`:

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

    The first :math:`c` is :obj:`init` to the last digits of float64.  Gradients that
    are "never zero" underflow all the same where :math:`c` is next to nothing: those of
    ``softplus`` in float32 below :math:`\rho = -100`.

    Layers that are given the same object share it.  Keep weight decay away from
    :obj:`raw` (see :func:`~pyg_hyperbolic.parameter_groups`): it would pull
    :math:`\rho`, and with it :math:`c`, towards a value that has nothing to do with the
    data.

    A ``state_dict`` also holds the parametrization, the bounds, and what rounding to
    the parameter's dtype took from the initial :math:`\rho`, so that it gives the same
    :math:`c` in another dtype and on another device.  It loads into the same
    parametrization alone: :obj:`raw` means something else in every other.

    Args:
        init: Initial :math:`c > 0`; or several, such as one for each head of a layer,
            to be learned together: :math:`c` then has the shape :math:`(n)`.
        learnable: If :obj:`False`, :math:`c` stays at :obj:`init`.
        parametrization: ``"softplus"``, ``"sigmoid"``, ``"projected"`` or ``"clamp"``.
        bounds: Lower and upper end :math:`0 < l < h` of the admissible :math:`c`, by
            default ``(0.1, 10.0)`` where the parametrization needs them.
            ``"softplus"`` has no bound but zero: given bounds are only checked
            against :obj:`init` there.  The bounds of ``"projected"`` and ``"clamp"``
            may be set anew at any time.

    Raises:
        ValueError: If :obj:`init` is not a positive number or not within the bounds,
            the bounds are not in order, or the parametrization is unknown.
    """

    raw: Tensor

    def __init__(
        self,
        init: float | Sequence[float] = 1.0,
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
        self.init = _numbers(init)
        for c in self._inits:
            _check(c, bounds, parametrization)
        self.learnable = learnable
        self.parametrization = parametrization
        self._bounds = bounds
        # What rounding to the parameter's dtype takes from the initial rho. Added
        # back, it makes the first c exact: c = 1e-8 in float32 would be off by 1e-6.
        self._residual: list[float] = [0.0] * len(self._inits)
        # Deep copies keep it: by this `tie_curvatures` knows them for what they are.
        self.origin = uuid4().hex
        raw = torch.empty(() if isinstance(self.init, float) else len(self.init))
        if learnable:
            self.raw = Parameter(raw)
        else:
            self.register_buffer("raw", raw)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets :math:`c` back to the initial value."""
        rho = [self._inverse(c) for c in self._inits]
        with torch.no_grad():
            self.raw.copy_(torch.tensor(rho, dtype=torch.float64).view_as(self.raw))
        if not self.raw.is_meta:
            self._residual = _differences(rho, _entries(self.raw))

    @property
    def _inits(self) -> tuple[float, ...]:
        return (self.init,) if isinstance(self.init, float) else self.init

    def independent_copy(self) -> "Curvature":
        """A copy that :func:`~pyg_hyperbolic.tie_curvatures` does not tie to it."""
        other = copy.deepcopy(self)
        other.origin = uuid4().hex
        return other

    def forward(self) -> Tensor:
        """Returns c in float64, whatever the dtype of the parameter."""
        # For the residual, and because c would underflow to 0 at rho = -104 in float32,
        # where optimizers do get to; here it does so at -745.
        if self.raw.dim() == 0:
            rho = self.raw.double() + self._residual[0]
        else:
            rho = self.raw.double()
            rho = rho + rho.new_tensor(self._residual)
        if self.parametrization == "softplus":
            c = softplus(rho, threshold=40.0)  # the default gives rho beyond 20
        elif self.parametrization == "sigmoid":
            low, high = self._ends
            c = low + (high - low) * rho.sigmoid()
        elif self.parametrization == "projected":
            c = rho
        else:
            c = rho.clamp(*self._ends)
        return c

    @torch.no_grad()
    def project_(self) -> None:
        """Puts a ``projected`` parameter back into the bounds, in place."""
        low, high = self._ends
        for i, residual in enumerate(self._residual):
            ends = self._last(low, high, residual), self._last(high, low, residual)
            self.raw.view(-1)[i].clamp_(*ends)

    def _last(self, end: float, inside: float, residual: float) -> float:
        """The parameter at an end: no rounding must bring c beyond it."""
        rho = torch.tensor(end - residual, dtype=torch.float64)
        rho = rho.to(self.raw.dtype)
        c = rho.item() + residual
        if c > end if inside < end else c < end:
            rho = rho.nextafter(rho.new_tensor(inside))
        return rho.item()

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper end of the admissible c, :obj:`None` if there are none."""
        return self._bounds

    @bounds.setter
    def bounds(self, bounds: tuple[float, float]) -> None:
        if self.parametrization not in ("projected", "clamp"):
            raise ValueError(
                f"'bounds' of {self.parametrization!r} are fixed: others would make "
                f"another c of the same parameter (got {bounds}); build a new "
                f"Curvature, or use 'projected'"
            )
        _check_order(bounds)
        self._bounds = bounds

    @property
    def _ends(self) -> tuple[float, float]:
        assert self._bounds is not None
        return self._bounds

    def _inverse(self, c: float) -> float:
        if self.parametrization == "softplus":
            return c + math.log(-math.expm1(-c))
        if self.parametrization == "sigmoid":
            low, high = self._ends
            return math.log((c - low) / (high - c))
        return c

    def _apply(
        self, fn: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> "Curvature":
        before = self.raw.detach().clone()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._keep(before)
        return self

    def _keep(self, before: Tensor) -> None:
        """Keeps c what it was where another dtype has rounded rho anew."""
        if not (before.is_meta or self.raw.is_meta):
            lost = _differences(_entries(before), _entries(self.raw))
            self._residual = [a + b for a, b in zip(self._residual, lost, strict=True)]

    def get_extra_state(self) -> Tensor:
        """What a checkpoint needs besides :obj:`raw`, in float64."""
        index = PARAMETRIZATIONS.index(self.parametrization)
        low, high = self._bounds or (0.0, math.inf)
        first, *others = self._residual
        return torch.tensor([index, first, low, high, *others], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Takes what :meth:`get_extra_state` gave."""
        _, first, _, _, *others = state.tolist()
        self._residual = [first, *others]

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        raw, state = (state_dict.get(prefix + key) for key in ("raw", "_extra_state"))
        if raw is not None and state is not None and self._differs(state):
            index, _, low, high = state[:4].tolist()
            name = PARAMETRIZATIONS[int(index)]
            error_msgs.append(
                f"'{prefix}raw' is of the parametrization {name!r} with bounds "
                f"({low:g}, {high:g}), but this curvature is {self}; build it with "
                f"the checkpoint's, or leave out '{prefix}raw' and "
                f"'{prefix}_extra_state' and load with strict=False"
            )
            return
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
        if raw is not None and raw.shape == self.raw.shape:
            if state is None:  # strict=False, or strict loading has complained
                self._residual = [0.0] * len(self._residual)
            self._keep(raw)

    def _differs(self, state: Tensor) -> bool:
        """Whether a checkpoint's parameter means another c than here."""
        own, other = self.get_extra_state(), state.cpu()
        same_bounds = torch.equal(own[2:4], other[2:4])
        fixed = self.parametrization in ("sigmoid", "clamp")
        return bool(own[0] != other[0]) or (fixed and not same_bounds)

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        init = ", ".join(f"{c:g}" for c in self._inits)
        init = init if isinstance(self.init, float) else f"({init})"
        out = f"{init}, parametrization={self.parametrization!r}"
        if self.bounds is not None:
            out += f", bounds=({self.bounds[0]:g}, {self.bounds[1]:g})"
        return out if self.learnable else out + ", learnable=False"


def _numbers(init: float | Sequence[float]) -> float | tuple[float, ...]:
    if not isinstance(init, Sequence):
        return float(init)
    if len(init) == 0:
        raise ValueError("'init' must be a number or a sequence of some (got none)")
    return tuple(float(c) for c in init)


def _entries(raw: Tensor) -> list[float]:
    return raw.flatten().tolist()


def _differences(a: list[float], b: list[float]) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]


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
    _check_order(bounds)
    low, high = bounds
    if not (low <= init <= high):
        raise ValueError(f"'init' must lie within the bounds {bounds} (got {init})")
    if parametrization == "sigmoid" and init in (low, high):
        raise ValueError(
            f"'init' must lie strictly between the bounds {bounds} for 'sigmoid', "
            f"which reaches them only in the limit (got {init}); widen the bounds"
        )


def _check_order(bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not (0 < low < high < math.inf):
        raise ValueError(
            f"'bounds' must be two positive numbers, the lower one first (got {bounds})"
        )


def as_curvature(curvature: float | Curvature) -> Curvature:
    """A curvature as it is, or a new learnable one that starts from a number."""
    return curvature if isinstance(curvature, Curvature) else Curvature(curvature)
