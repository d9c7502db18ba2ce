"""Ranks of the right answers among all entities, and metrics of these ranks."""

from typing import NamedTuple

import torch
from torch import Tensor


class RankingMetrics(NamedTuple):
    """What rankings of entities are judged by, over all questions.

    Ranks count from 1, the best.
    """

    mean_rank: float
    mrr: float  # mean of 1/rank
    hits_at_1: float  # share of ranks of at most 1
    hits_at_3: float
    hits_at_10: float


def metrics(ranks: Tensor) -> RankingMetrics:
    """The metrics of some ranks, shape [Q]; NaN if there are none."""
    hits = ((ranks <= k).double().mean().item() for k in (1, 3, 10))
    return RankingMetrics(ranks.mean().item(), (1 / ranks).mean().item(), *hits)


class Known:
    """Triples that are known to be true, for look-up by two of their three parts.

    Args:
        anchor: Their entities that questions are asked with, shape [K].
        rel: Their relations, shape [K].
        answer: Their other entities, shape [K].
        num_relations: Number of relations.
    """

    def __init__(
        self, anchor: Tensor, rel: Tensor, answer: Tensor, num_relations: int
    ) -> None:
        self._num_relations = num_relations
        self._codes, order = self._code(anchor, rel).sort()
        self._answers = answer[order]

    def _code(self, anchor: Tensor, rel: Tensor) -> Tensor:
        return anchor.long() * self._num_relations + rel

    def answers(self, anchor: Tensor, rel: Tensor) -> tuple[Tensor, Tensor]:
        """All right answers to questions: which of them is answered, and the entity."""
        codes = self._code(anchor, rel)
        start = torch.searchsorted(self._codes, codes)
        count = torch.searchsorted(self._codes, codes, right=True) - start
        question = torch.arange(len(codes), device=codes.device)
        question = question.repeat_interleave(count)
        before = count.cumsum(0) - count
        place = torch.arange(len(question), device=codes.device)
        return question, self._answers[place + (start - before)[question]]


def ranks_of(
    scores: Tensor, answer: Tensor, others: tuple[Tensor, Tensor] | None
) -> Tensor:
    """Rank of the answer to each question, in float64, shape [Q].

    Half of the other entities with the answer's own score count as better, which is the
    mean over all orders of them.  An answer whose score is NaN is ranked last.

    Args:
        scores: Scores of all entities, shape [Q, N].
        answer: The right answers, shape [Q].
        others: Further right answers that are left out, as questions and entities.
    """
    question = torch.arange(len(answer), device=answer.device)
    own = scores[question, answer][:, None]
    better, equal = ~(scores <= own), scores == own
    for mask in (better, equal):
        mask[question, answer] = False
        if others is not None:
            mask[others] = False
    return 1 + better.sum(dim=1).double() + equal.sum(dim=1).double() / 2
