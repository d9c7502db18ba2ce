"""What the benchmarks share: graphs, models, training, runs on disk, tables."""
