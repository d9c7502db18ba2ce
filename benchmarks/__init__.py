"""Benchmarks: one script per question, each runnable on its own."""
