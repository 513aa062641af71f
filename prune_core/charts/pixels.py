"""Counts as a small picture: one pixel a count, to be enlarged without smoothing."""

import base64
import io

import numpy as np
from PIL import Image

from .theme import colours


def data_uri(counts: np.ndarray, largest: float) -> str:
    """Counts (height, width) as an address of a PNG, one pixel a count, on the one scale of masks. Negative counts are transparent."""
    pixels = np.concatenate([colours(counts, largest), np.where(counts < 0, 0, 255).astype(np.uint8)[..., None]], axis=-1)
    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
