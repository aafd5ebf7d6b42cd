"""Learns engine/retrieval/weights.npz from the invented persons: `python -m engine.retrieval.tuning`."""
