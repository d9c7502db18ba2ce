"""Programs to copy from: each is whole, but for what it names."""
