"""Points, weights and layers to and from other libraries."""
