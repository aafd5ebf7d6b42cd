"""How much of the processor's matrix products a training uses: what it needs, and what this machine can do.

    python -m benchmarks.matmul_peak JOB_DIR [dtype]

prints {"needed": FLOP of the whole training, "peak": FLOP a second}. A multiplication with an addition counts as two.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Large enough that neither the caches nor the calls matter.
SIDE = 1536
SECONDS = 2.0


def peak(dtype: str, threads: int) -> float:
    """FLOP a second of plain square products, one to a thread as the engine trains; the best of all in SECONDS."""
    import torch

    torch.set_num_threads(1)
    a, b = (torch.randn(SIDE, SIDE).to(getattr(torch, dtype)) for _ in range(2))

    def once(_: int) -> None:
        torch.mm(a, b)

    best, end = float("inf"), time.monotonic() + SECONDS
    with ThreadPoolExecutor(threads) as pool:
        while time.monotonic() < end:
            started = time.monotonic()
            list(pool.map(once, range(threads)))
            best = min(best, time.monotonic() - started)
    return threads * 2 * SIDE**3 / best


def needed(config: Any, examples: list[Any], recipe: Any) -> float:
    """FLOP of one epoch, without padding and without what is computed twice.

    For each row of T tokens, of which the A of the answer are learned, with P weights in a layer's linear parts, R
    numbers of its adapters, L layers of which M carry adapters, D wide, V words. G is T, or A where the prompt is read
    alone (it is over longest_prompt), for gradients then pass A tokens only.

    forward: T L 2 P + L 2 T^2 D (causal attention: half of two products of 2 T^2 D)
    back:    G M 2 P (inputs; the weights are frozen) + M 4 G T D (four products)
    adapter: T M 2 R + G M 4 R (forward; inputs and its own gradients)
    head:    A 4 V D (forward and back)
    """
    d, wide, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    size = getattr(config, "head_dim", None) or d // config.num_attention_heads
    queries, keys = config.num_attention_heads * size, config.num_key_value_heads * size
    shapes = [(d, queries), (d, keys), (d, keys), (queries, d), (d, wide), (d, wide), (wide, d)]
    weights = sum(a * b for a, b in shapes)
    adapter = recipe.rank * sum(a + b for a, b in shapes)
    learning, total = layers - recipe.first_layer, 0.0
    for example in examples:
        t, a = example.length, len(example.answer)
        g = t if len(example.prompt) <= recipe.longest_prompt else a
        total += t * layers * 2 * weights + layers * 2 * t * t * queries
        total += g * learning * 2 * weights + learning * 4 * g * t * queries
        total += t * learning * 2 * adapter + g * learning * 4 * adapter + a * 4 * config.vocab_size * d
    return total


def main() -> None:
    """Print both figures for a job folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job_dir", type=Path)
    parser.add_argument("dtype", nargs="?", default="bfloat16", choices=["bfloat16", "float32"])
    options = parser.parse_args()
    from transformers import AutoConfig, AutoTokenizer

    from engine.base_models import resolve
    from engine.data import encode_all
    from engine.job import read_job
    from engine.model import thread_count

    job = read_job(options.job_dir)
    folder = resolve(job.base_model, job.cache_dir).folder
    examples = encode_all(AutoTokenizer.from_pretrained(folder), job.train, job.recipe.max_tokens)
    work = needed(AutoConfig.from_pretrained(folder), examples, job.recipe) * job.recipe.epochs
    print(json.dumps({"needed": work, "peak": peak(options.dtype, thread_count())}))


if __name__ == "__main__":
    main()
