"""Where datasets are kept on disk."""

import os
from pathlib import Path


def check_path(root: object) -> None:
    """Raises if something is not a path."""
    if not isinstance(root, str | os.PathLike):
        raise ValueError(
            f"'root' must be a path (got {type(root).__name__}); pass a folder such as "
            f"data_root() / 'hgcn'"
        )


def data_root(root: str | Path | None = None) -> Path:
    r"""Returns the folder for datasets; nothing is created.

    The first of these that is given: :obj:`root`, the environment variable
    :obj:`PYG_HYPERBOLIC_DATA`, and the folder :obj:`pyg_hyperbolic` in the user's
    cache (:obj:`$XDG_CACHE_HOME`, or :obj:`~/.cache`).  A variable that is set to
    the empty string counts as not set.

    Args:
        root: A folder of your choice. (default: :obj:`None`)

    Raises:
        ValueError: If :obj:`root` is not a path.
    """
    if root is not None:
        check_path(root)
    folder = root or os.environ.get("PYG_HYPERBOLIC_DATA")
    if folder:
        return Path(folder).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "pyg_hyperbolic"
