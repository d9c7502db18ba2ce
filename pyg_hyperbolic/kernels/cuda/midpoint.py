"""Weighted midpoints: :mod:`.lifted` for most targets, :mod:`.far` for those left."""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from pyg_hyperbolic.kernels.cuda import far, far_back, lifted, neighbors, plane
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
    roomy,
    run,
    shares,
    wide,
)

Gradients = tuple[Tensor | None, ...]
_BLOCK = 128  # how many points a program computes the scalars of


class _Lifted(NamedTuple):
    """What kernels over edges need of points, see :mod:`.lifted`."""

    u: Tensor  # points, [N, H, d]
    bias: Tensor  # zeros if there is none, [H, d]
    biased: bool
    c: Tensor  # [H]
    dots: Tensor  # [N * H, 2]
    at_b: Tensor  # [H, 3]
    shift: Tensor  # [H, d]
    at: Tensor  # [N * H, 3]
    own: Tensor  # for gradients, [N * H, 3]
    heads: int
    width: int

    @classmethod
    def of(cls, x: Tensor, bias: Tensor | None, c: Tensor, backward: bool) -> "_Lifted":
        u, heads, width = x.detach().contiguous(), heads_of(x), x.shape[-1]
        b = u.new_zeros(heads, width) if bias is None else bias.detach().contiguous()
        rows, curvature = len(u) * heads, curvatures(c, heads)
        dots, at_b, shift, at, own = (
            wide(x, *shape)
            for shape in (
                (rows, 2), (heads, 3), (heads, width), (rows, 3),
                (rows if backward else 0, 3),
            )
        )  # fmt: skip
        sizes = blocks(width)
        channels = {"BLOCK_D": sizes["BLOCK_D"]}
        run(lifted.lift_bias, (heads,), b, curvature, at_b, shift, width, **channels)
        run(
            lifted.products, (triton.cdiv(rows, sizes["BLOCK_E"]),),
            u, b, dots, rows, heads, width, **sizes,
        )  # fmt: skip
        run(
            lifted.lift, (triton.cdiv(rows, _BLOCK),),
            dots, at_b, curvature, at, own, rows, heads, BLOCK=_BLOCK,
            BACKWARD=backward,
        )  # fmt: skip
        return cls(
            u, b, bias is not None, curvature, dots, at_b, shift, at, own, heads, width
        )

    @property
    def rows(self) -> int:
        return len(self.u) * self.heads

    def far_nodes(self, any_left: Tensor) -> tuple[Tensor, Tensor]:
        """Products of points with the bias, and the table of :func:`.far.nodes`.

        Filled in only if a target is left.
        """
        table, node = self.dots, wide(self.u, self.rows, 4)
        sizes = blocks(self.width)
        if self.biased:
            table = wide(self.u, self.rows, plane.PRODUCTS.value)
            run(
                far.products, (triton.cdiv(len(self.u), sizes["BLOCK_E"]), self.heads),
                any_left, self.u, self.bias, table, len(self.u), self.heads,
                self.width, **sizes,
            )  # fmt: skip
        run(
            far.nodes, (triton.cdiv(self.rows, _BLOCK),),
            any_left, table, self.c, node, self.rows, self.heads, BIASED=self.biased,
            BLOCK=_BLOCK,
        )  # fmt: skip
        return table, node


def _pieces(links: Edges, x: Tensor, table: Tensor, width: int) -> dict[str, Any]:
    """Sums of the pieces of long rows, as the arguments of kernels over rows."""
    return links.sums_of_pieces(x, table, width, TABLE=True, WIDE=True)


def midpoint(
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    *_: Tensor,
) -> Tensor:
    """Weighted midpoints of every target's neighbors, a bias added to each."""
    of = _Lifted.of(x, bias, c, backward=False)
    links = Edges.of(ptr, source, order, weight, of.heads)
    out = of.u.new_empty((links.rows, *x.shape[1:]))
    left, any_left = _none_left(links)
    grid, sizes = (links.rows, of.heads), blocks(of.width)
    least = lifted.LEAST_32 if x.dtype == torch.float32 else lifted.LEAST_64
    run(
        lifted.forward, grid, *links.arguments, of.u, of.at, shift=of.shift, c=of.c,
        least=least, heads=of.heads, width=of.width, out=out, left=left,
        any_left=any_left, **_pieces(links, of.u, of.at, of.width), **links.has,
        **sizes, enable_fp_fusion=True,
    )  # fmt: skip
    node = of.far_nodes(any_left)[1]
    run(
        far.forward, grid, left, *links.arguments, of.u, of.bias, node, of.c, of.heads,
        of.width, out, **links.has, **roomy(of.width),
    )  # fmt: skip
    return out


def _none_left(links: Edges) -> tuple[Tensor, Tensor]:
    """Room for which targets are left, [M * H], and for whether any is, now 0."""
    device = links.ptr.device
    left = torch.empty(links.rows * links.heads, dtype=torch.int8, device=device)
    return left, torch.zeros(1, dtype=torch.int32, device=device)


def midpoint_backward(
    grad: Tensor,
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    reverse_ptr: Tensor,
    target: Tensor,
    reverse_order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x, bias, weight and c; points are lifted again."""
    of = _Lifted.of(x, bias, c, backward=True)
    heads, width = of.heads, of.width
    links = Edges.of(ptr, source, order, weight, heads)
    upstream = grad.detach().contiguous()
    left, any_left = _none_left(links)
    of_klein, of_sum = wide(x, links.rows, heads, width), wide(x, links.rows * heads, 3)
    c_of_targets = wide(x, links.rows, heads)
    grid, sizes = (links.rows, heads), blocks(width)
    narrow = x.dtype == torch.float32
    run(
        lifted.backward_targets, grid, *links.arguments, of.u, of.at, shift=of.shift,
        c=of.c, least=lifted.LEAST_32 if narrow else lifted.LEAST_64, heads=heads,
        width=width, grad=upstream, of_klein=of_klein, of_sum=of_sum,
        by_c=c_of_targets, left=left, any_left=any_left,
        **_pieces(links, of.u, of.at, width), **links.has, **sizes,
        enable_fp_fusion=True,
    )  # fmt: skip
    by_weight = wide(x, links.number if needed[2] else 0, heads)
    if needed[2]:
        run(
            neighbors.of_weights, (triton.cdiv(links.number, sizes["BLOCK_E"]), heads),
            links.source, links.target(), links.order, of.u, of.at, of_klein, of_sum,
            of.shift, by_weight, links.number, heads, width,
            ORDERED=links.has["ORDERED"], TABLE=True, **sizes,
        )  # fmt: skip
    points = needed[0] or needed[1] or needed[3]
    by_x = torch.empty_like(of.u)
    back = links
    if points:
        back = Edges.of(reverse_ptr, target, reverse_order, weight, heads)
        by_bias, by_c = _of_points(of, back, of_klein, of_sum, by_x)

    # Gradients of Klein points have been read: their array takes the shifts.
    table, node = of.far_nodes(any_left)
    of_target = wide(x, links.rows * heads, 10)
    log_limit, limit, most = LIMITS[x.dtype]
    run(
        far_back.backward_targets, grid, left, *links.arguments, of.u, of.bias, node,
        of.c, heads, width, upstream, log_limit, of_target, of_klein, by_weight,
        c_of_targets, LEARNED=needed[2], **links.has, **roomy(width),
    )  # fmt: skip
    if not points:
        return None, None, of_weight(by_weight, weight), None
    programs, share = shares(len(of.u), 1)
    far_bias, far_c = wide(x, programs, heads, width), wide(x, programs, heads)
    pieces = Pieces.of(back.ptr, back.number, heads, width)
    run(
        far_back.pieces_of_points, pieces.grid, any_left, left, *back.arguments,
        *pieces.arguments, of.u, of.bias, node, of.c, heads, width, upstream, log_limit,
        most, of_target, of_klein, **back.has, **roomy(width),
    )  # fmt: skip
    run(
        far_back.backward_points, (programs, heads), any_left, left, *back.arguments,
        of.u, of.bias, node, table, of.c, heads, width, upstream, log_limit, limit,
        most, of_target, of_klein, by_u=by_x, by_bias=far_bias, by_c=far_c,
        rows=len(of.u), share_of_rows=share, BIASED=of.biased, **pieces.sums,
        **back.has, **roomy(width),
    )  # fmt: skip
    by_c = by_c + c_of_targets.sum(0) + far_c.sum(0)
    grad_bias = None
    if bias is not None:
        grad_bias = (by_bias + far_bias.sum(0)).to(bias.dtype).view(bias.shape)
    return by_x, grad_bias, of_weight(by_weight, weight), of_curvature(by_c, c)


def _of_points(
    of: _Lifted, back: Edges, of_klein: Tensor, of_sum: Tensor, by_x: Tensor
) -> tuple[Tensor, Tensor]:
    """Fills in gradients of points; returns those of the bias, [H, d], and c, [H]."""
    heads, width, sizes = of.heads, of.width, blocks(of.width)
    shared = wide(of.u, of.rows, 4)
    run(
        lifted.backward_points, (len(of.u), heads), *back.arguments, of_klein, of_sum,
        u=of.u, bias=of.bias, dots=of.dots, at_b=of.at_b, c=of.c, at=of.at, own=of.own,
        heads=heads, width=width, by_u=by_x, by_shared=shared,
        **_pieces(back, of_klein, of_sum, width), **back.has, **sizes,
        enable_fp_fusion=True,
    )  # fmt: skip
    sums = shared.view(len(of.u), heads, 4).sum(0)
    by_bias, by_c = wide(of.u, heads, width).zero_(), wide(of.u, heads)
    of_sums, of_dots = by_bias, by_bias
    if of.biased:
        of_sums = columns(of_klein, of_sum, 2)
        of_dots = columns(of.u, shared, 0)
        by_bias = torch.empty_like(by_bias)
    run(
        lifted.backward_bias, (heads,), of.bias, of.at_b, of.c, of_sums, of_dots, sums,
        by_bias, by_c, width, BLOCK_D=sizes["BLOCK_D"],
    )  # fmt: skip
    return by_bias, by_c
