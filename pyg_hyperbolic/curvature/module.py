r"""A learnable curvature whose gradient is not blocked.

Hyperbolic layers often clamp their curvature in the forward pass,
``c = torch.clamp(self.curvature, min=0.1)``: as soon as the optimizer has pushed the
parameter beyond the bound, its gradient is zero, and it never comes back.  Two cures
are offered: a smooth map from an unbounded parameter (``softplus``, ``sigmoid``), and
a bounded parameter that is put back into its bounds *after* the optimizer's step
(``projected``, with :func:`~pyg_hyperbolic.project_curvatures`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import softplus

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature.auto import AUTO, auto, inside, sampled_lengths
from pyg_hyperbolic.curvature.bounds import (
    check_init,
    check_order,
    check_within,
    rounded_inwards,
)
from pyg_hyperbolic.geometry.rows import (
    check_points,
    check_values,
    is_plain,
    tracing,
    wide_dtype,
)

PARAMETRIZATIONS = ("softplus", "sigmoid", "projected", "clamp")
_PLAIN = ("projected", "clamp")  # those whose parameter is c itself


class Curvature(torch.nn.Module):
    r"""The absolute value :math:`c` of a sectional curvature :math:`-c`.

    Calling the module gives :math:`c` as a 0-d tensor in float64, whatever the dtype of
    the parameter, so that small numbers do not become 0.  The learnable parameter is
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

    The first :math:`c` is :obj:`init` up to the rounding of :math:`\rho` to its dtype.
    In float32 the relative error is at most 2e-6; where :math:`\rho < -64`, with
    ``softplus`` below :math:`c = 2 \cdot 10^{-28}`, it is at most 4e-6.  In bfloat16,
    ``softplus`` has an error of 0.4 % from 1 on and of 6 % at 1e-8, in float16 of an
    eighth of that.

    Gradients that are "never zero" still underflow where :math:`c` is next to nothing:
    those of ``softplus`` in float32 below :math:`\rho = -100`.

    What layers take as their :obj:`curvature`, a :obj:`CurvatureLike`, is this module
    or anything that :obj:`init` may be.  Layers that are given the same object share
    it.

    Keep weight decay away from :obj:`raw` (see
    :func:`~pyg_hyperbolic.parameter_groups`): it would pull :math:`\rho`, and with it
    :math:`c`, towards a value that has nothing to do with the data.

    A ``state_dict`` also holds the parametrization and the bounds.  It loads only into
    the same parametrization: in any other, :obj:`raw` means a different :math:`c`.

    Args:
        init: Initial :math:`c > 0`; or several, such as one for each head of a layer,
            which are learned side by side: :math:`c` then has the shape :math:`(n)`.
            With ``"auto"`` the first points that it is used with set it, once, to
            :math:`(0.3/\operatorname{median} \lVert \mathbf{x} \rVert)^2`, but at most
            0.1, and within the bounds: nearly flat in any unit of the features.
        learnable: If :obj:`False`, :math:`c` stays at :obj:`init`.
        parametrization: ``"softplus"``, ``"sigmoid"``, ``"projected"`` or ``"clamp"``.
        bounds: Lower and upper bound :math:`0 < l < h` of :math:`c`, by
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
        init: float | Sequence[float] | str = 1.0,
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
        check_flags(learnable=learnable)
        check_init(init, "init")
        if bounds is None and parametrization != "softplus":
            bounds = (0.1, 10.0)
        # Compilers treat a number that is read as one that may change.
        self._is_auto = isinstance(init, str)
        self.init: float | tuple[float, ...] | str
        if isinstance(init, str):
            self.init = init
        else:
            self.init = (
                tuple(map(float, init)) if isinstance(init, Sequence) else float(init)
            )
        if bounds is not None:
            check_order(bounds)
            check_within(() if self._is_auto else self._inits, bounds, parametrization)
        self.learnable = learnable
        self.parametrization = parametrization
        self._bounds = bounds
        # Deep copies keep it: by this `tie_curvatures` knows them for what they are.
        self.origin = uuid4().hex
        # Of some points that it was used with last, for `curvature_report`.
        self.lengths: Tensor | None = None
        raw = torch.empty(len(self.init) if isinstance(self.init, tuple) else ())
        if learnable:
            self.raw = Parameter(raw)
        else:
            self.register_buffer("raw", raw)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets :math:`c` back to the initial value, and with ``"auto"`` to none."""
        self._set(*self._inits)
        self._settled, self._settled_id = False, 0  # of "auto" alone

    def _set(self, *values: float) -> None:
        rho = [self._inverse(c) for c in values]
        with torch.no_grad():
            self.raw.copy_(torch.tensor(rho, dtype=torch.float64).view_as(self.raw))
        if self.parametrization in _PLAIN:  # rounding may have led past a bound
            self.project_()

    @property
    def _inits(self) -> tuple[float, ...]:
        if isinstance(self.init, str):
            return (math.nan,)
        return (self.init,) if isinstance(self.init, float) else self.init

    def forward(self, points: Tensor | None = None) -> Tensor:
        """Returns c in float64, whatever the dtype of the parameter.

        Args:
            points: The points that c is to be used with, shape :math:`(*, d)`: they set
                an ``"auto"`` curvature that is not set yet.

        Raises:
            ValueError: If an ``"auto"`` curvature is not set yet, and no points are
                given to set it by.
        """
        if points is not None:
            check_points({"points": points})
        if self._is_auto and not self._is_settled():
            self._settle(points)
        if points is not None:
            self._look_at(points)
        # In float32 c would be 0 from rho = -104 on, where optimizers do get to; in
        # float64 from -745 on.
        dtype = wide_dtype(self.raw.device)
        if self.parametrization == "projected":
            return self.raw.to(dtype, copy=True)  # never the parameter itself
        rho = self.raw.to(dtype)
        if self.parametrization == "softplus":
            return softplus(rho, threshold=40.0)  # the default gives rho beyond 20
        low, high = self._ends()
        if self.parametrization == "sigmoid":
            return low + (high - low) * rho.sigmoid()
        # As torch.clamp, whose derivative at a bound itself depends on the version.
        return torch.where(rho < low, low, torch.where(rho > high, high, rho))

    def _look_at(self, points: Tensor) -> None:
        """Keeps some lengths for the report; refuses a c that has become negative."""
        if is_plain(points):
            self.lengths = sampled_lengths(points)
        if self.parametrization == "projected":
            check_values(self.raw)

    @property
    def is_set(self) -> bool:
        """Whether c is set; with ``"auto"`` it is not before the first points."""
        return not bool(self.raw.isnan().any())

    def _is_settled(self) -> bool:
        # Parameters are copied, swapped and loaded behind a module's back.  A compiler
        # can't look at them, and has the flag.
        known = tracing() or self._settled_id == id(self.raw)
        return self._settled and known

    def _settle(self, points: Tensor | None) -> None:
        """Sets c by points, unless the parameter has been set from elsewhere."""
        if tracing() or not self.is_set:
            self._set(inside(auto(points), self._bounds))
        self._settled, self._settled_id = True, id(self.raw)

    @torch.no_grad()
    def project_(self) -> None:
        """Puts the parameter of ``projected`` back into the bounds, in place."""
        self.raw.clamp_(*rounded_inwards(self._ends(), self.raw.dtype))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lower and upper bound of c, :obj:`None` if there are none."""
        return self._bounds

    @bounds.setter
    def bounds(self, bounds: tuple[float, float]) -> None:
        if self.parametrization not in _PLAIN:
            raise ValueError(
                f"'bounds' of {self.parametrization!r} are fixed: others would make "
                f"another c of the same parameter (got {bounds}); build a new "
                f"Curvature, or use 'projected'"
            )
        check_order(bounds)
        self._bounds = bounds

    def _ends(self) -> tuple[float, float]:
        return self._bounds or (0.0, math.inf)

    def _inverse(self, c: float) -> float:
        if self.parametrization == "softplus":
            return c + math.log(-math.expm1(-c))
        if self.parametrization == "sigmoid":
            low, high = self._ends()
            return math.log((c - low) / (high - c))
        return c

    def _apply(
        self, fn: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> "Curvature":
        before = self.raw.dtype
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.parametrization == "projected" and self.raw.dtype != before:
            self.project_()
        return self

    def get_extra_state(self) -> Tensor:
        """What :obj:`raw` means: the parametrization and the bounds."""
        index = PARAMETRIZATIONS.index(self.parametrization)
        low, high = self._bounds or (0.0, math.inf)
        return torch.tensor([index, low, high], dtype=torch.float64, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Does nothing: a state that differs has been refused before."""

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *others: Any
    ) -> None:
        state = state_dict.get(f"{prefix}_extra_state")
        if state is not None and len(state) > 3:
            state = state[[0, 2, 3]]  # of an earlier version, with what rounding took
        if state is not None and self._differs(state):
            errors = others[-1]
            index, low, high = state.tolist()
            name = PARAMETRIZATIONS[int(index)]
            errors.append(
                f"'{prefix}raw' is of the parametrization {name!r} with bounds "
                f"({low:g}, {high:g}), but this curvature is {self}; build it with "
                f"the checkpoint's, or leave out '{prefix}raw' and "
                f"'{prefix}_extra_state' and load with strict=False"
            )
            return
        raw = state_dict.get(f"{prefix}raw")
        if self.init != AUTO and raw is not None and bool(raw.isnan().any()):
            others[-1].append(
                f"'{prefix}raw' is of an 'auto' curvature that was not set yet, and "
                f"this is {self}; run the model that was saved once before"
            )
            return
        super()._load_from_state_dict(state_dict, prefix, *others)
        if self.init == AUTO:
            self._settled = False  # looks again

    def _differs(self, state: Tensor) -> bool:
        """Whether a checkpoint's parameter means another c than here."""
        own, other = self.get_extra_state().tolist(), state.tolist()
        fixed = self.parametrization in ("sigmoid", "clamp")
        return own != other if fixed else own[0] != other[0]

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        if isinstance(self.init, str):
            init = repr(self.init)
        else:
            init = ", ".join(f"{c:g}" for c in self._inits)
            init = init if isinstance(self.init, float) else f"({init})"
        out = f"{init}, parametrization={self.parametrization!r}"
        if self.bounds is not None:
            out += f", bounds=({self.bounds[0]:g}, {self.bounds[1]:g})"
        return out if self.learnable else out + ", learnable=False"


# What a layer takes: a first c, one for each head, "auto", or what layers share.
CurvatureLike = float | Sequence[float] | str | Curvature


def as_curvature(curvature: Any, heads: int | None = 1) -> Curvature:
    """A curvature as it is, or a new learnable one that starts from what is given.

    Args:
        curvature: What a layer was given, a :data:`CurvatureLike`.
        heads: How many numbers it may have, instead of one; any if :obj:`None`.

    Raises:
        ValueError: If it is anything else, such as the value of a module.
    """
    if isinstance(curvature, Tensor):
        raise ValueError(
            f"'curvature' must be a number or a Curvature (got a tensor of shape "
            f"{list(curvature.shape)}); to share that of another layer pass the module "
            f"itself, curvature=conv.curvature without a call, and to start from its "
            f"value curvature=conv.curvature().item()"
        )
    if isinstance(curvature, Curvature):
        out = curvature
    else:
        check_init(curvature, "curvature")
        out = Curvature(curvature)
    number = out.raw.numel()
    if heads is not None and number not in (1, heads):
        each = f" or of {heads}, one for each head" if heads > 1 else ""
        raise ValueError(f"'curvature' must be of one number{each} (got {number})")
    return out
