"""Operations on pairs of points: gyro-sums, distances, and sums of log maps."""

from typing import NamedTuple

import torch
import triton
from torch import Tensor
from torch_geometric.index import index2ptr

from pyg_hyperbolic.kernels.cuda import plane, rows
from pyg_hyperbolic.kernels.cuda.launch import (
    LIMITS,
    Edges,
    Pieces,
    blocks,
    columns,
    curvatures,
    heads_of,
    of_curvature,
    of_weight,
    run,
    wide,
)

Gradients = tuple[Tensor | None, ...]
_BLOCK = 128  # how many pairs a program computes the scalars of
# Without it ptxas spills a register of some of the kernels.
_ROOM = {"maxnreg": 192}
_SCALARS = {"BLOCK": _BLOCK, **_ROOM}
# Columns of gradients, see plane.SLOPES: the first of three for each of the two points.
_OF_FIRST, _OF_SECOND, _OF_C, _OF_WEIGHT, _TIMES, _COLUMNS = 0, 3, 6, 7, 8, 9


class _Pairs(NamedTuple):
    """Pairs of points, the first with a sign, and their products."""

    u: Tensor  # [N, H, d]
    v: Tensor  # as many points, or one without that axis
    first: Tensor | None  # index in u of each pair's first point, [P]; None: all rows
    second: Tensor | None  # index in v of its second point
    sign: float
    number: int  # P
    heads: int
    c: Tensor  # [H]
    products: Tensor  # [P * H, 6]

    @classmethod
    def of(
        cls,
        u: Tensor,
        v: Tensor,
        c: Tensor,
        sign: float,
        first: Tensor | None = None,
        second: Tensor | None = None,
    ) -> "_Pairs":
        heads, number = heads_of(u), len(u) if first is None else len(first)
        u, v = u.detach().contiguous(), v.detach().contiguous()
        products = wide(u, number * heads, plane.PRODUCTS.value)
        out = cls(
            u, v, first, second, sign, number, heads, curvatures(c, heads), products
        )
        run(
            rows.products, out.grid, u, v, *out.indices, sign, products, number, heads,
            out.width, **out.has, **out.sizes,
        )  # fmt: skip
        return out

    @property
    def width(self) -> int:
        return self.u.shape[-1]

    @property
    def one(self) -> bool:
        """Whether all pairs have the same second point."""
        return self.v.numel() < self.u.numel() and self.first is None

    @property
    def indices(self) -> tuple[Tensor, Tensor]:
        if self.first is None or self.second is None:
            return self.products, self.products
        return self.first, self.second

    @property
    def has(self) -> dict[str, bool]:
        return {"INDEXED": self.first is not None, "ONE": self.one}

    @property
    def sizes(self) -> dict[str, int]:
        return blocks(self.width)

    @property
    def grid(self) -> tuple[int, int]:
        """Programs of kernels in :mod:`.rows`: a block of pairs each, of one head."""
        return triton.cdiv(self.number, self.sizes["BLOCK_E"]), self.heads

    @property
    def lines(self) -> tuple[int]:
        """Programs of kernels in :mod:`.plane`: a block of pairs and heads each."""
        return (triton.cdiv(self.number * self.heads, _BLOCK),)

    def sums(self, links: Edges | None = None) -> Tensor:
        """The sums as combinations of both points, see :func:`.plane.forward`."""
        out = wide(self.u, self.number * self.heads, 2)
        run(
            plane.forward, self.lines, self.products, self.c, *_weights(links, out),
            self.sign, out, self.number * self.heads, self.heads, **_SCALARS,
            **_has(links),
        )  # fmt: skip
        return out

    def slopes(self, grad: Tensor, links: Edges | None = None) -> Tensor:
        """Gradients of the pairs, [P * H, 9], from those of the sums at rows of u."""
        number = self.number * self.heads
        with_grad, out = wide(self.u, number, 3), wide(self.u, number, _COLUMNS)
        run(
            rows.with_gradient, self.grid, self.u, self.v, *self.indices, self.sign,
            self.products, grad, with_grad, self.number, self.heads, self.width,
            **self.has, **self.sizes, maxnreg=255,  # with less ptxas spills some
        )  # fmt: skip
        _, limit, _ = LIMITS[self.u.dtype]
        run(
            plane.backward, self.lines, self.products, with_grad, self.c,
            *_weights(links, out), self.sign, limit, out, number, self.heads,
            **_SCALARS, **_has(links),
        )  # fmt: skip
        return out

    def by_curvature(self, table: Tensor, c: Tensor) -> Tensor:
        """The gradient of c from those of all pairs."""
        total = table.view(self.number, self.heads, _COLUMNS)[..., _OF_C].sum(0)
        return of_curvature(total, c)


def _weights(links: Edges | None, none: Tensor) -> tuple[Tensor, Tensor, int]:
    """Weights of edges, their order and their columns; any tensor stands for none."""
    if links is None:
        return none, none, 0
    _, _, order, weight, stride = links.arguments
    return weight, order, stride


def _has(links: Edges | None) -> dict[str, bool]:
    return {"ORDERED": False, "WEIGHTED": False} if links is None else links.has


def _row_sums(
    own: Tensor,
    other: Tensor,
    ptr: Tensor,
    index: Tensor,
    order: Tensor | None,
    table: Tensor,
    column: int,
    grad: Tensor | None = None,
    of_grad: int = 0,
    own_grad: bool = False,
) -> Tensor:
    """Sums over the pairs of each row, see :func:`.rows.combine_edges`."""
    out, heads, width = torch.empty_like(own), heads_of(own), own.shape[-1]
    flags = {
        "BOUNDED": table.shape[1] == _COLUMNS,
        "ORDERED": order is not None,
        "OWN_GRAD": grad is not None and own_grad,
        "OTHER_GRAD": grad is not None and not own_grad,
        **blocks(width),
    }
    given = (
        index, index if order is None else order, own, other,
        other if grad is None else grad, table, table.shape[1], column, of_grad, _TIMES,
    )  # fmt: skip
    pieces = Pieces.of(ptr, len(index), heads, width)
    run(
        rows.combine_pieces, pieces.grid, ptr, *pieces.arguments, *given, heads=heads,
        width=width, **flags,
    )  # fmt: skip
    run(
        rows.combine_edges, (len(own), heads), ptr, *given, LIMITS[own.dtype][2],
        out=out, heads=heads, width=width, **pieces.sums, **flags,
    )  # fmt: skip
    return out


def _grouped(index: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Places sorted by the row that an index names: first of each row, and all."""
    ordered, order = index.sort(stable=True)
    return index2ptr(ordered, rows), order


def gyro_add(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """Points u (+) v; v has as many rows as u, or is one point without that axis."""
    of = _Pairs.of(u, v, c, 1.0)
    table, out = of.sums(), torch.empty_like(of.u)
    run(
        rows.combine, of.grid, of.u, of.v, of.u, table, 2, 0, 0, of.sign, float("inf"),
        out, of.number, of.heads, of.width, ONE=of.one, GRAD=False, **of.sizes,
    )  # fmt: skip
    return out


def gyro_add_backward(
    grad: Tensor, u: Tensor, v: Tensor, c: Tensor, needed: list[bool]
) -> Gradients:
    """Gradients of u, v and c."""
    of, upstream = _Pairs.of(u, v, c, 1.0), grad.detach().contiguous()
    table = of.slopes(upstream)
    by_u, by_v = torch.empty_like(of.u), torch.empty_like(of.u)
    most = LIMITS[u.dtype][2]
    run(
        rows.combine, of.grid, of.u, of.v, upstream, table, _COLUMNS, _OF_FIRST,
        _OF_FIRST + 2, of.sign, most, by_u, of.number, of.heads, of.width, ONE=of.one,
        GRAD=True, **of.sizes,
    )  # fmt: skip
    if of.one:
        by_v = _of_one(of, table, upstream, most).to(v.dtype).view(v.shape)
    elif needed[1]:
        run(
            rows.combine, of.grid, of.v, of.u, upstream, table, _COLUMNS, _OF_SECOND,
            _OF_SECOND + 2, of.sign, most, by_v, of.number, of.heads, of.width,
            ONE=False, GRAD=True, **of.sizes,
        )  # fmt: skip
    return by_u, by_v, of.by_curvature(table, c)


def _of_one(of: _Pairs, table: Tensor, grad: Tensor, most: float) -> Tensor:
    """The gradient of the one v that is added to all points, [H, d]."""
    total = table.view(of.number, of.heads, _COLUMNS).sum(0)
    v = of.v.view(of.heads, of.width).double()
    both, rest = total[:, _OF_SECOND, None], total[:, _OF_SECOND + 1, None]
    out = (of.sign * both + rest) * v
    out += columns(of.u, table, _OF_SECOND)
    out += columns(grad, table, _OF_SECOND + 2)
    return out.clamp(-most, most)


def log_sum(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
) -> Tensor:
    """Weighted sums of the log maps of every target's neighbors."""
    links = Edges.of(ptr, source, order, weight, heads_of(x))
    of = _Pairs.of(target, x, c, -1.0, links.target(), links.source)
    return _row_sums(of.u, of.v, links.ptr, links.source, None, of.sums(links), 0)


def log_sum_backward(
    grad: Tensor,
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x, target, weight and c."""
    links = Edges.of(ptr, source, order, weight, heads_of(x))
    ends = links.target()
    of = _Pairs.of(target, x, c, -1.0, ends, links.source)
    upstream = grad.detach().contiguous()
    table = of.slopes(upstream, links)
    by_target = _row_sums(
        of.u, of.v, links.ptr, links.source, None, table, _OF_FIRST, upstream,
        _OF_FIRST + 2, own_grad=True,
    )  # fmt: skip
    back, place = _grouped(links.source, len(of.v))
    by_x = _row_sums(
        of.v,
        of.u,
        back,
        ends[place],
        place,
        table,
        _OF_SECOND,
        upstream,
        _OF_SECOND + 2,
    )
    by_weight = None
    if needed[2]:
        by_weight = table[:, _OF_WEIGHT].view(links.number, of.heads)
        if links.has["ORDERED"]:
            by_weight = torch.empty_like(by_weight).index_copy(0, order, by_weight)
        by_weight = of_weight(by_weight, weight)
    return by_x, by_target, by_weight, of.by_curvature(table, c)


def dist(
    u: Tensor, v: Tensor, c: Tensor, first: Tensor, second: Tensor, squared: bool
) -> Tensor:
    """Distances of u[first] and v[second], or their squares, [P] or [P, H]."""
    of = _Pairs.of(u, v, c, -1.0, first.contiguous(), second.contiguous())
    out = of.u.new_empty((of.number, *u.shape[1:-1]))
    run(
        plane.distance, of.lines, of.products, of.c, out, out.numel(), of.heads,
        SQUARED=squared, **_SCALARS,
    )  # fmt: skip
    return out


def dist_backward(
    grad: Tensor,
    u: Tensor,
    v: Tensor,
    c: Tensor,
    first: Tensor,
    second: Tensor,
    squared: bool,
    needed: list[bool],
) -> Gradients:
    """Gradients of u, v and c."""
    of = _Pairs.of(u, v, c, -1.0, first.contiguous(), second.contiguous())
    number, upstream = of.number * of.heads, grad.detach().contiguous()
    table = wide(u, number, _COLUMNS)
    run(
        plane.distance_backward, of.lines, of.products, upstream, of.c,
        LIMITS[u.dtype][1], table, number, of.heads, SQUARED=squared, **_SCALARS,
    )  # fmt: skip
    by_u = by_v = None
    if needed[0]:
        ptr, place = _grouped(first, len(u))
        by_u = _row_sums(of.u, of.v, ptr, second[place], place, table, _OF_FIRST)
    if needed[1]:
        ptr, place = _grouped(second, len(v))
        by_v = _row_sums(of.v, of.u, ptr, first[place], place, table, _OF_SECOND)
    return by_u, by_v, of.by_curvature(table, c)
