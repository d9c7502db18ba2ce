"""Splits of the nodes of one graph."""

import torch
from torch import Tensor


def stratified_masks(
    y: Tensor,
    train: float = 0.3,
    val: float = 0.1,
    *,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Draws a random split in which every part has the class shares of the whole.

    Each class is shuffled and cut on its own; its share of a part is rounded to the
    nearest node, and is one node at least.  What :obj:`train` and :obj:`val` leave
    is the test set.

    Args:
        y: Class of each node, shape :math:`(N)`, integers.
        train: Share of the nodes for training. (default: :obj:`0.3`)
        val: Share of the nodes for validation. (default: :obj:`0.1`)
        generator: Source of all randomness, on the CPU.

    Returns:
        The disjoint masks of training, validation and test, each of shape
        :math:`(N)`, which cover all nodes.

    Raises:
        ValueError: If the shares are not positive or leave nothing to test on, or
            if a class is too small to have a node in each part.
    """
    if not (train > 0 and val > 0 and train + val < 1):
        raise ValueError(
            f"'train' and 'val' must be positive shares with a sum below 1 "
            f"(got train={train}, val={val}); what they leave is the test set"
        )

    masks = torch.zeros(3, y.numel(), dtype=torch.bool)
    for label in sorted(set(y.tolist())):
        nodes = (y == label).nonzero().view(-1)
        num_train = max(1, round(train * nodes.numel()))
        num_val = max(1, round(val * nodes.numel()))
        if num_train + num_val >= nodes.numel():
            raise ValueError(
                f"Class {label} of 'y' is too small to split into training, "
                f"validation and test nodes (got {nodes.numel()} of {y.numel()} "
                f"nodes); use a larger graph or other shares"
            )
        nodes = nodes[torch.randperm(nodes.numel(), generator=generator)]
        masks[0, nodes[:num_train]] = True
        masks[1, nodes[num_train : num_train + num_val]] = True
        masks[2, nodes[num_train + num_val :]] = True
    train_mask, val_mask, test_mask = masks.unbind()
    # Copies: a view of the shared table would be saved with all of it.
    return train_mask.clone(), val_mask.clone(), test_mask.clone()
