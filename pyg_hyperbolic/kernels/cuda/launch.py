"""How kernels are started: sizes of blocks, and the form in which they take edges."""

import math
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from pyg_hyperbolic.kernels.cuda.neighbors import add_pieces, column_sums

# The most edges of a row that one program adds up.  Longer rows are cut into pieces.
LONGEST = 1024

_PROGRAMS = 1024  # the most that share a sum over all rows
# For points of each dtype.  Gradients grow as e^a, and are held at the third number, e
# to the power of the first; derivatives that they are made of are held at the second.
LIMITS = {
    torch.float32: (41.0, 1e30, math.exp(41.0)),
    torch.float64: (300.0, 1e250, math.exp(300.0)),
}


def blocks(width: int) -> dict[str, int]:
    """How many edges and channels a program takes at once, for points of this width."""
    columns = max(triton.next_power_of_2(width), 4)
    warps = min(max(columns // 128, 1), 8)
    return {
        "BLOCK_E": min(max(512 * warps // columns, 1), 16),
        "BLOCK_D": columns,
        "num_warps": warps,
    }


def roomy(width: int) -> dict[str, int]:
    """As :func:`blocks`, for kernels that keep much of each row in registers."""
    sizes = blocks(width)
    return sizes | {
        "BLOCK_E": min(sizes["BLOCK_E"], 4),
        "num_warps": min(4 * sizes["num_warps"], 8),
        "maxnreg": 255,
    }


def run(kernel: Any, grid: tuple[int, ...], *args: Any, **options: Any) -> None:
    """Starts a kernel on the device of its first argument, if there is work.

    Products are not contracted with sums, unless that is asked for: the difference of
    two equal points has to be 0.
    """
    if min(grid) == 0:
        return
    options = {"enable_fp_fusion": False, "num_warps": 4} | options
    with torch.cuda.device_of(args[0]):
        kernel[grid](*args, **options)


def shares(rows: int, at_once: int) -> tuple[int, int]:
    """How many programs share a sum over rows, and how many rows each of them adds."""
    programs = min(triton.cdiv(rows, at_once), _PROGRAMS)
    return programs, triton.cdiv(rows, max(programs, 1))


def heads_of(x: Tensor) -> int:
    """The number of heads of points, 1 where they have no such axis."""
    return x.shape[1] if x.dim() == 3 else 1


def wide(like: Tensor, *shape: int) -> Tensor:
    """Room for numbers in float64, on the device of a tensor."""
    return torch.empty(shape, dtype=torch.float64, device=like.device)


def curvatures(c: Tensor, heads: int) -> Tensor:
    """The curvature of each head in float64, [H]."""
    return c.detach().double().reshape(-1).expand(heads).contiguous()


def of_curvature(heads: Tensor, c: Tensor) -> Tensor:
    """The gradient of c from those of the heads, [H]."""
    total = heads if c.numel() == heads.numel() else heads.sum()
    return total.to(c.dtype).view(c.shape)


def of_weight(found: Tensor, weight: Tensor | None) -> Tensor | None:
    """The gradient of weights from that of edges and heads, [E, H]; [0, H] for none."""
    if weight is None or len(found) != len(weight):
        return None
    total = found if weight.numel() == found.numel() else found.sum(-1)
    return total.to(weight.dtype).view(weight.shape)


def columns(x: Tensor, table: Tensor, column: int) -> Tensor:
    """Sum of x, [N, H, d], times a column of a table, over its rows: [H, d]."""
    rows, heads, width = len(x), heads_of(x), x.shape[-1]
    programs, share = shares(rows, blocks(width)["BLOCK_E"])
    out = wide(x, programs, heads, width)
    run(
        column_sums, (programs, heads), x, table[:, column:], table.shape[1], out,
        rows, share, heads, width, **blocks(width),
    )  # fmt: skip
    return out.sum(0)


class Pieces(NamedTuple):
    """Pieces of long rows, see :mod:`.pieces`; none where no row can be long."""

    first_row: Tensor  # row of the first edge of each piece
    last_row: Tensor  # and of its last
    number: int  # of edges
    partial: Tensor  # room for the sums, [2 * pieces, H, 2 * BLOCK_D]

    @classmethod
    def of(cls, ptr: Tensor, number: int, heads: int, width: int) -> "Pieces":
        end = number if number > LONGEST else 0
        first = torch.arange(0, end, LONGEST, device=ptr.device)
        last = (first + (LONGEST - 1)).clamp(max=number - 1)
        ends = torch.stack([first, last]).to(ptr.dtype)
        rows = torch.searchsorted(ptr, ends, right=True) - 1
        room = 2 * len(first), heads, 2 * blocks(width)["BLOCK_D"]
        partial = torch.empty(room, dtype=torch.float64, device=ptr.device)
        return cls(rows[0], rows[1], number, partial)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Programs of kernels over pieces: one for each slot and head."""
        return len(self.first_row), 2, self.partial.shape[1]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What kernels over pieces take."""
        return self.first_row, self.last_row, self.partial, LONGEST, self.number

    @property
    def sums(self) -> dict[str, Any]:
        """What kernels over rows take, once the pieces are summed."""
        long = self.number > LONGEST
        return {"partial": self.partial, "longest": LONGEST, "LONG": long}


class Edges(NamedTuple):
    """Edges in the order of their targets, their weights, and where rows are long."""

    ptr: Tensor  # first edge of each target, [M + 1]
    source: Tensor  # where the message of each edge comes from, [E]
    order: Tensor  # where its weight stands, [E]; or [0] for the same place
    weight: Tensor  # [E], [E, 1] or [E, H]; or [0] for none
    heads: int

    @classmethod
    def of(
        cls,
        ptr: Tensor,
        source: Tensor,
        order: Tensor,
        weight: Tensor | None,
        heads: int,
    ) -> "Edges":
        if weight is None:
            weight = torch.empty(0, dtype=torch.float32, device=ptr.device)
        weight = weight.detach().contiguous()
        return cls(
            ptr.contiguous(), source.contiguous(), order.contiguous(), weight, heads
        )

    @property
    def rows(self) -> int:
        """The number of targets."""
        return self.ptr.numel() - 1

    @property
    def number(self) -> int:
        """The number of edges."""
        return self.source.numel()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What kernels take: three tensors of rows, the weights, and their columns."""
        columns = self.weight.numel() // max(self.number, 1)
        return self.ptr, self.source, self.order, self.weight, columns

    @property
    def has(self) -> dict[str, bool]:
        """Whether there are an order and weights."""
        return {
            "ORDERED": self.order.numel() > 0,
            "WEIGHTED": self.weight.numel() > 0,
        }

    def target(self) -> Tensor:
        """The target of each edge, [E]."""
        counts = self.ptr.diff()
        rows = torch.arange(self.rows, device=self.ptr.device)
        return rows.repeat_interleave(counts, output_size=self.number)

    def sums_of_pieces(
        self, x: Tensor, table: Tensor, width: int, **options: bool
    ) -> dict[str, Any]:
        """Starts the sums of x and a table over pieces, if a row can be long.

        Returns:
            The sums, as arguments of kernels over rows.
        """
        pieces = Pieces.of(self.ptr, self.number, self.heads, width)
        run(
            add_pieces, pieces.grid, *self.arguments, x, table, *pieces.arguments,
            self.heads, width, **self.has, **options, **blocks(width),
            enable_fp_fusion=True,
        )  # fmt: skip
        return pieces.sums
