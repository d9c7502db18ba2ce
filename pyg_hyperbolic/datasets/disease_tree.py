r"""The Disease dataset, generated: an epidemic on a tree, from a seed.

Sources:
    [1] Anderson & May, *Infectious Diseases of Humans*, 1992: the SIR model.
    [2] Chami et al., *Hyperbolic Graph Convolutional Neural Networks*, NeurIPS 2019,
        arXiv:1910.12933: SIR trees as node classification data for hyperbolic GNNs.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.utils import degree, to_undirected

from pyg_hyperbolic.checks import (
    check_functions,
    check_whole,
    number,
    pair,
    whole,
)
from pyg_hyperbolic.datasets.sir import (
    calibrate_infection_rate,
    random_tree,
    simulate_sir,
)
from pyg_hyperbolic.datasets.split import stratified_masks

MAX_EPIDEMICS = 1000  # a calibrated epidemic is accepted within a few draws


def observe(
    parent: Tensor,
    susceptibility: Tensor,
    infected: Tensor,
    period: Tensor,
    reported: float,
    noise: float,
    generator: torch.Generator,
) -> Tensor:
    r"""Records what a public health office can see; see :class:`DiseaseTree`.

    Args:
        parent: A breadth-first tree, shape :math:`(N)`.
        susceptibility: Relative susceptibility, shape :math:`(N)`.
        infected: Who is infected, shape :math:`(N)`.
        period: Infectious period of each node if infected, in units of its mean,
            shape :math:`(N)`.
        reported: Share of the infected whose illness is reported.
        noise: Standard deviation of the observation noise, in units of the standard
            deviation of what is observed.
        generator: Source of all randomness, on the CPU.

    Returns:
        Features of shape :math:`(N, 4)`, in single precision.
    """
    num_nodes = parent.numel()
    uniform = torch.rand(num_nodes, dtype=torch.float64, generator=generator)
    normal = torch.randn(num_nodes, dtype=torch.float64, generator=generator)
    case = infected & (uniform < reported)
    severity, duration = case * normal.exp(), case * period
    contacts = degree(parent[1:], num_nodes, dtype=torch.float64) + (parent >= 0)

    x = torch.stack(
        [susceptibility, severity.log1p(), duration.log1p(), contacts.log1p()], dim=-1
    )
    std = x.std(dim=0)
    std[std == 0] = 1.0  # a small tree with no reported case: that column is 0
    x = (x - x.mean(dim=0)) / std
    blur = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    return ((x + noise * blur) / math.sqrt(1 + noise**2)).float()


class DiseaseTree(InMemoryDataset):
    r"""An SIR epidemic [1] on a random tree, after [2]; the task is who was infected.

    #. :func:`random_tree`: a Galton-Watson tree with Poisson numbers of children,
       cut off at :obj:`num_nodes`; the root, node 0, is patient zero.
    #. :func:`simulate_sir`: a continuous-time SIR epidemic from the root along the
       edges; the relative susceptibilities :math:`s_v` are
       :math:`\mathrm{Uniform}(0, 2)`, of mean 1.  Many epidemics die out by chance
       after a few cases, so susceptibilities and epidemic are drawn again until the
       share of infected lies within :obj:`infected_share`: the data follow the SIR
       model conditioned on the size of the outbreak.
    #. :func:`observe`: four features :obj:`x` of each node.

       * ``x[:, 0]``: susceptibility :math:`s_v`.
       * ``x[:, 1]``: reported severity :math:`\log(1 + a)`.  Of the infected a share
         :obj:`reported`, at random, becomes a case on record: their :math:`a` is
         :math:`\mathrm{LogNormal}(0, 1)`; it is 0 for all others.
       * ``x[:, 2]``: reported duration :math:`\log(1 + S)`, with :math:`S` the
         infectious period of the cases on record in units of its mean, 0 for all
         others.
       * ``x[:, 3]``: contacts, :math:`\log(1 + \text{degree})`.

       Each column is standardized over the nodes, gets Gaussian noise of standard
       deviation :obj:`noise`, and is divided by :math:`\sqrt{1 + \text{noise}^2}`.

    The graph has :obj:`edge_index` in both directions, the label :obj:`y` (1:
    infected), and :obj:`train_mask`, :obj:`val_mask`, :obj:`test_mask`, a stratified
    30/10/60 split.  Its :obj:`infection_time`, infinite for those who escape, is for
    plots: **never use it as a feature**, it contains the label.  Nodes are numbered
    breadth first, so of two neighbors the smaller is the parent; a node's number
    thus tells its depth, and must not be a feature either.

    The task is contact tracing: to tell from a few reported cases, under noise, who
    else was infected.  Whoever has a case below in the tree was infected too, so what
    counts among the neighbors is the largest signal and not their mean: a mean over
    many contacts drowns it.  The defaults (few cases, many contacts) were chosen so
    that this matters: they favor aggregations that weigh strong signals more, as the
    hyperbolic midpoint and the maximum do, over plain means.

    Equal arguments give equal data; the global random state is not touched.  Only the
    split is drawn after the noise: another :obj:`noise` changes nothing but :obj:`x`.

    Args:
        num_nodes: Number of nodes, 10 at least. (default: :obj:`5000`)
        branching: Mean number of children, above 1. (default: :obj:`8.0`)
        infection_rate: Rate :math:`\beta` of infection along an edge at
            susceptibility 1.  :obj:`None` chooses it for the tree at hand, such that
            the mean share of infected, before conditioning, is in the middle of
            :obj:`infected_share`.  (default: :obj:`None`)
        recovery_rate: Rate :math:`\gamma` of recovery. (default: :obj:`1.0`)
        noise: Observation noise, 0 or more. (default: :obj:`1.0`)
        seed: Seed of all random draws. (default: :obj:`0`)
        transform: Applied to the graph at every access. (default: :obj:`None`)
        infected_share: Smallest and largest accepted share of infected;
            :obj:`(0.0, 1.0)` accepts the first epidemic. (default:
            :obj:`(0.1, 0.25)`)
        reported: Share of the infected who are on record, between 0 and 1.
            (default: :obj:`0.15`)

    Raises:
        ValueError: If an argument is out of range, or no accepted epidemic is found.
    """

    def __init__(
        self,
        num_nodes: int = 5000,
        branching: float = 8.0,
        infection_rate: float | None = None,
        recovery_rate: float = 1.0,
        noise: float = 1.0,
        seed: int = 0,
        transform: Callable[..., Any] | None = None,
        *,
        infected_share: tuple[float, float] = (0.1, 0.25),
        reported: float = 0.15,
    ) -> None:
        super().__init__(None, transform)
        low, high = pair(infected_share)
        check_whole(-math.inf, num_nodes=num_nodes, seed=seed)
        check_functions(transform=transform)
        if num_nodes < 10:
            raise ValueError(
                f"'num_nodes' must be 10 or more (got {num_nodes}): fewer cannot be "
                f"split by class"
            )
        if not 0 <= number(noise) < math.inf:
            raise ValueError(f"'noise' must be 0 or a positive number (got {noise})")
        if not 0 <= number(reported) <= 1:
            raise ValueError(
                f"'reported' must be a share between 0 and 1 (got {reported})"
            )
        if not 0 <= low < high <= 1:
            raise ValueError(
                f"'infected_share' must be two ascending shares between 0 and 1 "
                f"(got {infected_share})"
            )
        self.num_nodes, self.seed = num_nodes, seed

        generator = torch.Generator().manual_seed(whole(seed))
        parent = random_tree(num_nodes, branching, generator)
        if infection_rate is None:
            middle = (low + high) / 2
            infection_rate = calibrate_infection_rate(parent, recovery_rate, middle)
        self.infection_rate = infection_rate

        shares: list[float] = []
        while not shares or not low <= shares[-1] <= high:
            if len(shares) == MAX_EPIDEMICS:
                raise ValueError(
                    f"None of {MAX_EPIDEMICS} epidemics with 'infection_rate' = "
                    f"{infection_rate:.3g} infected a share of the nodes within "
                    f"'infected_share' = {infected_share} (got {min(shares):.3g} to "
                    f"{max(shares):.3g}); use infection_rate=None, or wider bounds"
                )
            uniform = torch.rand(num_nodes, dtype=torch.float64, generator=generator)
            susceptibility = 2 * (1 - uniform)  # in (0, 2]: never 0
            time, period = simulate_sir(
                parent, susceptibility, infection_rate, recovery_rate, generator
            )
            infected = time.isfinite()
            shares.append(infected.double().mean().item())

        period = period * recovery_rate  # in units of its mean
        x = observe(
            parent, susceptibility, infected, period, reported, noise, generator
        )
        train_mask, val_mask, test_mask = stratified_masks(
            infected.long(), generator=generator
        )
        edge_index = torch.stack([parent[1:], torch.arange(1, num_nodes)])
        data = Data(
            x=x,
            edge_index=to_undirected(edge_index, num_nodes=num_nodes),
            y=infected.long(),
            train_mask=train_mask,
            val_mask=val_mask,
            test_mask=test_mask,
            infection_time=time.float(),
        )
        self.data, self.slices = self.collate([data])

    def __repr__(self) -> str:
        return f"DiseaseTree(num_nodes={self.num_nodes}, seed={self.seed})"
