"""All checks of a convolution, by their names."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from pyg_hyperbolic.checks import check_functions
from pyg_hyperbolic.testing import modules, structure, values
from pyg_hyperbolic.testing.case import Case

_CHECKS: dict[str, Callable[[Case], None]] = {
    **values.CHECKS,
    **structure.CHECKS,
    **modules.CHECKS,
}
NAMES = tuple(_CHECKS)


def check_conv(
    build: Callable[..., Any],
    *,
    twin: Callable[..., Any] | None = None,
    dims: tuple[int, int] = (3, 4),
    radii: Sequence[float] = (0.0, 1e-8, 1.0, 30.0, 1000.0),
    only: Iterable[str] | None = None,
    skip: Iterable[str] = (),
) -> None:
    r"""Checks that a hyperbolic convolution does what the others do.

    Each check builds layers of its own from PyTorch's seed 12345 and calls them on
    graphs of some nodes: all of them take some seconds, half of that for
    ``"compile"``.  In their order:

    - ``"euclidean limit"``: at :math:`c = 10^{-12}` the layer is its twin, with the
      twin's parameters, and so are gradients; nothing without a twin.
    - ``"finite at every radius"``: outputs and gradients of points at each of
      :obj:`radii`, at c = 0.3 and 1, in float32 and float64; and no gradient of the
      points is blocked.
    - ``"derivatives"``: by points, edge weights, all parameters and c, against central
      differences in float64.
    - ``"curvature learns"``: the gradient of c is not zero.
    - ``"dtypes"``, ``"autocast"``: low precision stays near, and keeps its dtype.
    - ``"order of edges"``, ``"order of nodes"``, ``"disjoint graphs"``: what may not
      change a result.
    - ``"corner graphs"``: no edges, no nodes, isolated nodes, doubled edges,
      self-loops, equal points, points at the origin.
    - ``"forms of graphs"``: sparse matrices and
      :class:`~torch_geometric.EdgeIndex`, with and without weights.
    - ``"bipartite"``, ``"flow"``, ``"static graphs"``: pairs of node sets, the
      direction of edges, leading axes.
    - ``"message hooks"``, ``"masked edges"``: what hooks see, and explanations mask.
    - ``"copies"``, ``"state"``, ``"reset"``: deepcopy, pickle, state dicts,
      ``reset_parameters``.
    - ``"curvature"``: a number, a shared :class:`~pyg_hyperbolic.Curvature`, one that
      does not learn, or the default.
    - ``"lazy"``, ``"repr"``, ``"errors"``: widths of -1, the name, inputs that can't
      be right.
    - ``"to_hetero"``, ``"compile"``: PyG's heterogeneous models, one graph of
      :func:`torch.compile` for all sizes.

    Args:
        build: Makes a layer, as its class does: ``build(in_channels, out_channels)``
            with the keyword ``curvature``.  Give options by :func:`functools.partial`;
            a layer that normalizes or adds self-loops to every graph is to be given
            the options under which it takes one as it is.
        twin: Makes the Euclidean layer that it is where space is flat, from the same
            sizes, with parameters of the same names.
        dims: Sizes of input and output samples.
        radii: Distances from the origin that the layer must stand.
        only: Names of the checks to be made; by default all of
            :data:`~pyg_hyperbolic.testing.CONV_CHECKS`.
        skip: Names of those to be left out, with a reason that you know.

    Raises:
        AssertionError: If a check fails: all that do, each with its way out.
        ValueError: If there is no check of some name, or something can't be called.
    """
    check_functions(build=build, twin=twin)
    only, skip = list(NAMES if only is None else only), set(skip)
    for name, given in (("only", only), ("skip", skip)):
        unknown = set(given) - set(NAMES)
        if unknown:
            raise ValueError(
                f"'{name}' must hold names of {', '.join(NAMES)} (got "
                f"{', '.join(map(repr, sorted(unknown)))})"
            )
    case, failures = Case(build, twin, dims, radii), []
    for name in only:
        if name not in skip:
            failure = _failure(name, case)
            failures += [] if failure is None else [f"- {name}: {failure}"]
    if failures:
        layer = getattr(build, "__name__", None) or repr(build)
        raise AssertionError("\n".join([f"{layer} does not pass", *failures]))


def _failure(name: str, case: Case) -> str | None:
    """What a check says, or the error that the layer itself has raised."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(12345)
        # What torch and PyG say of sparse matrices, once a process.
        for said in ("Sparse", "Converting sparse tensor to CSR"):
            warnings.filterwarnings("ignore", message=said, category=UserWarning)
        try:
            _CHECKS[name](case)
        except AssertionError as error:
            return str(error)
        except Exception as error:
            return (
                f"the layer raised {type(error).__name__}: {error}; let it take what "
                f"this check gives, or name the check in 'skip'"
            )
    return None
