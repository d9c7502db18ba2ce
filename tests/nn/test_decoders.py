import copy
from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from pyg_hyperbolic import Curvature, geometry
from pyg_hyperbolic.nn import FermiDiracDecoder, FermiDiracEdges
from tests.where import each


@each("learnable", [False, True])
@each(("r", "t"), [(2.0, 1.0), (0.0, 0.5), (-1.0, 3.0)])
@each("c", [0.0, 0.3, 2.0])
def test_is_the_fermi_dirac_distribution(
    dtype: torch.dtype,
    assert_close: Callable[..., None],
    r: float,
    t: float,
    c: float,
    learnable: bool,
) -> None:
    u, v = torch.randn(4, 1, 3, dtype=dtype), torch.randn(1, 5, 3, dtype=dtype)
    decoder = FermiDiracDecoder(r, t, learnable=learnable)
    out = decoder(u, v, c)
    assert out.shape == (4, 5) and out.dtype == dtype
    distance = geometry.dist(u.double(), v.double(), c)
    expected = 1 / (((distance.square() - r) / t).exp() + 1)
    assert_close(out.sigmoid(), expected)
    assert_close(decoder(u, u, c), torch.full((4, 1), r / t))


def test_edges_are_decoded_from_distances() -> None:
    decoder, z = FermiDiracEdges(0.5, r=1.5, t=0.3), torch.randn(6, 3)
    source, target = edge_index = torch.tensor([[0, 1, 2, 5], [1, 2, 3, 0]])
    expected = (1.5 - geometry.sqdist(z[source], z[target], 0.5)) / 0.3
    torch.testing.assert_close(decoder(z, edge_index, sigmoid=False), expected)
    torch.testing.assert_close(decoder(z, edge_index), expected.sigmoid())
    every = decoder.forward_all(z)[source, target]
    torch.testing.assert_close(every, expected.sigmoid())


def test_settings_are_shown_copied_and_saved() -> None:
    assert repr(FermiDiracDecoder()) == "FermiDiracDecoder(r=2, t=1)"
    assert not FermiDiracDecoder().state_dict()
    decoder = FermiDiracDecoder(1.0, 0.5, learnable=True)
    loaded = FermiDiracDecoder(learnable=True)
    loaded.load_state_dict(decoder.state_dict())
    for twin in (decoder, loaded, copy.deepcopy(decoder)):
        assert repr(twin) == "FermiDiracDecoder(r=1, t=0.5, learnable=True)"


def test_far_pairs_have_finite_logits_and_gradients(
    assert_finite: Callable[..., None],
) -> None:
    """Where the probability itself, 1/(e^1600 + 1), would overflow."""
    u = torch.tensor([[20.0, 0.0]], requires_grad=True)
    curvature = Curvature(1.0)
    logits = FermiDiracDecoder()(u, -u.detach(), curvature())
    torch.testing.assert_close(logits, torch.tensor([2.0 - 1600.0]))
    binary_cross_entropy_with_logits(logits, torch.ones(1)).backward()
    assert_finite(u.grad, curvature.raw.grad)
    assert u.grad[0, 0] > 0  # pulls the points together
