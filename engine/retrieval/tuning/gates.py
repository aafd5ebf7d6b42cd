"""Learns a gate: its networks and the bound between "told" and "never told"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from engine.retrieval.encoder import Array
from engine.retrieval.tuning.network import Example, GateNetwork, arrays_of, learn_network

MEMBERS = 2
"""Networks of each set of examples."""
REFUSED = 0.08
"""The share of told answers that the bound may refuse on the development persons."""
EDGE = 1e-6


def learn_gate(sets: Sequence[Sequence[Example]], development: Sequence[Example], width: int) -> dict[str, Array]:
    """Networks "0/..." and the "offset"; `width` is that of a token, 0 where there are none.

    Each set gets networks of its own: they err in different places, and their mean less. Examples must be ranked by a
    model that never saw their person, as it will be in use. The networks do not learn from the development persons:
    on them the bound is measured, by the very networks that are shipped.
    """
    networks: list[GateNetwork] = []
    for examples in sets:
        for _ in range(MEMBERS):
            networks.append(learn_network(examples, width, seed=len(networks)))
            print(f"  network {len(networks)} of {MEMBERS * len(sets)}", flush=True)
    return gate_of(networks, development)


def gate_of(networks: Sequence[GateNetwork], development: Sequence[Example]) -> dict[str, Array]:
    """The arrays of these networks with the bound that the development persons give them."""
    result = {"offset": offset(networks, development)}
    for seed, network in enumerate(networks):
        result |= {f"{seed}/{key}": values for key, values in arrays_of(network).items()}
    return result


def offset(networks: Sequence[GateNetwork], development: Sequence[Example]) -> Array:
    """The log-odds under which 12 % of the told messages lie."""
    asked = [example for example in development if example.weight >= 1]
    with torch.no_grad():
        none = torch.stack([network([one.case for one in asked])[:, -1].double().exp() for network in networks])
    mean = none.mean(dim=0).clamp(EDGE, 1 - EDGE).numpy()
    odds, told = np.log((1 - mean) / mean), np.array([one.told for one in asked])
    bound = float(np.quantile(odds[told], REFUSED))
    share = float(np.mean(odds[~told] < bound))
    print(f"  development persons: {share:.0%} of the never told refused at {REFUSED:.0%} of the told", flush=True)
    return np.array(bound, dtype=np.float32)
