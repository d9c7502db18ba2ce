"""The one mechanism by which back ends become operations.

In eager mode an operation is an ``autograd.Function``.  For ``torch.compile`` and
``torch.export``, and for subclasses of tensors, it is a custom op: one node of their
graph, whatever it does inside.  Second derivatives, and everything that transforms
functions (``torch.func``, forward-mode differentiation), come from the portable back
end, which is written in PyTorch throughout.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from pyg_hyperbolic.geometry.rows import tracing
from pyg_hyperbolic.kernels import rows as portable
from pyg_hyperbolic.kernels.available import COMPILERS, INSTALLED, loops

BACKENDS = ("reference", "portable", *COMPILERS)
_WIDEST = {"cuda": 2048}  # the most channels that a program of a back end holds
_forced: list[str] = []  # the names that `backend` was given, the innermost last


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Has one back end compute everything inside the block, for tests and debugging.

    By default operations run in ``"cpu"`` for tensors on a CPU, in ``"cuda"`` for those
    on a CUDA device, and in ``"portable"`` for all others, and for what the first two
    do not have.

    Args:
        name: ``"cpu"``; ``"cuda"`` (for tensors on a CPU it needs Triton's interpreter,
            that is ``TRITON_INTERPRET=1`` in the environment); ``"portable"``; or
            ``"reference"``, which is ``"portable"`` in float64.

    Raises:
        ValueError: If the name is unknown, or the back end is not installed.
    """
    if name not in BACKENDS:
        raise ValueError(f"'name' must be one of {', '.join(BACKENDS)} (got {name!r})")
    if name in COMPILERS and loops(name) is None:
        package = COMPILERS[name]
        raise ValueError(
            f"'name' must not be '{name}' without {package.title()}; "
            f"pip install {package}"
        )
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()


def _device(x: Tensor) -> str:
    """The back end for the device of a tensor, unless another one is forced."""
    return _forced[-1] if _forced else x.device.type


def transformed() -> bool:
    """Whether a transformation of functions is at work, which loops can't follow.

    Under a compiler it is not asked: Dynamo takes any answer of functorch for one.
    """
    return not tracing() and (
        torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
    )


class Operator:
    """An operation on points, some of whose arguments have gradients.

    Args:
        name: The name of its function in each back end; its gradients are computed by
            ``<name>_backward`` in the compiled ones.
        arguments: The schema's arguments, those with gradients first.
        differentiable: How many of them have gradients.
        shape: The shape of the result, from the arguments.
        kept: Tells, given which of these need gradients, which of them the backward
            pass reads; all by default.  Of the others it only gets the shape.
    """

    def __init__(
        self,
        name: str,
        arguments: str,
        differentiable: int,
        shape: Callable[..., Sequence[int]],
        kept: Callable[[Sequence[bool]], Sequence[bool]] | None = None,
    ) -> None:
        self.name = name
        self.differentiable = differentiable
        self.shape = shape
        self.kept = kept
        self._portable = getattr(portable, name)
        self._functions = {by: self._make_function(by) for by in COMPILERS}
        self._compiled = self._make_custom_op(arguments)

    def __call__(self, *args: Any) -> Tensor:
        """Computes the operation with the back end that fits its arguments."""
        chosen = _device(args[0])
        if chosen == "reference":
            wide = [_wide(x) for x in args]
            return self._portable(*wide).to(args[0].dtype)
        if not self._has(chosen, args[0]):
            return self._portable(*args)
        if tracing():
            return self._compiled(*args)
        if transformed():
            return self._portable(*args)
        if type(args[0]) not in (Tensor, torch.nn.Parameter):
            return self._compiled(*args)
        return self._functions[chosen].apply(*args)

    def _has(self, by: str, x: Tensor) -> bool:
        """Whether a compiled back end is there, and takes points of this width."""
        if by not in COMPILERS or x.shape[-1] > _WIDEST.get(by, x.shape[-1]):
            return False
        # A compiler can't look at what is loaded lazily.
        return INSTALLED[by] if tracing() else loops(by) is not None

    def forward(self, by: str, args: Sequence[Any]) -> Tensor:
        """The result by a compiled back end, without autograd."""
        out: Tensor = getattr(loops(by), self.name)(*args)
        return out

    def backward(
        self, by: str, grad: Tensor, args: Sequence[Any], needed: list[bool]
    ) -> list[Tensor | None]:
        """The gradients by a compiled back end, without autograd."""
        return list(getattr(loops(by), f"{self.name}_backward")(grad, *args, needed))

    def _saved(self, args: Sequence[Any], needed: Sequence[bool]) -> list[Any]:
        """The arguments; without values where the backward pass does not read them."""
        if self.kept is None:
            return list(args)
        kept = [*self.kept(needed), *(True for _ in args[self.differentiable :])]
        return [
            x if keep or x is None else x.new_empty(()).expand(x.shape)
            for x, keep in zip(args, kept, strict=False)
        ]

    def _differentiate(
        self, grad: Tensor, args: Sequence[Any], needed: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients that have gradients themselves, by the portable back end."""
        # Arguments may depend on each other, such as points on their curvature: views
        # of them do not, and lead back to them all the same.
        args = [x.view_as(x) if isinstance(x, Tensor) else x for x in args]
        wanted = [x for x, need in zip(args, needed, strict=False) if need]
        for x in wanted:
            if not x.requires_grad:  # its value was not kept: no gradient reads it
                x.requires_grad_()
        with torch.enable_grad():
            out = self._portable(*args)
            grads = torch.autograd.grad(
                out, wanted, grad, create_graph=True, allow_unused=True
            )
        found = iter(grads)
        return [next(found) if need else None for need in needed]

    def _make_function(self, by: str) -> Any:
        """The operation of a back end for eager mode."""
        operator = self

        class Function(torch.autograd.Function):
            # Without `setup_context`, for which PyTorch looks at the signature of
            # `forward` in each call: only transformations of functions need it, and
            # these do not come here.
            @staticmethod
            def forward(ctx: Any, *args: Any) -> Tensor:
                needed = ctx.needs_input_grad[: operator.differentiable]
                saved = operator._saved(args, needed)
                ctx.save_for_backward(*(x for x in saved if isinstance(x, Tensor)))
                # None stands for a tensor, (x,) for any other argument x.
                ctx.rest = [None if isinstance(x, Tensor) else (x,) for x in saved]
                return operator.forward(by, args)

            @staticmethod
            def backward(ctx: Any, grad: Tensor) -> Any:
                tensors = iter(ctx.saved_tensors)
                args = [next(tensors) if x is None else x[0] for x in ctx.rest]
                needed = list(ctx.needs_input_grad[: operator.differentiable])
                differentiate: Callable[..., list[Tensor | None]]
                differentiate = partial(operator.backward, by)
                if torch.is_grad_enabled():
                    differentiate = operator._differentiate
                grads = _for_each(grad, lambda one: differentiate(one, args, needed))
                return operator._all(grads, needed, args)

        Function.__name__ = Function.__qualname__ = self.name
        return Function

    def _make_custom_op(self, arguments: str) -> Callable[..., Tensor]:
        """The operation as one node of a compiler's graph."""
        operator, count = self, self.differentiable

        def forward(*args: Any) -> Tensor:
            return operator.forward(_device(args[0]), args)

        def backward(grad: Tensor, *rest: Any) -> list[Tensor]:
            *args, needed = rest
            grads = operator.backward(_device(grad), grad, args, list(needed))
            return [
                x if need and x is not None else grad.new_empty(0)
                for x, need in zip(grads, needed, strict=True)
            ]

        name = f"pyg_hyperbolic::{self.name}"
        op = torch.library.custom_op(
            name, forward, mutates_args=(), schema=f"({arguments}) -> Tensor"
        )
        back = torch.library.custom_op(
            f"{name}_backward",
            backward,
            mutates_args=(),
            schema=f"(Tensor grad, {arguments}, bool[] needed) -> Tensor[]",
        )

        @op.register_fake
        def _(*args: Any) -> Tensor:
            return args[0].new_empty(operator.shape(*args))

        @back.register_fake
        def _(grad: Tensor, *rest: Any) -> list[Tensor]:
            *args, needed = rest
            return [
                x.new_empty(x.shape) if need else grad.new_empty(0)
                for x, need in zip(args[:count], needed, strict=True)
            ]

        def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
            needed = [isinstance(x, Tensor) and x.requires_grad for x in inputs[:count]]
            saved = operator._saved(inputs, needed)
            ctx.save_for_backward(*(x for x in saved if isinstance(x, Tensor)))
            ctx.rest = [None if isinstance(x, Tensor) else (x,) for x in saved]
            ctx.needed = needed

        def differentiate(ctx: Any, grad: Tensor) -> Any:
            tensors = iter(ctx.saved_tensors)
            args = [next(tensors) if x is None else x[0] for x in ctx.rest]
            return operator._all(back(grad, *args, ctx.needed), ctx.needed, args)

        op.register_autograd(differentiate, setup_context=setup_context)
        return op

    def _all(
        self,
        grads: Sequence[Tensor | None],
        needed: Sequence[bool],
        args: Sequence[Any],
    ) -> tuple[Tensor | None, ...]:
        """A gradient or None for each argument."""
        found = [x if need else None for x, need in zip(grads, needed, strict=True)]
        return *found, *(None for _ in range(len(args) - self.differentiable))


def _for_each(
    grad: Tensor, differentiate: Callable[[Tensor], list[Tensor | None]]
) -> list[Tensor | None]:
    """The gradients for one gradient of the result, or for each of several.

    ``jacobian(vectorize=True)`` and ``grad(is_grads_batched=True)`` send several at
    once, as a tensor with a hidden axis, which compiled back ends can't handle.
    """
    is_batched = torch._C._functorch.is_legacy_batchedtensor
    if not is_batched(grad):
        return differentiate(grad)
    # The thread of a device's backward pass does not know the level: try each.
    level, batch = 0, grad
    while is_batched(batch):
        level += 1
        batch = torch._remove_batch_dim(grad, level, 1, 0)
    ones = [differentiate(one) for one in batch]
    return [
        None if grads[0] is None else torch._add_batch_dim(torch.stack(grads), 0, level)
        for grads in zip(*ones, strict=True)
    ]


def _wide(x: Any) -> Any:
    return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x
