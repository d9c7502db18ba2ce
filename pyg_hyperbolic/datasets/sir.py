r"""An epidemic on a tree of contacts, as pure functions of a random generator.

Sources:
    [1] Anderson & May, *Infectious Diseases of Humans*, 1992: the SIR model.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_whole, number


def random_tree(num_nodes: int, branching: float, generator: torch.Generator) -> Tensor:
    r"""Grows a Galton-Watson tree, breadth first, until it has :obj:`num_nodes`.

    Each node has :math:`\mathrm{Poisson}(b)` children.  A generation without any
    child is drawn again, and the last one is cut off at :obj:`num_nodes`.

    Args:
        num_nodes: Number of nodes, 1 at least.
        branching: Mean number of children :math:`b`, above 1.
        generator: Source of all randomness, on the CPU.

    Returns:
        The parent of each node, shape :math:`(N)`; -1 for the root, node 0.  Nodes
        are numbered breadth first: parents ascend, and come before their children.

    Raises:
        ValueError: If :obj:`num_nodes` or :obj:`branching` is too small.
    """
    check_whole(1, num_nodes=num_nodes)
    if not 1 < number(branching) < math.inf:
        raise ValueError(
            f"'branching' must be a finite number above 1 (got {branching}): below, "
            f"the tree dies out; for a sparse tree use a value such as 1.2"
        )

    parent = torch.full((num_nodes,), -1)
    start, stop = 0, 1  # the youngest generation
    while stop < num_nodes:
        mean = torch.full((stop - start,), float(branching), dtype=torch.float64)
        last_child = torch.poisson(mean, generator=generator).cumsum(0)
        # The i-th child belongs to the first node whose running total exceeds i.
        # Only the children that are kept are listed: the total may be huge.
        births = int(min(last_child[-1].item(), num_nodes - stop))
        child = torch.arange(births, dtype=last_child.dtype)
        parent[stop : stop + births] = start + torch.searchsorted(
            last_child, child, right=True
        )
        if births > 0:
            start, stop = stop, stop + births
    return parent


def generations(parent: Tensor) -> Iterator[slice]:
    """Yields the nodes of each generation of a breadth-first tree, root excluded."""
    start, num_nodes = 1, parent.numel()
    while start < num_nodes:
        stop = int(torch.searchsorted(parent, start))
        yield slice(start, stop)
        start = stop


def simulate_sir(
    parent: Tensor,
    susceptibility: Tensor,
    infection_rate: float,
    recovery_rate: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    r"""Runs a continuous-time SIR epidemic [1] from the root of a tree, exactly.

    An infected node :math:`u` is infectious for
    :math:`T_u \sim \mathrm{Exp}(\gamma)`.  It meets its child :math:`v` with the
    hazard :math:`\beta s_v`: the infection would take
    :math:`D_v \sim \mathrm{Exp}(\beta s_v)`, and happens if :math:`D_v < T_u`.  So,
    for an infected parent,

    .. math::
        t_v = t_u + D_v, \qquad
        P(v \text{ infected} \mid s_v) = E[1 - e^{-\beta s_v T_u}]
        = \frac{\beta s_v}{\gamma + \beta s_v}.

    Siblings share :math:`T_u`, hence are not independent.

    Args:
        parent: A breadth-first tree, shape :math:`(N)`, as of :func:`random_tree`.
        susceptibility: :math:`s_v > 0`, shape :math:`(N)`.
        infection_rate: :math:`\beta > 0`.
        recovery_rate: :math:`\gamma > 0`.
        generator: Source of all randomness, on the CPU.

    Returns:
        The time of infection of each node, 0 for the root and infinite for those
        who escape, and the infectious period that each node has if infected; both
        of shape :math:`(N)` in double precision.

    Raises:
        ValueError: If a rate is not a positive finite number.
    """
    _check_rate("infection_rate", infection_rate)
    _check_rate("recovery_rate", recovery_rate)
    unit = torch.empty(2, parent.numel(), dtype=torch.float64)
    unit.exponential_(generator=generator)
    period = unit[0] / recovery_rate
    delay = unit[1] / (infection_rate * susceptibility)

    infected_by_parent = delay < period[parent.clamp(min=0)]
    time = torch.where(infected_by_parent, delay, torch.inf)
    time[0] = 0.0
    for nodes in generations(parent):
        time[nodes] += time[parent[nodes]]  # a parent that escaped: infinite
    return time, period


def _check_rate(name: str, rate: float) -> None:
    if not 0 < number(rate) < math.inf:
        raise ValueError(f"'{name}' must be a positive finite number (got {rate})")


def calibrate_infection_rate(
    parent: Tensor, recovery_rate: float, share: float
) -> float:
    r"""Returns the :math:`\beta` that infects a given share of a tree on average.

    With :math:`s \sim \mathrm{Uniform}(0, 2)` an edge transmits with probability

    .. math::
        p = E\left[\frac{\beta s}{\gamma + \beta s}\right]
        = 1 - \frac{\gamma}{2\beta} \ln\left(1 + \frac{2\beta}{\gamma}\right),

    and a node of generation :math:`k` is infected with probability :math:`p^k`.

    Args:
        parent: A breadth-first tree, shape :math:`(N)`.
        recovery_rate: :math:`\gamma > 0`.
        share: Mean share of the nodes to be infected, between 0 and 1.
    """
    _check_rate("recovery_rate", recovery_rate)
    sizes = [nodes.stop - nodes.start for nodes in generations(parent)]
    low, high = -40.0, 40.0  # of log(2 beta / gamma), by bisection
    for _ in range(60):
        middle = (low + high) / 2
        p = 1 - math.log1p(math.exp(middle)) / math.exp(middle)
        infected = 1 + sum(size * p**k for k, size in enumerate(sizes, start=1))
        if infected < share * parent.numel():
            low = middle
        else:
            high = middle
    return recovery_rate * math.exp(high) / 2
