import math
import time
from typing import Any

import networkx
import pytest
import torch
from torch_geometric.utils import to_networkx

from pyg_hyperbolic.datasets import DiseaseTree
from pyg_hyperbolic.datasets.sir import (
    calibrate_infection_rate,
    generations,
    random_tree,
    simulate_sir,
)
from pyg_hyperbolic.datasets.split import stratified_masks
from tests.where import each


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@each("branching", [1.05, 3.0, 1e9])
@each("num_nodes", [1, 2, 777])
def test_random_tree_is_that_of_a_naive_loop(num_nodes: int, branching: float) -> None:
    generator, parent = seeded(9), [-1]
    generation, slices = [0], []
    while len(parent) < num_nodes:
        mean = torch.full((len(generation),), branching, dtype=torch.float64)
        births = torch.poisson(mean, generator=generator).tolist()
        first = len(parent)
        for node, number in zip(generation, births, strict=True):
            parent += min(int(number), num_nodes) * [node]
        if len(parent) > first:
            generation = list(range(first, len(parent)))
            slices.append(slice(first, min(len(parent), num_nodes)))
    found = random_tree(num_nodes, branching, seeded(9))
    assert found.dtype == torch.long and found.tolist() == parent[:num_nodes]
    assert list(generations(found)) == slices


@each(("beta", "gamma", "s"), [(0.5, 1.0, 0.7), (15.0, 2.0, 0.1)])
def test_transmission_follows_closed_forms(beta: float, gamma: float, s: float) -> None:
    # Patient zero infects many nodes for sure, each of which has one child.
    many = 200_000
    parent = torch.arange(-many, many + 1).clamp(min=0)
    parent[0] = -1
    susceptibility = torch.full(parent.shape, s, dtype=torch.float64)
    susceptibility[1 : many + 1] = math.inf
    time, _ = simulate_sir(parent, susceptibility, beta, gamma, seeded(3))
    assert bool((time[: many + 1] == 0).all())

    delay = time[many + 1 :]
    infected = delay.isfinite()
    p = beta * s / (gamma + beta * s)  # E[1 - exp(-beta s T)]
    error = math.sqrt(p * (1 - p) / many)
    assert infected.double().mean().item() == pytest.approx(p, abs=4 * error)

    # The first of two exponential events is exponential with the sum of the rates.
    mean = 1 / (gamma + beta * s)
    error = mean / math.sqrt(p * many)
    assert delay[infected].mean().item() == pytest.approx(mean, abs=4 * error)


def test_siblings_share_the_infectious_period_of_their_parent() -> None:
    star = torch.zeros(100_000, dtype=torch.long)
    star[0] = -1
    susceptibility = torch.full(star.shape, 0.7, dtype=torch.float64)
    for seed in range(3):
        time, period = simulate_sir(star, susceptibility, 2.0, 1.0, seeded(seed))
        assert bool((time[time.isfinite()] <= period[0]).all())
        p = -math.expm1(-2.0 * 0.7 * period[0].item())
        share = time[1:].isfinite().double().mean().item()
        assert share == pytest.approx(p, abs=0.01)


def test_calibrated_rate_infects_the_share_asked_for_on_average() -> None:
    parent = random_tree(60, 2.0, seeded(4))
    rate = calibrate_infection_rate(parent, 3.0, 0.4)
    generator, total, runs = seeded(5), 0.0, 3000
    for _ in range(runs):
        susceptibility = 2 * torch.rand(60, dtype=torch.float64, generator=generator)
        time, _ = simulate_sir(parent, susceptibility, rate, 3.0, generator)
        total += time.isfinite().double().mean().item()
    assert total / runs == pytest.approx(0.4, abs=4 * 0.3 / math.sqrt(runs))


def test_graph_is_an_undirected_tree() -> None:
    data = DiseaseTree()[0]
    assert data.num_nodes == 5000
    assert data.is_coalesced() and data.is_undirected()
    assert networkx.is_tree(to_networkx(data, to_undirected=True))


@each("seed", range(20))
def test_infected_are_a_subtree_in_order_of_time(seed: int) -> None:
    data = DiseaseTree(num_nodes=500, seed=seed)[0]
    # The smaller of two neighbours is the parent.
    parent, child = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    infected, time = data.y == 1, data.infection_time
    assert infected[0] and time[0] == 0
    assert bool(infected[parent][infected[child]].all())
    assert bool((time[child] > time[parent])[infected[child]].all())
    assert torch.equal(time.isfinite(), infected)
    assert 0.1 <= infected.double().mean() <= 0.25


def test_features_are_standardised_and_tell_about_the_label() -> None:
    dataset = DiseaseTree(num_nodes=20_000, seed=1)
    data = dataset[0]
    assert data.x.shape == (20_000, 4) and data.x.dtype == torch.float32
    assert dataset.num_features == 4 and dataset.num_classes == 2
    assert data.x.isfinite().all()
    torch.testing.assert_close(data.x.mean(0), torch.zeros(4), atol=0.02, rtol=0)
    torch.testing.assert_close(data.x.std(0), torch.ones(4), atol=0.03, rtol=0)
    # Susceptibility, severity and duration are larger among the infected, but
    # no column gives the label away.
    gap = data.x[data.y == 1].mean(0) - data.x[data.y == 0].mean(0)
    assert bool((gap[:3] > 0.1).all()) and bool((gap.abs() < 1.5).all())


def test_only_some_of_the_infected_and_nobody_else_are_on_record() -> None:
    data = DiseaseTree(num_nodes=20_000, noise=0.0, reported=0.3)[0]
    severity, duration = data.x[:, 1], data.x[:, 2]
    unreported = severity == severity.min()
    assert torch.equal(unreported, duration == duration.min())
    assert bool(unreported[data.y == 0].all())
    share = unreported[data.y == 1].double().mean().item()
    assert share == pytest.approx(0.7, abs=0.03)


def test_noise_changes_features_only() -> None:
    clear, noisy = DiseaseTree(noise=0.0)[0], DiseaseTree(noise=2.0)[0]
    for name in set(clear.keys()) - {"x"}:
        assert torch.equal(clear[name], noisy[name])
    for column in range(4):
        both = torch.stack([clear.x[:, column], noisy.x[:, column]])
        expected = 1 / math.sqrt(1 + 2.0**2)
        assert both.corrcoef()[0, 1].item() == pytest.approx(expected, abs=0.1)


def test_recovery_rate_sets_the_unit_of_time_only() -> None:
    slow, fast = DiseaseTree(recovery_rate=1.0)[0], DiseaseTree(recovery_rate=4.0)[0]
    torch.testing.assert_close(slow.infection_time, 4 * fast.infection_time)
    torch.testing.assert_close(slow.x, fast.x)
    assert torch.equal(slow.y, fast.y)


def test_masks_are_a_stratified_partition() -> None:
    data = DiseaseTree(seed=3)[0]
    small = torch.tensor([0, 1, 0, 1, 1, 0])
    for y, masks in (
        (data.y, (data.train_mask, data.val_mask, data.test_mask)),
        (small, stratified_masks(small, generator=seeded(0))),
    ):
        assert bool((torch.stack(masks).sum(0) == 1).all())
        for mask, share in zip(masks, (0.3, 0.1, 0.6), strict=True):
            sizes = y[mask].bincount()
            assert mask.dtype == torch.bool and (sizes > 0).all()
            assert ((sizes - share * y.bincount()).abs() <= 1).all()


def test_the_seed_alone_decides() -> None:
    state = torch.get_rng_state()
    first, other = (DiseaseTree(num_nodes=100, seed=seed)[0] for seed in (7, 8))
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_default_dtype(torch.float64)
    try:
        again = DiseaseTree(num_nodes=100, seed=7)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    for name in first.to_dict():
        assert again[name].dtype == first[name].dtype
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])


def test_transform_and_repr() -> None:
    dataset = DiseaseTree(100, seed=4, transform=lambda data: data.num_edges)
    assert dataset[0] == 2 * 99
    assert str(dataset) == "DiseaseTree(num_nodes=100, seed=4)"


@each("num_nodes", [10, 11, 13])
def test_smallest_trees_are_complete_even_with_constant_columns(num_nodes: int) -> None:
    for seed in range(20):
        options = {"seed": seed, "infected_share": (0.35, 0.6), "noise": 0.0}
        assert DiseaseTree(num_nodes, **options)[0].x.isfinite().all()
        nobody = DiseaseTree(num_nodes, reported=0.0, **options)[0]
        assert nobody.x.isfinite().all() and not nobody.x[:, 1:3].any()


def test_many_nodes_take_a_second() -> None:
    start = time.process_time()
    data = DiseaseTree(num_nodes=200_000)[0]
    assert time.process_time() - start < 2
    assert data.num_edges == 2 * 199_999


@each(
    ("arguments", "text"),
    [
        (
            {"infection_rate": 0.01, "num_nodes": 100},
            r"'infection_rate' = 0.01 .*\(got 0.01 to .*\); use infection_rate=None",
        ),
        (
            {"infection_rate": 1e-9, "num_nodes": 50, "infected_share": (0, 1)},
            r"Class 1 of 'y' is too small .*\(got 1 of 50 nodes\)",
        ),
    ],
)
def test_epidemics_that_do_not_fit_the_bounds_are_errors(
    arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        DiseaseTree(**arguments)


def test_bad_shares_of_a_split_are_named() -> None:
    with pytest.raises(ValueError, match=r"train=0.6, val=0.4"):
        stratified_masks(torch.zeros(10).long(), 0.6, 0.4, generator=seeded(0))
