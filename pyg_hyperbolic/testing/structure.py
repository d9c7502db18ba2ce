"""Checks of what a layer does with a graph, whatever its form and order."""

from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.testing.case import (
    Case,
    close,
    expect,
    finite,
    gradients,
    graph_in,
    twin_of,
)
from pyg_hyperbolic.testing.graphs import FORMS, small_graph


def order_of_edges(case: Case) -> None:
    """Edges in another order, with their weights, are the same graph."""
    (edge_index, weight), x = small_graph(), case.x()
    conv, order = case.make(), torch.randperm(9)
    way_out = "index everything of an edge by edge_index, nothing by its place"
    options: list[dict[str, Tensor]] = [{}, {"edge_weight": weight}]
    for given in options if case.weighted(conv) else options[:1]:
        out = conv(x, edge_index[:, order], **{k: w[order] for k, w in given.items()})
        wrong = "the order of edges changes the result"
        close(out, conv(x, edge_index, **given), 1e-10, wrong, way_out)


def order_of_nodes(case: Case) -> None:
    """Nodes under other numbers have the same results."""
    (edge_index, _), conv, x = small_graph(), case.make(), case.x()
    order = torch.randperm(6)
    out = conv(x[order], order.argsort()[edge_index])
    wrong = "the numbers of nodes change the result"
    way_out = "check which end of an edge each tensor is indexed by"
    close(out, conv(x, edge_index)[order], 1e-10, wrong, way_out)


def disjoint_graphs(case: Case) -> None:
    """Two copies of a graph in a batch do not see each other."""
    (edge_index, _), conv, x = small_graph(), case.make(), case.x()
    out = conv(torch.cat([x, x]), torch.cat([edge_index, edge_index + 6], dim=1))
    wrong = "a copy of the graph beside it changes the result"
    way_out = "normalize over the edges of a target, not over all edges or nodes"
    close(out, conv(x, edge_index).repeat(2, 1), 1e-10, wrong, way_out)


def corner_graphs(case: Case) -> None:
    """Graphs with nothing to aggregate, or everything at one place, give numbers."""
    edge_index, _ = small_graph()
    none, loops = edge_index[:, :0], torch.arange(3).repeat(2, 1)
    for dtype in (torch.float32, torch.float64):
        x = case.x(dtype=dtype)
        graphs = {
            "no edges": (x, none),
            "one node": (x[:1], none),
            "no nodes": (x[:0], none),
            "isolated nodes": (x, edge_index[:, :1]),
            "doubled edges": (x, edge_index.repeat(1, 2)),
            "self-loops": (x, torch.cat([edge_index, loops], dim=1)),
            "all points at the origin": (torch.zeros_like(x), edge_index),
            "equal points": (x[:1].repeat(6, 1), edge_index),
        }
        for name, (points, edges) in graphs.items():
            conv, points = case.make(dtype), points.clone().requires_grad_()
            out = conv(points, edges)
            where = f"in a graph with {name}, in {dtype}"
            way_out = "the mean of no points is the origin, and lengths may be 0"
            shape = (len(points), out.size(-1))
            wrong = f"the shape is {list(out.shape)}, not {list(shape)} {where}"
            expect(tuple(out.shape) == shape, wrong, way_out)
            grads = gradients(conv, out, x=points)
            finite({"the output": out, **grads}, where, way_out)


def forms_of_graphs(case: Case) -> None:
    """Sparse matrices and ``EdgeIndex`` give what plain indices give."""
    conv = case.make()
    kinds = ["no", "fixed", "learned"] if case.weighted(conv) else ["no"]
    for kind in kinds:
        (edge_index, weight), x = small_graph(), case.x().requires_grad_()
        weight.requires_grad_(kind == "learned")
        given = None if kind == "no" else weight
        plain = {} if given is None else {"edge_weight": given}
        expected = conv(x, edge_index, **plain)
        true = gradients(conv, expected, x=x, edge_weight=given)
        for form in FORMS:
            if (
                form == "coo"
                and kind == "learned"
                and getattr(conv, "normalize", False)
            ):
                continue  # gcn_norm of a COO matrix has no backward pass in PyG either
            graph, beside = graph_in(form, given, edge_index, (6, 6))
            for _ in range(2):  # the second time with what is cached meanwhile
                out = conv(x, graph, **beside)
                wrong = f"{form} with {kind} weights gives something else"
                way_out = "take edges by kernels.graph_of, which knows all forms"
                close(out, expected, 1e-10, wrong, way_out)
            grads = gradients(conv, out, x=x, edge_weight=given)
            wrong = f"{form} with {kind} weights gives other gradients"
            close(grads, true, 1e-9, wrong, way_out)


def bipartite(case: Case) -> None:
    """Two sets of nodes are parts of one, in every form and direction."""
    conv, x = case.make(), case.x()
    edges = torch.tensor([[0, 1, 1, 3], [0, 0, 1, 1]])  # from the first four nodes
    weight = torch.tensor([0.3, 2.0, 1.0, 0.5]).double()
    given = {"edge_weight": weight} if case.weighted(conv) else {}
    expected = conv(x, edges + torch.tensor([[0], [4]]), **given)[4:]
    pair = (x[:4], x[4:])
    way_out = "take 'x' as a pair, of sources and of targets, as PyG's layers do"

    def same(out: Tensor, how: str) -> None:
        wrong = f"a pair of node sets, {how}, is not part of the whole graph"
        close(out, expected, 1e-10, wrong, way_out)

    same(conv(pair, edges, **given), "plain")
    same(conv(pair, edges, size=(4, 2), **given), "with its size")
    for form in FORMS:
        graph, beside = graph_in(form, given.get("edge_weight"), edges, (4, 2))
        same(conv(pair, graph, **beside), f"as {form}")
    back = twin_of(conv, flow="target_to_source")
    same(back(pair[::-1], edges.flip(0), **given), "against the direction of edges")


def flow(case: Case) -> None:
    """With ``flow="target_to_source"`` edges are read the other way round."""
    (edge_index, weight), x, conv = small_graph(), case.x(), case.make()
    given = {"edge_weight": weight} if case.weighted(conv) else {}
    out = twin_of(conv, flow="target_to_source")(x, edge_index.flip(0), **given)
    wrong = "'flow' does not turn edges round"
    way_out = "take sources and targets from kernels.graph_of(..., self.flow)"
    close(out, conv(x, edge_index, **given), 1e-10, wrong, way_out)


def static_graphs(case: Case) -> None:
    """Any leading axes: several features of the same nodes at once."""
    (edge_index, _), conv, x = small_graph(), case.make(), case.x(2, 3)
    out = conv(x, edge_index)
    wrong = "features [2, 3, N, F] are not those of six graphs"
    way_out = "aggregate along node_dim = -2, and compute rows along the last axis"
    for i in range(2):
        for j in range(3):
            close(out[i, j], conv(x[i, j], edge_index), 1e-10, wrong, way_out)


def message_hooks(case: Case) -> None:
    """A hook sees each message once, and changes nothing, gradients included."""
    (edge_index, _), conv, x = small_graph(), case.make(), case.x().requires_grad_()
    expected, seen = conv(x, edge_index), []
    true = gradients(conv, expected, x=x)

    def note(module: Any, given: Any, out: Tensor) -> None:
        seen.append(out)

    handle = conv.register_message_forward_hook(note)
    out = conv(x, edge_index)
    handle.remove()
    way_out = (
        "aggregate by PyG's propagate where self has hooks, as HyperbolicConv does"
    )
    expect(len(seen) == 1, f"a hook of messages was called {len(seen)} times", way_out)
    close(out, expected, 1e-9, "a hook of messages changes the result", way_out)
    grads = gradients(conv, out, x=x)
    close(grads, true, 1e-8, "a hook of messages changes gradients", way_out)


def masked_edges(case: Case) -> None:
    """An edge that an explanation masks to nothing is no edge."""
    (edge_index, _), conv, x = small_graph(), case.make(), case.x()
    keep = torch.arange(9) > 0
    masked = twin_of(
        conv,
        explain=True,
        _edge_mask=keep.double(),
        _apply_sigmoid=False,
        _loop_mask=torch.ones(9, dtype=torch.bool),
    )
    wrong = "an edge with the mask 0 still counts"
    way_out = "let masks change the weights of messages, not the points themselves"
    close(masked(x, edge_index), conv(x, edge_index[:, keep]), 1e-9, wrong, way_out)


CHECKS = {
    "order of edges": order_of_edges,
    "order of nodes": order_of_nodes,
    "disjoint graphs": disjoint_graphs,
    "corner graphs": corner_graphs,
    "forms of graphs": forms_of_graphs,
    "bipartite": bipartite,
    "flow": flow,
    "static graphs": static_graphs,
    "message hooks": message_hooks,
    "masked edges": masked_edges,
}
