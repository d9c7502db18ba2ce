"""Functions and classes that are no layers: what they take."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import geoopt
import torch

import pyg_hyperbolic as ph
from pyg_hyperbolic import datasets, geometry, kernels, nn, utils, visualization
from pyg_hyperbolic.exchange import geoopt as exchange
from pyg_hyperbolic.exchange.hgcn import load_hgcn
from tests.wrong import values
from tests.wrong.layers import BATCH, EDGES, WEIGHT, N, Row, U, V, X
from tests.wrong.values import (
    Arg,
    beside,
    choice,
    each,
    flag,
    meta,
    number,
    optional,
    points,
    whole,
    without,
)

CONNECTED = values.edges(EDGES, *each("connect points", EDGES[:, :0]))


def of_geometry() -> dict[str, Row]:
    u, v = beside(U, "u", "v"), beside(V, "u", "v")
    pair = {"u": u, "v": v, "c": values.c()}
    names = ("cone_angle", "dist", "gyro_add", "log", "sqdist", "transport")
    rows: dict[str, Row] = {name: (getattr(geometry, name), pair) for name in names}
    ends = {"u": beside(U, "u", "w"), "w": beside(V, "u", "w"), "c": values.c()}
    aperture = {"v": points(U), "c": values.c(), "inner": number(0.1, 0.0, -1.0)}
    rows["half_aperture"] = (geometry.half_aperture, aperture)
    rows["exp"] = (geometry.exp, ends)
    for chart in ("klein", "lorentz", "poincare", "proper_velocity"):
        there, back = (getattr(geometry, f"{way}_{chart}") for way in ("to", "from"))
        rows[there.__name__] = (there, {"v": points(U), "c": values.c()})
        x = points(there(U / 9, 1.0))
        clip = {} if chart == "proper_velocity" else {"clip": flag(False)}
        rows[back.__name__] = (back, {"x": x, "c": values.c()} | clip)
    weight = values.weights(torch.rand(N), "have a number for each")
    mean = {"v": points(U, *each("hold points", U[0])), "weight": weight}
    mean |= {"c": Arg(1.0, values.c().wrong[:9])}
    rows |= {f.__name__: (f, mean) for f in (geometry.frechet_mean, geometry.midpoint)}
    shape = r"'normal' must have the shape \[2, \d\] to fit 'v'"
    normal, offset = torch.nn.functional.normalize(torch.randn(2, 3)), torch.randn(2)
    more = each(r"'\w+' must have the shape", normal[0], normal[None], normal[:1])
    plane = {
        "v": points(U, *values.width(U, shape), meta(U)),
        "normal": points(normal, *values.width(normal, shape), meta(normal), *more),
        "offset": points(offset, meta(offset), *each("have the shape", offset[:1])),
        "c": values.c(),
    }
    return rows | {"hyperplane_dist": (geometry.hyperplane_dist, plane)}


def of_kernels() -> dict[str, Row]:
    graph = kernels.Graph(EDGES[0], EDGES[1], N, N)
    graphs = choice(graph, "be a Graph", None, EDGES, (EDGES, N), "g")
    larger = kernels.Graph(*EDGES, 7, N)
    graphs.wrong.extend(each("'x' must have the shape .* to fit 'graph'", larger))
    weight = values.weights(WEIGHT, "have the shape")
    fits = r"'\w+' must have the shape .* to fit '\w+'"
    c = {"c": values.c("have the shape")}
    u, v = (points(x, meta(x), *values.width(x, fits)) for x in (U, V))
    rows = each(fits, U[:3])
    x = points(U, meta(U), *rows)
    bias = optional(points(U[0], meta(U[0]), *values.width(U[0], fits)))
    target = points(V, meta(V), *rows, *values.width(V, fits))
    edges = {"x": x, "graph": graphs, "weight": weight}
    first, second = torch.tensor([0, 1]), torch.tensor([2, 3])
    chosen = {"first": values.row(first, fits), "second": values.row(second, fits)}
    h, time = torch.randn(N, 2), torch.randn(2)
    maps = {"h": points(h, meta(h), *rows, *values.width(h, fits))}
    maps |= {"x": x, "time": points(time, meta(time), *values.width(time, fits))}
    maps["bias"] = optional(maps["time"])
    nodes = whole(N, 0)
    ends = {"source": values.row(EDGES[0], fits), "target": values.row(EDGES[1], fits)}
    ends["target"] = optional(ends["target"])  # see Graph.of_rows
    flow = choice("source_to_target", "be one of", "sideways", None)
    two = without(values.size(N), "be that of")._replace(good=(N, N))
    one = {"edge_index": without(values.edges(EDGES), "hold (")}
    name = choice("portable", "be one of", "tpu", None, 3)
    sized = one | {"size": two, "flow": flow}

    def used(name: Any) -> None:
        with kernels.backend(name):
            pass

    return {
        "gyro_add": (kernels.gyro_add, {"u": u, "v": v} | c),
        "midpoint": (kernels.midpoint, edges | {"bias": bias} | c),
        "weighted_sum": (kernels.weighted_sum, edges),
        "log_sum": (kernels.log_sum, edges | {"target": target} | c),
        "dist": (kernels.dist, {"u": u, "v": v} | chosen | c),
        "sqdist": (kernels.sqdist, {"u": u, "v": v} | chosen | c),
        "lorentz_map": (kernels.lorentz_map, maps | c),
        "Graph": (kernels.Graph, ends | {"num_sources": nodes, "num_targets": nodes}),
        "backend": (used, {"name": name}),
        "edges": (partial(kernels.edges, edge_weight=None), one),
        "graph_of": (partial(kernels.graph_of, edge_weight=None), sized),
    }


def of_curvatures() -> dict[str, Row]:
    net = nn.HGCN(8, 8, 2, 4)
    bounded = ph.Curvature(parametrization="projected")
    projected = nn.HLinear(3, 2, curvature=bounded)
    start = values.curvature(several=True)
    start = without(start, "got a tensor")._replace(also=("auto", 1, [1.0, 0.5]))
    ends = ((2.0, 0.1), (0.0, 1.0), (1,), 3, "ab", (0.1, "b"), (math.nan, 1.0))
    new = {
        "init": start,
        "learnable": flag(True),
        "parametrization": choice("sigmoid", "be one of", "exp", None, 3),
        "bounds": choice((0.1, 2.0), "be two positive numbers", *ends),
    }
    no_module = (None, "m", X, [net], nn.HGCN)
    module = choice(net, "be a Module", *no_module)
    decay = {"weight_decay": number(0.1, -1.0), "curvature_lr": number(None, -1.0)}
    optimizer = torch.optim.SGD(projected.parameters(), lr=0.1)
    step = {
        "optimizer": choice(optimizer, "be a Optimizer", None, "o", projected),
        "module": choice(projected, "be a Module", *no_module),
    }
    return {
        "Curvature": (ph.Curvature, new),
        "Curvature()": (ph.Curvature(), {"points": optional(points(U))}),
        "curvature_report": (ph.curvature_report, {"module": module}),
        "tie_curvatures": (ph.tie_curvatures, {"module": module}),
        "parameter_groups": (ph.parameter_groups, {"module": module} | decay),
        "project_curvatures": (ph.project_curvatures, step),
    }


def of_data() -> dict[str, Row]:
    functions = {"transform": choice(None, "be a function or None", "lp", 3)}
    shares = ((0.9, 0.1), (1,), 0.5, "ab", None, (0.1, 2.0))
    tree = {
        "num_nodes": Arg(50, [*whole(50, 0).wrong, *each("be 10 or more", 9)]),
        "branching": number(3.0, 0.5, 1.0),
        "infection_rate": number(None, -1.0),
        "recovery_rate": number(1.0, -1.0),
        "noise": number(0.5, -1.0),
        "reported": number(0.5, 2.0),
        "seed": whole(0, -9),
        "infected_share": choice((0.01, 1.0), "be two ascending shares", *shares),
    }
    handed_down = {
        "branching": whole(2),
        "depth": whole(2),
        "num_features": whole(3),
        "gamma": number(0.5, -1.0, 2.0),
        "unit_rows": flag(True),
        "seed": whole(0, -9),
    }
    root = {"root": choice("data", "be a path", None, 3, X)}
    files = functions | {"pre_transform": functions["transform"]}
    task = {"task": choice("lp", "be 'lp'", "LP", None, 3, ["lp"])}
    names = {
        "name": choice("nouns", "be 'nouns', 'mammals' or", "noun", None, 3),
        "closure": flag(True),
    }
    data_root = {"root": choice(Path("data"), "be a path", 3, X, ["data"])}
    return {
        "DiseaseTree": (datasets.DiseaseTree, tree | functions),
        "HGCNAirport": (datasets.HGCNAirport, root | files),
        "HGCNDisease": (datasets.HGCNDisease, root | files | task),
        "SyntheticTree": (datasets.SyntheticTree, handed_down | functions),
        "WordNet": (datasets.WordNet, root | files | names),
        "data_root": (datasets.data_root, data_root),
    }


def of_graphs() -> dict[str, Row]:
    measure = {
        "edge_index": values.edges(EDGES),
        "num_samples": whole(3),
        "num_nodes": whole(N),
        "generator": choice(None, "be a Generator", 3, "g"),
    }
    kept = {
        "v": points(V),
        "c": Arg(1.0, values.c().wrong[:7]),
        "edge_index": CONNECTED,
        "num_sources": whole(3),
        "seed": whole(0, -9),
    }
    tree = torch.tensor([0, 0, 0, 1, 2])
    deep = (torch.arange(-1, 40).clamp(min=0), "be of a tree whose leaves can have")
    cycle = each("lead from every node to a root", torch.tensor([0, 2, 1]))
    range_ = each("have indices from 0 to", tree - 1, tree + 3)
    parent = values.index(
        tree, *each("have one axis", tree[None]), deep, *cycle, *range_
    )
    return {
        "tree_embedding": (utils.tree_embedding, {"parent": without(parent, "device")}),
        "gromov_hyperbolicity": (utils.gromov_hyperbolicity, measure),
        "embedding_distances": (utils.embedding_distances, kept),
        "embedding_quality": (utils.embedding_quality, kept),
    }


def of_pictures() -> dict[str, Row]:
    report = ph.curvature_report(nn.HLinear(3, 2))
    other = ph.curvature_report(nn.HGCN(3, 2, 2))
    broken = points(V, *each("be finite", V * math.nan), *each("hold points", V[0]))
    c = without(values.c("be one number"), "device")
    drawn = {"v": broken, "c": c, "edge_index": values.edges(EDGES)}
    drawn |= {"ax": choice(None, "be axes of matplotlib", 3, "ax")}
    label = Arg(BATCH, values.no_tensor(BATCH))
    label.wrong.extend(each("have one entry", BATCH[:3], BATCH[:, None]))
    disk = drawn | {"edge_index": optional(drawn["edge_index"])}
    disk["v"] = points(V, *broken.wrong, *each("hold points of 2 dim", V[:, :1]))
    disk["c"] = Arg(1.0, [*c.wrong, *each("be a positive number", 0.0)], c.also)
    disk |= {"y": optional(label), "size": number(None, -1.0)}
    disk["names"] = choice(None, "have one word for each", ["a"], "a" * len(V), 3)
    path = torch.stack([torch.arange(N - 1), torch.arange(1, N)])
    layout = {
        "edge_index": values.edges(path, *each("connect all", path[:, 1:])),
        "num_nodes": whole(N),
        "root": whole(0, 0),
        "length": number(1.0, 0.0, -1.0, math.inf),
        "steps": whole(2, 0),
        "seed": whole(0, -9),
    }
    layout["root"].wrong.extend(each("be below 'num_nodes'", N))
    distances = drawn | {"num_sources": whole(3), "seed": whole(0, -9)}
    distances["edge_index"] = CONNECTED
    history = each("be a (Sequence|CurvatureReport)", None, [1, 2], nn.HNN(3, 2, 2))
    history += [*each("hold a report", []), *each("be of one model", [report, other])]
    plotted = {"history": Arg([report, report], history), "ax": drawn["ax"]}
    return {
        "disk_layout": (visualization.disk_layout, layout),
        "plot_disk": (visualization.plot_disk, disk),
        "plot_distortion": (visualization.plot_distortion, distances),
        "plot_curvature": (visualization.plot_curvature, plotted),
    }


def of_geoopt() -> dict[str, Row]:
    ball = geoopt.PoincareBall(1.0)
    one = {"manifold": choice(ball, "be a geoopt", None, "b", geoopt.Euclidean())}
    return {
        "from_geoopt": (exchange.from_geoopt, {"x": points(U / 9)} | one),
        "to_geoopt": (exchange.to_geoopt, {"v": points(U)} | one),
        "curvature_of": (exchange.curvature_of, one),
    }


def of_hgcn() -> dict[str, Row]:
    layer = "encoder.layers"
    weights = {f"{layer}.{i}.linear.weight": torch.ones(4, 4) for i in range(2)}
    state = weights | {f"{layer}.{i}.linear.c": torch.ones(1) for i in range(2)}
    first, second = weights
    shape = r"'layers.\d.linear.\w+' must have the shape"
    long = {f"{layer}.1.linear.bias": torch.ones(9)}
    wrong = each(shape, state | {first: torch.ones(4)}, state | long)
    wrong += each("'state.*' must be a tensor", {**state, first: [[1.0]]})
    wrong += each("be a Mapping", None, [1], "model.pth") + each("hold", {})
    rest = {key: value for key, value in state.items() if key != second}
    wrong += each(f"hold '{second}'", rest) + each("'curvature' must be given", weights)
    wrong += each("hold layers that fit", state | {second: torch.ones(4, 6)})
    wider = {second: torch.ones(5, 4), f"{layer}.2.linear.weight": torch.ones(3, 5)}
    wrong += each("have hidden layers of one width", state | wider)
    attention = {f"{layer}.0.agg.att.linear.weight": torch.ones(1)}
    wrong += each("be of a model without attention", state | attention)
    seventh = {f"{layer}.7.linear.weight": torch.ones(1)}
    wrong.append((state | seventh, r"hold .*\(got layers \[0, 1, 7\]"))
    original = {"state": Arg(state, wrong)}
    ball = {"manifold": choice("PoincareBall", "be one of", "Euclidean", None)}
    hyperboloid = partial(load_hgcn, manifold="Hyperboloid")
    return {
        "load_hgcn": (load_hgcn, original | ball),
        "load_hgcn(hyperboloid)": (hyperboloid, original),
    }
