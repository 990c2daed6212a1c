"""Pictures compared with golden ones, as an eye compares them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
BLOCK = 8  # pixels: within such a square only the mean counts, so that no edge's smoothness does
DIFFERENT = 14.0  # of 255, the mean of a square
SHARE = 0.01  # of the squares that may differ so much


def looks_like(picture: Image.Image, name: str) -> None:
    """Asserts that the picture looks like golden/`name`.png; with REDRAW_GOLDEN=1, makes it so."""
    path = GOLDEN / f"{name}.png"
    if os.environ.get("REDRAW_GOLDEN"):
        picture.quantize(32, dither=Image.Dither.NONE).save(path, optimize=True)
    with Image.open(path) as held:
        golden = held.convert("RGB")
    assert picture.size == golden.size, f"{picture.size} instead of {golden.size}"
    apart = np.abs(blocks(picture) - blocks(golden)).max(axis=2) > DIFFERENT
    assert apart.mean() <= SHARE, f"{apart.mean():.1%} of {name} looks different"


def blocks(picture: Image.Image) -> np.ndarray:
    """The mean colour of each square."""
    size = (max(1, picture.width // BLOCK), max(1, picture.height // BLOCK))
    return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX), float)
