"""Parts of benchmarks/save.py."""
