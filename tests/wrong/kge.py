"""Models of knowledge graphs: what their constructors and their calls take."""

import torch

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import kge
from tests.wrong import values
from tests.wrong.layers import Row, flags
from tests.wrong.values import choice, each, index, whole

NODES, RELATIONS = 5, 3
HEAD, TAIL = torch.tensor([0, 1, 2, 3]), torch.tensor([4, 3, 2, 1])
REL = torch.tensor([0, 1, 2, 0])


def constructor(even: bool) -> dict[str, values.Arg]:
    curvature = values.without(values.curvature(several=True), "'auto' ")
    numbers = each("be of one number, or of 3", [1.0, 2.0], Curvature([1.0, 2.0]))
    auto = each("be of numbers", "auto", Curvature("auto"))
    also = ([1.0, 2.0, 3.0], Curvature([1.0, 2.0, 3.0]), Curvature(2.0))
    curvature = values.Arg(1.0, [*curvature.wrong, *numbers, *auto], also)
    width = whole(4)
    odd = each("be even", 5) if even else []
    return {
        "num_nodes": whole(NODES),
        "num_relations": whole(RELATIONS),
        "hidden_channels": width._replace(wrong=[*width.wrong, *odd]),
        "curvature": curvature,
        "geometry": choice("hyperbolic", "be one of", "lorentz", None, 3),
        "criterion": choice("bce", "be one of", "mse", None),
        "num_negatives": whole(2),
        **flags("sparse", "reciprocal"),
    }


def triples() -> dict[str, values.Arg]:
    shapes = {"head_index": HEAD, "rel_type": REL, "tail_index": TAIL}
    out = {}
    for name, good in shapes.items():
        fits = r"'\w+' must have the shape .* to fit 'head_index'"
        wrong = each(fits, good[:-1]) + each("have one axis", good[:, None])
        wrong += each("hold indices from 0 to", good + 9, good - 4)
        out[name] = index(good, *wrong)
    return out


def rows() -> dict[str, Row]:
    names = ("MuRP", "RefH", "RotH", "AttH")
    table: dict[str, Row] = {
        name: (getattr(kge, name), constructor(even=name != "MuRP")) for name in names
    }
    model = kge.RotH(NODES, RELATIONS, 4)
    known = (HEAD, REL, TAIL)
    wrong = each("be (a tuple|three tensors)", None, HEAD, list(known), known[:2])
    wrong += each(r"'known\[0\]' must hold indices", (HEAD + 9, REL, TAIL))
    wrong += each(r"'known\[1\]' must have the shape", (HEAD, REL[1:], TAIL))
    ranked = triples() | {"batch_size": whole(2), "log": values.flag(False)}
    return table | {
        "RotH()": (model, triples()),
        "RotH.loss()": (model.loss, triples()),
        "RotH.test()": (model.test, ranked | {"k": whole(2)}),
        "RotH.test_filtered()": (
            model.test_filtered,
            ranked | {"known": values.Arg(known, wrong)},
        ),
    }
