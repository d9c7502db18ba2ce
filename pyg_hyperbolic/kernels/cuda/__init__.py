"""The back end for CUDA: kernels over rows and edges, in Triton.

Each function takes the tensors of one operation and gives its result, or its gradients,
without autograd, and without waiting for the device.  What is not here is computed by
the portable back end.
"""

from pyg_hyperbolic.kernels.cuda.midpoint import midpoint, midpoint_backward

__all__ = ["midpoint", "midpoint_backward"]
