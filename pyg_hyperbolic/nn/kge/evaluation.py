"""Ranks of the right entities among all, computed in blocks."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import Embedding
from torch_geometric.nn.kge import KGEModel
from tqdm import tqdm

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags, check_ranges, check_whole
from pyg_hyperbolic.nn.kge.ranking import Known, RankingMetrics, metrics, ranks_of
from pyg_hyperbolic.nn.kge.validation import MORE, check_known

_SCORES = 2**20  # that are held at a time

Triples = tuple[Tensor, Tensor, Tensor]


class Ranked(KGEModel):
    """A model whose scores are squared distances and biases, and how it is tested."""

    head_bias: Embedding
    tail_bias: Embedding
    reciprocal: bool
    # Heads and tails as relations move them, and curvatures of these.
    _heads: Callable[[Tensor, Tensor, Tensor], Tensor]
    _tails: Callable[[Tensor, Tensor, Tensor], Tensor]
    _curvatures: Callable[[Tensor, Tensor], Tensor]

    @torch.no_grad()
    def test(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        batch_size: int,
        k: int = 10,
        log: bool = True,
    ) -> tuple[float, float, float]:
        """Returns mean rank, MRR and Hits@k of the tails of triples among all entities.

        This is PyG's test: **unfiltered**, so that other right answers count as errors,
        without questions for heads, and with a mean rank that counts from 0.  Papers
        report :meth:`test_filtered`.  Entities with equal scores get the mean of their
        ranks.

        Args:
            head_index (torch.Tensor): The heads, shape :math:`(B)`.
            rel_type (torch.Tensor): The relations, shape :math:`(B)`.
            tail_index (torch.Tensor): The tails, shape :math:`(B)`.
            batch_size (int): How many entities are scored at a time.
            k (int, optional): The k in Hits@k. (default: :obj:`10`)
            log (bool, optional): Whether to show a progress bar. (default: :obj:`True`)
        """
        check_whole(1, k=k)
        triples = self._questions(head_index, rel_type, tail_index, batch_size, log)
        with tqdm(total=len(rel_type), disable=not log) as bar:
            ranks = self._ranks(*triples, True, None, batch_size, bar)
        hits = (ranks <= k).double().mean()
        return (ranks - 1).mean().item(), (1 / ranks).mean().item(), hits.item()

    @torch.no_grad()
    def test_filtered(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        known: Triples,
        batch_size: int = 16384,
        log: bool = True,
    ) -> RankingMetrics:
        """Returns mean rank, MRR and Hits@1, 3 and 10 as papers report them.

        All entities are ranked as tails and as heads of each triple, the latter by its
        inverse relation if there is one, and metrics are means over both.  Other right
        answers are **left out if they are known** (the filtered setting of
        `"Translating Embeddings for Modeling Multi-relational Data"
        <https://papers.nips.cc/paper/
        5071-translating-embeddings-for-modeling-multi-relational-data>`_).  Entities
        with equal scores get the mean of their ranks, and what is not a number is
        ranked last.

        Args:
            head_index (torch.Tensor): The heads, shape :math:`(B)`.
            rel_type (torch.Tensor): The relations, shape :math:`(B)`.
            tail_index (torch.Tensor): The tails, shape :math:`(B)`.
            known (tuple): Heads, relations and tails of all triples that are known,
                usually those of training, validation and test, each of shape
                :math:`(K)`.
            batch_size (int, optional): How many entities are scored at a time.
                (default: :obj:`16384`)
            log (bool, optional): Whether to show a progress bar. (default: :obj:`True`)
        """
        head, rel, tail = self._questions(
            head_index, rel_type, tail_index, batch_size, log
        )
        heads, rels, tails = check_known(known, self.node_emb.weight.device)
        sizes = (self.num_nodes, self.num_relations, self.num_nodes)
        check_ranges(
            MORE, **{f"known[{i}]": (known[i], size) for i, size in enumerate(sizes)}
        )
        number = self.rel_emb.num_embeddings
        backwards = self.num_relations if self.reciprocal else 0
        of_tails = Known(heads, rels, tails, number)
        of_heads = Known(tails, rels + backwards, heads, number)
        inverse, size = rel + backwards, batch_size
        with tqdm(total=2 * len(rel), disable=not log) as bar:
            ranks = [
                self._ranks(head, rel, tail, True, of_tails, size, bar),
                self._ranks(tail, inverse, head, self.reciprocal, of_heads, size, bar),
            ]
        return metrics(torch.cat(ranks))

    def _questions(
        self,
        head_index: Tensor,
        rel_type: Tensor,
        tail_index: Tensor,
        batch_size: int,
        log: bool,
    ) -> Triples:
        """The triples whose entities are to be ranked, after all checks."""
        check_whole(1, batch_size=batch_size)
        check_flags(log=log)
        triples = head_index, rel_type, tail_index
        with self._within(*triples, self.num_relations):
            self._check_ranges(*triples, self.num_relations)
        return triples

    def _ranks(
        self,
        anchor: Tensor,
        rel: Tensor,
        answer: Tensor,
        tails: bool,
        known: Known | None,
        batch_size: int,
        bar: tqdm,
    ) -> Tensor:
        """The rank of each answer among all entities, shape [Q].

        Args:
            anchor: What the question is asked with.
            rel: Relations, or their inverses.
            answer: Right answers.
            tails: Whether these are tails, and anchors heads.
            known: Triples whose answers are not counted.
            batch_size: How many entities are scored at a time.
            bar: A progress bar, of questions.
        """
        ranks = torch.empty(len(rel), dtype=torch.float64, device="cpu")
        for index, scores in self._all_scores(anchor, rel, tails, batch_size):
            others = None
            if known is not None:
                others = known.answers(anchor[index], rel[index])
            ranks[index.cpu()] = ranks_of(scores, answer[index], others).cpu()
            bar.update(len(index))
        return ranks

    def _all_scores(
        self, anchor: Tensor, rel: Tensor, tails: bool, batch_size: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Some questions of one relation, and the scores of all entities, [Q, N].

        Arguments as in :meth:`_ranks`.
        """
        asked, sought = self._heads, self._tails
        asked_bias, sought_bias = self.head_bias, self.tail_bias
        if not tails:
            asked, sought = sought, asked
            asked_bias, sought_bias = sought_bias, asked_bias
        entities = torch.arange(self.num_nodes, device=rel.device)
        for one in rel.unique():
            one = one[None]
            points = self.node_emb.weight[:, None]
            c = self._curvatures(one, points)
            points = sought(points, one, c)
            rows = max(1, _SCORES // self.num_nodes)
            for index in (rel == one).nonzero().view(-1).split(rows):
                own = asked(self.node_emb(anchor[index])[:, None], one, c)
                places = torch.arange(len(index), device=rel.device)
                squares = [
                    kernels.sqdist(
                        own,
                        points,
                        c,
                        places.repeat_interleave(len(some)),
                        some.repeat(len(index)),
                    ).view(len(index), -1)
                    for some in entities.split(int(batch_size))
                ]
                biases = asked_bias(anchor[index]) + sought_bias.weight.view(-1)
                yield index, biases - torch.cat(squares, dim=1)
