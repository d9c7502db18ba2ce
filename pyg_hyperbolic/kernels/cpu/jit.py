"""How the loops are compiled: by Numba, on first use, and kept on disk."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.extending import intrinsic


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Cache(FunctionCache):
    """Compiled functions on disk, dropped when any of the kernels' files changes.

    Numba itself looks at the file of a function alone, not at those of the functions
    that it calls.
    """

    _FINGERPRINT = _fingerprint()

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        key = super()._index_key(sig, codegen)
        return (*key, self._FINGERPRINT)


# Sums may be reordered, so that they are vectorized.  What must stay as it is written
# is a :func:`difference`, or written so that reordering does no harm: the difference of
# a point to itself is 0 whichever way it is rounded.  NaN and infinity are kept.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "_nrt": False,  # loops make no arrays: without it each call counts references
}


def scalar(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers, compiled into the loops that call it.

    Compiled by itself it would be in a process several times, once with each loop that
    is loaded, and any of these copies may be called; they may round differently.
    """
    return njit(function, forceinline=True, **_OPTIONS)


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function put into its loops before these are compiled: they stay vectorized."""
    return njit(function, inline="always", **_OPTIONS)


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, compiled when it is first called with arrays of a dtype."""
    dispatcher = njit(function, **_OPTIONS)
    # mypy takes a dispatcher for the function
    setattr(dispatcher, "_cache", _Cache(function))  # noqa: B010
    return dispatcher


def folder(compiled: Any) -> str:
    """Where Numba keeps a loop, or would keep it once it is compiled."""
    return str(compiled._cache.cache_path)


@intrinsic
def difference(context: Any, x: Any, y: Any) -> Any:
    """x - y in this place: no sum around it is put in another order.

    A product may be fused into it, which rounds it less.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fsub(*args, flags=("nsz", "contract"))

    return x(x, y), codegen


@intrinsic
def _prefetch(context: Any, array: Any, i: Any, j: Any, k: Any) -> Any:
    """Asks for the cache line of array[i, j, k]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        made = context.make_array(kind)(context, builder, args[0])
        address = cgutils.get_item_pointer2(
            context,
            builder,
            made.data,
            cgutils.unpack_tuple(builder, made.shape, 3),
            cgutils.unpack_tuple(builder, made.strides, 3),
            kind.layout,
            args[1:],
            wraparound=False,
        )
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer, number, number, number]),
            "llvm.prefetch.p0",
        )
        read, keep, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [builder.bitcast(address, pointer), read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, types.intp), codegen


@inner
def prefetch_head(array: Any, i: int, k: int) -> None:
    """Asks for the cache lines of array[i, k, :], which an edge needs soon.

    Neighbors lie anywhere in memory: without this a loop over edges waits for them.
    """
    for t in range(0, array.shape[2], 64 // array.itemsize):
        _prefetch(array, i, k, t)


@inner
def prefetch(array: Any, i: int) -> None:
    """Asks for the cache lines of array[i, :, :]."""
    for k in range(array.shape[1]):
        prefetch_head(array, i, k)


AHEAD = 8  # how many edges ahead to ask; more is no faster
