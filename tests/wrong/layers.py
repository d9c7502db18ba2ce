"""Layers and models: what their constructors and their calls take."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import SAGEConv

from pyg_hyperbolic import nn
from tests.wrong import values
from tests.wrong.values import Arg, choice, curvature, each, flag, number, whole

Row = tuple[Callable[..., Any], dict[str, Arg]]

N, E = 5, 6
X, U, V = torch.randn(N, 8), torch.randn(N, 3), torch.randn(N, 3)
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
WEIGHT, ATTR, BATCH = torch.rand(E), torch.randn(E, 3), torch.tensor([0, 0, 1, 1, 1])
MODELS = ("HGAT", "HGCN", "HGraphSAGE", "HNN", "HyboNet")


def flags(*names: str) -> dict[str, Arg]:
    return {name: flag(True) for name in names}


def constructors() -> dict[str, Row]:
    triple = each("be a whole number", (8, 8, 8))
    width = Arg(8, [*whole(8, -1).wrong, *triple], (-1,))
    sizes = {"in_channels": width, "out_channels": whole(4)}
    conv = sizes | flags("bias", "validate") | {"curvature": curvature()}
    conv |= {"aggr": choice("add", "be a name", 3), "node_dim": whole(0, -9)}
    gcn = conv | flags("improved", "cached", "normalize", "add_self_loops", "scale")
    gat = conv | flags("concat", "residual", "add_self_loops")
    gat |= {"heads": whole(1), "edge_dim": whole(3, -1), "dropout": number(0.0, 2.0)}
    gat |= {"negative_slope": number(0.2), "score": choice("v2", "be one of", "dot", 3)}
    sage = conv | flags("normalize", "root_weight") | {"project": flag(False)}
    lazy = sizes | flags("bias") | {"curvature": curvature()}
    dense = {"in_channels": whole(3), "curvature": curvature()}
    norm = dense | flags("affine") | {"eps": number(1e-5, -1.0)}
    batch = norm | flags("track_running_stats") | {"momentum": number(0.1, 2.0)}
    batch |= {"mean": choice("frechet", "be one of", "centroid", 3)}
    form = {"form": choice("space", "be one of", "ball", None, 3)}
    fermi = flags("learnable") | {"r": number(2.0), "t": number(1.0, -1.0, 0.0)}
    model = sizes | flags("act_first", "shared_curvature") | {"curvature": curvature()}
    model |= {"hidden_channels": whole(8), "num_layers": whole(2)}
    model |= {"dropout": number(0.0, 2.0), "jk": choice(None, "be None or", "bla", 3)}
    function = choice(None, "be a function or None", 3)
    model |= {"act": function, "norm": function}
    draws = values.weights(torch.rand(N), "have the shape")
    draws.wrong.extend(each("have numbers >= 0", -torch.rand(N), torch.zeros(N)))
    table = {
        "HGCNConv": gcn | {"aggregation": choice("midpoint", "be one of", "mean", 3)},
        "HyboNetConv": gcn | flags("bounded") | form,
        "HGATConv": gat,
        "HSAGEConv": sage,
        "HLinear": lazy,
        "LorentzLinear": lazy | flags("bounded") | form,
        "PoincareLinear": dense | {"out_channels": whole(2)},
        "HyperbolicMLR": dense | {"num_classes": whole(2)},
        "CentroidDistance": dense | {"num_centroids": whole(2)},
        "HyperbolicBatchNorm": batch,
        "HyperbolicLayerNorm": norm,
        "HyperbolicEmbedding": {
            "num_embeddings": whole(5),
            "embedding_dim": whole(3),
            "padding_idx": choice(1, "be the index of", 9, "a", 1.5),
            "max_norm": choice(None, "be None", 1.0),
            "initial": number(1.0, -1.0),
        },
        "SampledSoftmaxLoss": {
            "edge_index": values.edges(EDGES),
            "num_nodes": whole(N),
            "num_negatives": whole(3),
            "weight": draws,
        },
        "FermiDiracLoss": fermi,
        "EntailmentConeLoss": dict.fromkeys(("inner", "margin"), number(0.1, 0, -1.0)),
        "FermiDiracDecoder": fermi,
        "FermiDiracEdges": fermi | {"curvature": curvature()},
        "HyperbolicAggregation": {"curvature": curvature(several=True)},
        **dict.fromkeys(MODELS, model),
    }
    rows: dict[str, Row] = {k: (getattr(nn, k), v) for k, v in table.items()}
    hyperplane = partial(nn.LorentzLinear, form="hyperplane")
    unbounded = lazy | {"bounded": choice(False, "be False with form", True)}
    rows["LorentzLinear(hyperplane)"] = (hyperplane, unbounded)

    def wrap(conv: Any, **options: Any) -> Any:
        """A new convolution each time: it is changed."""
        return nn.Hyperbolic(SAGEConv(8, 4) if conv == "SAGE" else conv, **options)

    conv = {"conv": choice("SAGE", "be a MessagePassing", None, "x", torch.nn.ReLU())}
    rows["Hyperbolic"] = (wrap, conv | {"curvature": curvature(several=True)})
    return rows


def features(x: Tensor, *wrong: values.Wrong) -> Arg:
    """What a layer reads: in its dtype, on its device, of its width."""
    dtype = (x.double(), r"have the dtype of the layer, .*float32 \(got .*float64\)")
    wide = values.width(x, r"have \d features per node")
    return values.points(x, dtype, *wide, values.meta(x), *wrong)


def convolutions() -> dict[str, Row]:
    few = "'edge_index' must hold source indices from 0 to 3 .*'x' has a row for every"
    x = features(X, (X[:-1], few))
    graph = {"x": x, "edge_index": values.edges(EDGES, values.meta(EDGES))}
    weighted = graph | {"edge_weight": values.weights(WEIGHT)}
    sized = weighted | {"size": values.size(N)}
    shapes = (ATTR[:-1], ATTR.t(), ATTR[0], ATTR[:, :2])
    attr = values.points(ATTR, values.meta(ATTR), *each("have the shape", *shapes))
    attr = values.optional(attr)
    gat = graph | {"edge_attr": attr, "size": values.size(N)}
    gat |= {"return_attention_weights": flag(None)}
    gat["x"] = features(X, (X[:-1], few), *each(r"have the shape \[N, F\]", X[None]))
    rows: dict[str, Row] = {
        "HGCNConv()": (nn.HGCNConv(8, 4), sized),
        "HGCNConv(tangent)()": (nn.HGCNConv(8, 4, aggregation="tangent"), sized),
        "HGCNConv(local)()": (nn.HGCNConv(8, 4, aggregation="local"), sized),
        "HGCNConv(plain)()": (nn.HGCNConv(8, 4, normalize=False), sized),
        "HyboNetConv()": (nn.HyboNetConv(8, 4), sized),
        "HyboNetConv(hyperplane)()": (nn.HyboNetConv(8, 4, form="hyperplane"), sized),
        "HSAGEConv()": (nn.HSAGEConv(8, 4), sized),
        "HGATConv()": (nn.HGATConv(8, 4, edge_dim=3), gat),
    }
    for name in MODELS:
        model = getattr(nn, name)(8, 8, 2, 4)
        args = dict(weighted if model.supports_edge_weight else graph)
        rows[f"{name}()"] = (model, args)
        graphs = SimpleNamespace(data=Data(X, EDGES), batch_size=2)
        loader = choice(graphs, "have one graph", None, X, EDGES, graphs.data)
        rows[f"{name}.inference()"] = (model.eval().inference, {"loader": loader})
    rows["HNN()"] = (lambda x: nn.HNN(8, 8, 2, 4)(x, EDGES), {"x": features(X)})
    return rows


def others() -> dict[str, Row]:
    x, matrix = {"x": features(U)}, each(r"have the shape \[N, 3\]", U[None])
    linear = ("HLinear", "LorentzLinear", "PoincareLinear", "HyperbolicMLR")
    heads = {name: getattr(nn, name)(3, 2) for name in (*linear, "CentroidDistance")}
    rows: dict[str, Row] = {f"{name}()": (head, x) for name, head in heads.items()}
    bounded = nn.LorentzLinear(3, 2, bounded=True)
    outside = each("hold group indices from 0", BATCH - 1)
    group = values.optional(values.row(BATCH, "have a group for each", *outside))
    norm = {"x": features(U, *matrix)}
    both = {"batch": group, "batch_size": whole(2)}
    some = values.points(U, values.meta(U))
    c = values.c("have the shape")
    pool = {"x": some, "batch": group, "size": whole(2), "c": c}
    aggr = nn.HyperbolicAggregation()
    axis = Arg(-2, each("be one of the 2 axes", 5, 1, -1) + whole(0, -9).wrong, (0,))
    groups = {"x": some, "index": group, "dim_size": whole(2), "dim": axis}
    ptr = values.optional(values.row(torch.tensor([0, 2, 5]), "rise from 0 to 5"))
    edges = values.edges(EDGES, values.meta(EDGES))
    z = {"z": values.points(U, *each(r"have the shape \[N, d\]", U[None]))}
    fermi, pairs = nn.FermiDiracEdges(), z | flags("sigmoid")
    u, v = values.beside(U, "u", "v"), values.beside(V, "u", "v")
    item = {"input": values.index(torch.tensor([0, 1]))}
    table, two = nn.HyperbolicEmbedding(N, 3), r"'\w+' must have two rows"
    every = {k: values.index(EDGES, *each(two, EDGES.t())) for k in ("edges", "others")}
    trained = {"edges": every["edges"], "c": c}
    whose = {"embedding": choice(table, "be a Module", table.weight, None)}
    between = {"pairs": every["edges"], "c": c, "squared": flag(False)}
    near = {"points": features(U, *matrix), "k": whole(2), "c": c}
    softmax, cones = nn.SampledSoftmaxLoss(EDGES, N), nn.EntailmentConeLoss()
    return rows | {
        "LorentzLinear(bounded)()": (bounded, x),
        "LorentzLinear(hyperplane)()": (nn.LorentzLinear(3, 2, form="hyperplane"), x),
        "HyperbolicBatchNorm()": (nn.HyperbolicBatchNorm(3), norm),
        "HyperbolicLayerNorm()": (nn.HyperbolicLayerNorm(3), norm | both),
        "hyperbolic_mean_pool": (nn.hyperbolic_mean_pool, pool),
        "HyperbolicAggregation()": (aggr, groups),
        "HyperbolicAggregation(ptr)()": (lambda ptr: aggr(U, ptr=ptr), {"ptr": ptr}),
        "FermiDiracDecoder()": (nn.FermiDiracDecoder(), {"u": u, "v": v, "c": c}),
        "FermiDiracEdges()": (fermi, pairs | {"edge_index": edges}),
        "FermiDiracEdges.forward_all()": (fermi.forward_all, pairs),
        "HyperbolicEmbedding()": (nn.HyperbolicEmbedding(5, 3), item),
        "HyperbolicEmbedding.dist()": (table.dist, between),
        "HyperbolicEmbedding.nearest()": (table.nearest, near),
        "SampledSoftmaxLoss()": (softmax, whose | trained),
        "FermiDiracLoss()": (nn.FermiDiracLoss(), whose | every | {"c": c}),
        "EntailmentConeLoss()": (cones, whose | every | {"c": values.c()}),
    }


def rows() -> dict[str, Row]:
    return constructors() | convolutions() | others()
