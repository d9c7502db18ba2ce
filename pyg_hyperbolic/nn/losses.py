"""Losses of pairs of points, by which embeddings of a graph are trained."""

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pyg_hyperbolic.checks import (
    check_device,
    check_flags,
    check_kind,
    check_ranges,
    check_real,
    check_shape,
    check_whole,
    number,
)
from pyg_hyperbolic.geometry import cone_angle, half_aperture
from pyg_hyperbolic.geometry.rows import Curved
from pyg_hyperbolic.nn.decoders import FermiDiracDecoder
from pyg_hyperbolic.nn.dense.embedding import HyperbolicEmbedding
from pyg_hyperbolic.nn.validation import check_pairs


class SampledSoftmaxLoss(torch.nn.Module):
    r"""The loss of the `"Poincaré Embeddings" <https://arxiv.org/abs/1705.08039>`_
    paper, Eq. 6: neighbors are to be nearer than other nodes.

    The loss of an edge :math:`(u, v)` is :math:`d(u, v) + \log \sum_w e^{-d(u, w)}`,
    where the sum is over v and a sample of nodes that are not neighbors of u; the mean
    over the edges is returned.  Nodes are drawn once for each u of a batch, so that a
    batch of all edges of some nodes costs least; neighbors of u that are drawn, and u
    itself, are left out.

    Args:
        edge_index: All edges, shape :math:`(2, E)`, from each node to its neighbors:
            for a hierarchy those of its transitive closure.
        num_nodes: Number of nodes.
        num_negatives: How many nodes are drawn.
        weight: How often each node is drawn, compared with others, shape :math:`(N)`,
            which :func:`torch.multinomial` takes of up to :math:`2^{24}` nodes; all
            equally often by default.

    Raises:
        ValueError: If an edge names a node that does not exist, a number is not
            positive, or weights are negative or all 0.
    """

    keys: Tensor
    weight: Tensor | None

    def __init__(
        self,
        edge_index: Tensor,
        num_nodes: int,
        num_negatives: int = 50,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        check_whole(1, num_nodes=num_nodes, num_negatives=num_negatives)
        check_pairs(edge_index, "edge_index", None)
        check_ranges("'num_nodes' counts all nodes", edge_index=(edge_index, num_nodes))
        if weight is not None:
            _check_weight(weight, num_nodes, edge_index.device)
            weight = weight.float()
        self.num_nodes, self.num_negatives = num_nodes, num_negatives
        self.register_buffer("weight", weight, persistent=False)
        own = torch.arange(num_nodes, device=edge_index.device)
        keys = torch.cat([self._key(*edge_index), self._key(own, own)])
        self.register_buffer("keys", keys.unique(), persistent=False)

    def _key(self, first: Tensor, second: Tensor) -> Tensor:
        return first.long() * self.num_nodes + second

    def is_neighbor(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether nodes are neighbors, or the same; the shapes broadcast."""
        key = self._key(first, second)
        place = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        return self.keys[place] == key

    def forward(
        self, embedding: HyperbolicEmbedding, edges: Tensor, c: Curved
    ) -> Tensor:
        """The mean loss of some edges.

        Args:
            embedding: Points of all nodes.
            edges: A batch of the edges, shape :math:`(2, B)`.
            c: Absolute value of the curvature.
        """
        _check_points(embedding, edges=edges)
        source, row = edges[0].unique(return_inverse=True)
        drawn = self._draw(source)
        pairs = torch.stack([source[:, None].expand_as(drawn), drawn]).flatten(1)
        all_pairs = torch.cat([edges, pairs], dim=1)
        score = -embedding.dist(all_pairs, c)
        near, others = score[: len(row)], score[len(row) :].view_as(drawn)
        skipped = self.is_neighbor(source[:, None], drawn)
        others = others.masked_fill(skipped, -math.inf)
        score = torch.cat([near[:, None], others[row]], dim=1)
        return cross_entropy(score, torch.zeros_like(row))

    def _draw(self, source: Tensor) -> Tensor:
        """Nodes for each source, shape [S, n]."""
        size = (len(source), self.num_negatives)
        if self.weight is None:
            return torch.randint(self.num_nodes, size, device=source.device)
        return self.weight.multinomial(math.prod(size), replacement=True).view(size)

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        return f"num_nodes={self.num_nodes}, num_negatives={self.num_negatives}"


def _check_weight(weight: Tensor, num_nodes: int, device: torch.device) -> None:
    check_real(weight, "weight")
    check_shape(weight, "weight", (num_nodes,), fits="num_nodes")
    check_device(weight.device, device, "weight", "'edge_index'")
    total = weight.sum(dtype=torch.float32)
    if not (bool((weight >= 0).all()) and 0 < total < math.inf):
        raise ValueError(
            f"'weight' must have numbers >= 0, of a positive sum (got {weight}); "
            f"leave it out to draw all nodes equally often"
        )


def _check_points(embedding: HyperbolicEmbedding, **pairs: Tensor) -> None:
    # It may be compiled, or in some other wrapper.
    check_kind(embedding, torch.nn.Module, "embedding", "; pass a HyperbolicEmbedding")
    for name, index in pairs.items():
        check_pairs(index, name, embedding.weight.device)


class FermiDiracLoss(torch.nn.Module):
    r"""Tells edges from other pairs by a Fermi-Dirac distribution of their distances.

    The binary cross entropy of :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`'s logits,
    with the same total weight on the edges as on the other pairs.

    Args:
        r: See :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`.
        t: See :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`.
        learnable: See :class:`~pyg_hyperbolic.nn.FermiDiracDecoder`.
    """

    def __init__(
        self, r: float = 2.0, t: float = 1.0, *, learnable: bool = False
    ) -> None:
        super().__init__()
        check_flags(learnable=learnable)
        self.decoder = FermiDiracDecoder(r, t, learnable=learnable)

    def forward(
        self,
        embedding: HyperbolicEmbedding,
        edges: Tensor,
        others: Tensor,
        c: Curved,
    ) -> Tensor:
        """The loss of some edges, and of some pairs that are not edges.

        Args:
            embedding: Points of all nodes.
            edges: Edges, shape :math:`(2, P)`.
            others: Pairs that are not edges, shape :math:`(2, Q)`.
            c: Absolute value of the curvature.
        """
        _check_points(embedding, edges=edges, others=others)
        halves = []
        for pairs, label in ((edges, 1.0), (others, 0.0)):
            logits = self.decoder.logits(embedding.dist(pairs, c, squared=True))
            target = torch.full_like(logits, label)
            halves.append(binary_cross_entropy_with_logits(logits, target))
        return halves[0] + halves[1]


class EntailmentConeLoss(torch.nn.Module):
    r"""How far nodes are outside the cones that they belong in.

    The max-margin loss of `"Hyperbolic Entailment Cones"
    <https://arxiv.org/abs/1804.01882>`_, Eq. 32, with the energy of Eq. 33: the angle
    by which a point is outside a cone.  See :func:`~pyg_hyperbolic.geometry.
    half_aperture` and :func:`~pyg_hyperbolic.geometry.cone_angle`.

    Args:
        inner: Radius below which points have no cones.  Start from points farther out
            (:obj:`initial` of :class:`~pyg_hyperbolic.nn.HyperbolicEmbedding`).
        margin: Angle by which other nodes are to be outside, in radians.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(self, inner: float = 0.1, margin: float = 0.01) -> None:
        super().__init__()
        for name, value in (("inner", inner), ("margin", margin)):
            if not 0 < number(value) < math.inf:
                raise ValueError(f"'{name}' must be a positive number (got {value!r})")
        self.inner, self.margin = inner, margin

    def energy(
        self, embedding: HyperbolicEmbedding, pairs: Tensor, c: Curved
    ) -> Tensor:
        """The angle by which the first of each pair is outside the second's cone.

        Args:
            embedding: Points of all nodes.
            pairs: Indices, shape :math:`(2, P)`, each a node and what is above it.
            c: Absolute value of the curvature.

        Returns:
            Angles, shape :math:`(P)`, 0 for a point inside.
        """
        _check_points(embedding, pairs=pairs)
        below, above = embedding(pairs[0]), embedding(pairs[1])
        angle = cone_angle(above, below, c)
        return (angle - half_aperture(above, c, self.inner)).relu()

    def forward(
        self,
        embedding: HyperbolicEmbedding,
        edges: Tensor,
        others: Tensor,
        c: Curved,
    ) -> Tensor:
        """Mean energy of edges, plus how far other pairs fall short of the margin.

        Args:
            embedding: Points of all nodes.
            edges: Edges, shape :math:`(2, P)`, from a node to what is above it.
            others: Pairs that are not edges, shape :math:`(2, Q)`.
            c: Absolute value of the curvature.
        """
        _check_points(embedding, edges=edges, others=others)
        inside = self.energy(embedding, edges, c).mean()
        outside = (self.margin - self.energy(embedding, others, c)).relu().mean()
        return inside + outside

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        return f"inner={self.inner:g}, margin={self.margin:g}"
