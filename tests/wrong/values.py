"""What users pass by mistake in the place of something, and what they are told then.

A wrong value comes with what the error says after the name of the argument, or with all
that it says, from the quote on.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature

Wrong = tuple[Any, str]
DEVICE = r"'\w+' must be on the device of .*(cpu \(got meta|meta \(got cpu)\)"
INTEGERS = r"hold integers of torch.int64 \(got torch.(float32|bool)\)"


class Arg(NamedTuple):
    """An argument: a right value, wrong ones, and others that are right."""

    good: Any
    wrong: list[Wrong]
    also: tuple[Any, ...] = ()


def without(arg: Arg, *parts: str) -> Arg:
    """An argument for which some values, by their messages, are not wrong."""
    kept = [row for row in arg.wrong if not any(part in row[1] for part in parts)]
    return arg._replace(wrong=kept)


def optional(arg: Arg) -> Arg:
    """An argument that may be left out."""
    return without(arg, "NoneType")._replace(also=(*arg.also, None))


def each(message: str, *values: Any) -> list[Wrong]:
    """Values that get the same message, up to what was got."""
    return [(value, rf"{message}.*\(got ") for value in values]


def meta(x: Tensor) -> Wrong:
    return x.to("meta"), DEVICE


def no_tensor(x: Tensor) -> list[Wrong]:
    kinds = {"list": x.tolist(), "ndarray": x.numpy(), "str": "x", "NoneType": None}
    return [(x, rf"be a tensor \(got {kind}\)") for kind, x in kinds.items()]


def points(x: Tensor, *wrong: Wrong) -> Arg:
    """Points or features, floating point, which may be on any device."""
    dtypes = (torch.int64, torch.bool, torch.complex64)
    out = [(x.to(d), rf"be floating point \(got {d}\)") for d in dtypes]
    one = each(
        "(be points|have (a row|an axis|the shape|as many)|hold points)", x.sum()
    )
    return Arg(x, [*no_tensor(x), *out, *one, *wrong])


def width(x: Tensor, message: str) -> list[Wrong]:
    """Points with another number of coordinates."""
    return each(message, x[..., :-1], torch.cat([x, x[..., :1]], dim=-1))


def beside(x: Tensor, first: str, second: str) -> Arg:
    """One of two sets of points that are computed with each other."""
    more = width(x, f"'{second}' must have as many coordinates as '{first}'")
    rows = each(f"'{second}' must have the shape of '{first}'.* broadcasts", x[:3])
    return points(x, *more, *rows, meta(x))


def index(x: Tensor, *wrong: Wrong) -> Arg:
    """Indices in one row."""
    out = [*no_tensor(x), meta(x), (x.float(), INTEGERS), (x > 0, INTEGERS), *wrong]
    return Arg(x, out, (x.int(),))


def row(x: Tensor, number: str, *wrong: Wrong) -> Arg:
    """Indices of which there have to be so many."""
    return index(x, *each("have one axis", x[:, None]), *each(number, x[:-1]), *wrong)


def edges(x: Tensor, *wrong: Wrong) -> Arg:
    out = each("have two rows", x.t().contiguous(), x[0], x[None])
    out += each("(hold (source |target |)indices from 0|be within 0)", x + 7, x - 1)
    out += [*no_tensor(x), (x.float(), INTEGERS), (x > 0, INTEGERS), *wrong]
    return Arg(x, out, (x.int(),))


def weights(x: Tensor, number: str = "have one number for each") -> Arg:
    out = [*no_tensor(x), meta(x)]
    out += each(number, x[:-1], torch.stack(5 * [x], dim=1))
    out += each("hold real numbers", x.to(torch.complex64))
    return optional(Arg(x, out, (x.double(),)))


def size(n: int) -> Arg:
    floats = (float(n), float(n)), torch.full((2,), float(n))
    weights = torch.rand(n), r"be two .* \(got a tensor of .*edge_weight="
    others = (n,), (n, n, n), n, (-1, n), "55"
    out = [*each("be two whole numbers", *floats, *others), weights]
    out += each(rf"be that of 'x', \({n}, {n}\)", (n - 1, n), (n, n + 1))
    return Arg(None, out, ((n, n), [n, n], torch.tensor([n, n])))


def whole(good: int | None, least: int = 1) -> Arg:
    """A number of something."""
    wrong = [2.0, "2", [4], torch.tensor([2, 3]), torch.tensor(2.0), True]
    wrong += [-3] if least >= 0 else []
    also = () if good is None else (np.int64(good), torch.tensor(good))
    return Arg(good, each("be (a .*whole number|10 or more)", *wrong), also)


def number(good: float | None, *wrong: float) -> Arg:
    nothing = ["a", torch.ones(2), [1.0], math.nan]
    return Arg(good, each("be (a|in|0 or) ", *nothing, *wrong))


def flag(good: bool | None) -> Arg:
    kinds = [(torch.ones(3), "Tensor"), (np.ones(2), "ndarray"), ("no", "'no'")]
    out = [(value, rf"be True or False \(got {got}\)") for value, got in kinds]
    return Arg(good, out, (torch.tensor(bool(good)), int(bool(good))))


def choice(good: Any, message: str, *wrong: Any) -> Arg:
    return Arg(good, each(message, *wrong))


def curvature(several: bool = False) -> Arg:
    """What a layer takes for its curvature."""
    out = [
        ("1", r"be a number, or 'auto' \(got '1'\); a number has no quotes"),
        (torch.ones(()), r"be a number or a Curvature \(got a tensor.*without a call"),
        *each("be a positive number", -1.0, 0.0, math.nan, 1e39),
        *each("be a number, several of them, or 'auto'", None, [1.0, "a"], {}),
        *each("be a number or a sequence", []),
    ]
    out += [] if several else each("be of one number", [1.0, 2.0])
    return Arg(1.0, out, ("auto", 1, [1.0], Curvature(2.0)))


def c(shape: str = "be one number, or broadcast") -> Arg:
    """The absolute value of a curvature, for functions."""
    kinds = {"Curvature": Curvature(), "str": "1", "list": [1.0], "NoneType": None}
    out = [(x, rf"be a number or a tensor \(got {kind}\)") for kind, x in kinds.items()]
    out += each("be a finite number >= 0", -1.0, -1e-300, math.nan, math.inf)
    out += each("be a finite number >= 0", torch.tensor(-1.0))
    out += each(shape, torch.ones(7)) + each("hold real numbers", torch.tensor(1j))
    also = 1, np.float32(1), torch.tensor(1.0), torch.ones(1)
    return Arg(1.0, [*out, meta(torch.ones(()))], also)
