"""Which bytes of a block are of a kind, one bit a byte: numpy then looks at 64 bytes at a time.

Bit i of word w stands for byte 64 * w + i. There is always a word, or part of one, behind the last byte.
"""

from __future__ import annotations

import numpy as np

_ONE = np.uint64(1)
_LAST = np.uint64(63)


def bits(mask: np.ndarray) -> np.ndarray:
    """The words of a Boolean array."""
    packed = np.packbits(mask, bitorder="little")
    words = np.zeros(len(packed) // 8 + 1, np.uint64)
    words.view(np.uint8)[: len(packed)] = packed
    return words


def positions(words: np.ndarray) -> np.ndarray:
    """Where bits are set."""
    held = np.flatnonzero(words)  # lines are longer than words: most have none
    found = np.flatnonzero(np.unpackbits(words[held].view(np.uint8), bitorder="little").view(np.bool_))
    places: np.ndarray = held[found >> 6] * 64 + (found & 63)
    return places


def first(words: np.ndarray, number: int) -> np.ndarray:
    """The same without all but the first `number` bits."""
    kept = words.copy()
    word, bit = divmod(number, 64)
    kept[word:] &= np.uint64((1 << bit) - 1)
    kept[word + 1 :] = 0
    return kept


def count(words: np.ndarray) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def counts_before(words: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many bits are set before each of `places`."""
    held = np.bitwise_count(words)
    before = np.cumsum(held, dtype=np.int64) - held
    word = places >> 6
    below = (_ONE << (places & 63).astype(np.uint64)) - _ONE
    counts: np.ndarray = before[word] + np.bitwise_count(words[word] & below)
    return counts


def odd(words: np.ndarray) -> np.ndarray:
    """Where the number of bits set is odd up to and including the place itself: prefix xor."""
    made = words.copy()
    for step in (1, 2, 4, 8, 16, 32):
        made ^= made << np.uint64(step)
    ends = made >> _LAST
    carried = (np.cumsum(ends) - ends) & _ONE
    made ^= np.uint64(0) - carried  # all ones where an odd number was set before the word
    return made


def following(words: np.ndarray) -> np.ndarray:
    """The places right after those that are set."""
    made = words << _ONE
    made[1:] |= words[:-1] >> _LAST
    return made


def preceding(words: np.ndarray) -> np.ndarray:
    """The places right before those that are set."""
    made = words >> _ONE
    made[:-1] |= words[1:] << _LAST
    return made
