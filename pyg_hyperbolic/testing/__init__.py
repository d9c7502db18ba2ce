r"""What a hyperbolic layer must pass, for those who write their own on this package.

.. code-block:: python

    from pyg_hyperbolic.testing import check_conv

    check_conv(MyConv, twin=GCNConv)

With pytest, a case for each check:

.. code-block:: python

    @pytest.mark.parametrize("check", CONV_CHECKS)
    def test_my_conv(check):
        check_conv(MyConv, twin=GCNConv, only=[check])

Nothing here needs pytest: a check that fails is an :class:`AssertionError`, which says
what is wrong and what to do.
"""

from pyg_hyperbolic.testing.conv import NAMES, check_conv

__all__ = ["CONV_CHECKS", "check_conv"]

CONV_CHECKS = NAMES
"""Names of the checks of :func:`check_conv`, in their order."""
