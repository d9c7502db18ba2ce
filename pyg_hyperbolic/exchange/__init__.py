"""Points and weights to and from other libraries."""
