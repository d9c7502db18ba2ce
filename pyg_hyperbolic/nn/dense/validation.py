"""Checks of sizes, with the argument's name in the message."""


def check_positive(**sizes: int) -> None:
    """Raises if one of the sizes is not a positive number."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"'{name}' must be a positive number (got {value})")
