"""What a run takes over from another: masks, and final weights. Plain arrays, so that store and engine can both speak of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .spec import Parent, RunSpec


class Inherited(NamedTuple):
    """spec: of the parent. masks: name -> bits, eight a byte (`numpy.packbits`); shapes: of the masks. weights: name -> array, empty where
    only the masks were asked for."""

    spec: RunSpec
    masks: Mapping[str, NDArray[np.uint8]]
    shapes: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, NDArray]


class NoParent(Exception):  # noqa: N818
    """The parent of a run is not to be had, in words for a person."""


Parents = Callable[[Parent], Inherited]


def nobody(parent: Parent) -> Inherited:
    """Where nothing is stored, nothing can be taken over."""
    raise NoParent("parent: this run starts from another one, which only the store has. Queue it: python -m prune_core submit.")


def mask_checksum(masks: Mapping[str, NDArray[np.uint8]], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """SHA-256 over names, shapes and bits of all masks, in the order of their names (hexadecimal)."""
    digest = hashlib.sha256()
    for name in sorted(masks):
        digest.update(json.dumps([name, list(shapes[name])]).encode())
        digest.update(np.ascontiguousarray(masks[name]).tobytes())
    return digest.hexdigest()
