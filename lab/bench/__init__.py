"""The benchmarks, and the tools that they share."""
