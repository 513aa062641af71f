"""Random streams: every use of chance draws from its own generator, so adding one never shifts another."""

import hashlib
from typing import Literal

Purpose = Literal[
    "initialise", "reinitialise", "order", "reorder", "mask", "scoring", "label_control", "augment", "reaugment", "labels", "dropout", "ties", "random",
    "target", "noise", "split", "sample",
]  # fmt: skip


def seed_of(seed: int, purpose: Purpose, index: int | None = None) -> int:
    """Seed of the generator for one purpose of one run (and one index: an epoch, a round), 0 <= seed < 2**63.

    The first 8 bytes of SHA-256 of "<seed>/<purpose>[/<index>]", less the last bit to stay below 2**63. Python's own hash is salted per
    process and can't be used.
    """
    name = f"{seed}/{purpose}" if index is None else f"{seed}/{purpose}/{index}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
