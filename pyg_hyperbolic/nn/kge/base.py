from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Embedding
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_ranges, whole
from pyg_hyperbolic.curvature import Curvature, CurvatureLike
from pyg_hyperbolic.geometry.rows import wide_dtype
from pyg_hyperbolic.nn.kge.evaluation import Ranked
from pyg_hyperbolic.nn.kge.tables import rows
from pyg_hyperbolic.nn.kge.validation import (
    MORE,
    check_settings,
    check_triples,
    curvature_of,
)


class HyperbolicKGEModel(Ranked):
    r"""A model of a knowledge graph in hyperbolic space: what :class:`MuRP`,
    :class:`RefH`, :class:`RotH` and :class:`AttH` share.

    An entity is a point in normal coordinates (see :mod:`pyg_hyperbolic.geometry`),
    which may be any vector, and two biases.  A relation :math:`r` moves heads and tails
    by maps :math:`f_r` and :math:`g_r` in a space with a curvature :math:`-c_r` of its
    own, and the score of a triple is

    .. math::
        s(h, r, t) = -d_{c_r}(f_r(\mathbf{e}_h),\, g_r(\mathbf{e}_t))^2 + b_h + b'_t .

    The papers write points as :math:`\exp_0(\mathbf{v})` in the Poincaré ball, which
    is as far from the origin as :math:`2\mathbf{v}` is here.  Otherwise nothing has to
    be known of normal coordinates: parameters are ordinary ones, no Riemannian
    optimizer is needed, nothing is projected, and every radius is allowed.

    With :obj:`sparse=True` the gradients of all tables are sparse.  Those of the
    curvatures, a few numbers, are not, and need an optimizer of their own:

    .. code-block:: python

        own = set(model.curvature.parameters())
        tables = [x for x in model.parameters() if x not in own]
        optimizers = torch.optim.SparseAdam(tables), torch.optim.Adam(own)

    Args:
        num_nodes (int): The number of entities.
        num_relations (int): The number of relations, without their inverses.
        hidden_channels (int): The dimension of the points.
        sparse (bool, optional): If set to :obj:`True`, gradients with respect to the
            tables are sparse. (default: :obj:`False`)
        curvature (CurvatureLike, optional): Initial :math:`c_r > 0` of every relation,
            or one for each, learned from there on; or a
            :class:`~pyg_hyperbolic.Curvature` of as many numbers, or of a single one
            for all relations; not :obj:`"auto"`. (default: :obj:`1.0`)
        geometry (str, optional): With :obj:`"euclidean"` all :math:`c_r` are 0, and
            :obj:`curvature` is not used. (default: :obj:`"hyperbolic"`)
        reciprocal (bool, optional): Whether every relation has an inverse, as in the
            papers, which shares only its curvature: :math:`(h, r, t)` is learned as
            :math:`(t, r^{-1}, h)`, too, and heads are predicted by way of the inverse.
            The inverse of relation :math:`r` has the number :math:`r +`
            :obj:`num_relations`.  If :obj:`False`, half of the negative samples replace
            heads. (default: :obj:`True`)
        num_negatives (int, optional): Negative samples for each triple and direction in
            the loss.  They are drawn from all entities, true ones included.
            (default: :obj:`50`)
        criterion (str, optional): The loss, :obj:`"bce"`, the binary cross-entropy of
            every triple and sample, as in the papers, or :obj:`"softmax"`, the
            cross-entropy of the triple among its samples. (default: :obj:`"bce"`)

    Raises:
        ValueError: If a size is not a positive whole number, a geometry or criterion is
            unknown, or the curvature has another number of entries; in calls, if
            triples are not rows of indices of equal length, or an index is out of
            range.
    """

    curvature: Curvature | None

    def __init__(
        self,
        num_nodes: int,
        num_relations: int,
        hidden_channels: int,
        sparse: bool = False,
        *,
        curvature: CurvatureLike = 1.0,
        geometry: str = "hyperbolic",
        reciprocal: bool = True,
        num_negatives: int = 50,
        criterion: str = "bce",
    ) -> None:
        check_settings(
            {
                "num_nodes": num_nodes,
                "num_relations": num_relations,
                "hidden_channels": hidden_channels,
                "num_negatives": num_negatives,
            },
            {"sparse": sparse, "reciprocal": reciprocal},
            geometry=geometry,
            criterion=criterion,
        )
        num_nodes, num_relations = whole(num_nodes), whole(num_relations)
        hidden_channels = whole(hidden_channels)
        number = 2 * num_relations if reciprocal else num_relations
        super().__init__(num_nodes, number, hidden_channels, sparse)
        self.num_relations = num_relations
        self.reciprocal = reciprocal
        self.num_negatives = whole(num_negatives)
        self.criterion = criterion
        self.curvature = None
        if geometry == "hyperbolic":
            self.curvature = curvature_of(curvature, num_relations)
        self.head_bias = Embedding(num_nodes, 1, sparse=sparse)
        self.tail_bias = Embedding(num_nodes, 1, sparse=sparse)
        self._make_relations(number, sparse)
        self._reset_tables()

    def _make_relations(self, number: int, sparse: bool) -> None:
        """Makes what relations learn besides their translation :obj:`rel_emb`."""

    def _reset_relations(self) -> None:
        """Draws these parameters."""

    def _heads(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        """Heads, moved by their relations.

        Args:
            x: Points, shape [K, B, d].
            rel: Their relations, shape [B].
            c: The curvatures of these, shape [B].
        """
        return x

    def _tails(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        """Tails, moved by their relations; arguments as in :meth:`_heads`."""
        return x

    def _translated(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        """Points moved by the translations of their relations."""
        return kernels.gyro_add(x, rows(self.rel_emb, rel), c)

    def _reset_tables(self) -> None:
        for points in (self.node_emb, self.rel_emb):
            torch.nn.init.normal_(points.weight, std=1e-3)
        for bias in (self.head_bias, self.tail_bias):
            torch.nn.init.zeros_(bias.weight)
        self._reset_relations()

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, curvatures included."""
        self._reset_tables()
        if self.curvature is not None:
            self.curvature.reset_parameters()

    def _curvatures(self, rel: Tensor, points: Tensor) -> Tensor:
        """The curvature of each relation, shape [B]."""
        if self.curvature is None:
            return points.new_zeros(rel.shape, dtype=wide_dtype(points.device))
        c = self.curvature(points).expand(self.num_relations)
        return c[rel % self.num_relations]

    def _scores(self, head: Tensor, rel: Tensor, tail: Tensor) -> Tensor:
        """Scores of some triples for each relation, shape [K, B].

        Args:
            head: Heads, shape [K, B], or [1, B] if they are the same in all rows.
            rel: Relations, shape [B].
            tail: Tails, as heads.
        """
        heads, tails = rows(self.node_emb, head), rows(self.node_emb, tail)
        c = self._curvatures(rel, heads)
        heads, tails = self._heads(heads, rel, c), self._tails(tails, rel, c)
        row = torch.arange(max(len(head), len(tail)), device=rel.device)
        # For the kernel each relation is a head, with a curvature of its own.
        first, second = (row.clamp(max=len(x) - 1) for x in (head, tail))
        biases = rows(self.head_bias, head) + rows(self.tail_bias, tail)
        biases = biases.squeeze(-1)
        if rel.numel() == 0:  # a kernel takes at least one head
            return biases
        return biases - kernels.sqdist(heads, tails, c, first, second)

    @contextmanager
    def _within(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor, relations: int
    ) -> Iterator[None]:
        """Names the index that is out of range, where PyTorch only says that one is."""
        names = ("head_index", "rel_type", "tail_index")
        triples = (head_index, rel_type, tail_index)
        given = dict(zip(names, triples, strict=True))
        check_triples(self.node_emb.weight.device, **given)
        try:
            yield
        except IndexError:
            self._check_ranges(*triples, relations)
            raise

    def _check_ranges(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor, relations: int
    ) -> None:
        check_ranges(
            MORE,
            head_index=(head_index, self.num_nodes),
            rel_type=(rel_type, relations),
            tail_index=(tail_index, self.num_nodes),
        )

    def forward(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor
    ) -> Tensor:
        """Returns the scores of triples, shape :math:`(B)`.

        Args:
            head_index (torch.Tensor): The heads, shape :math:`(B)`.
            rel_type (torch.Tensor): The relations, or their inverses, shape
                :math:`(B)`.
            tail_index (torch.Tensor): The tails, shape :math:`(B)`.
        """
        relations = self.rel_emb.num_embeddings
        with self._within(head_index, rel_type, tail_index, relations):
            return self._scores(head_index[None], rel_type, tail_index[None])[0]

    def loss(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        """Returns the loss of triples beside negative samples, which it draws.

        Arguments as in :meth:`forward`, without inverse relations.
        """
        with self._within(head_index, rel_type, tail_index, self.num_relations):
            scores = self._beside_negatives(head_index, rel_type, tail_index)
        if self.criterion == "softmax":
            return cross_entropy(scores.t(), scores.new_zeros(scores.size(1)).long())
        truth = torch.zeros_like(scores)
        truth[0] = 1
        return binary_cross_entropy_with_logits(scores, truth)

    def _beside_negatives(self, head: Tensor, rel: Tensor, tail: Tensor) -> Tensor:
        """Scores of triples in the first row, those of their negative samples below."""
        if self.reciprocal:
            relations = torch.cat([rel, rel + self.num_relations])
            head, tail = torch.cat([head, tail]), torch.cat([tail, head])
            return self._scores(head[None], relations, self._sampled(tail))
        half = len(rel) // 2  # as PyG's `random_sample`
        of_heads = self._scores(
            self._sampled(head[:half]), rel[:half], tail[None, :half]
        )
        of_tails = self._scores(
            head[None, half:], rel[half:], self._sampled(tail[half:])
        )
        return torch.cat([of_heads, of_tails], dim=1)

    def _sampled(self, entity: Tensor) -> Tensor:
        """Entities, and random ones below, shape [1 + num_negatives, B]."""
        shape = (self.num_negatives, len(entity))
        others = torch.randint(self.num_nodes, shape, device=entity.device)
        return torch.cat([entity[None], others])
