"""The one source of randomness: initial weights, dropout masks, shuffles and samples all draw from it."""

from typing import Any

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Make everything random from here on repeatable to the bit (on one machine). Raises TypeError for no integer."""
    if not isinstance(seed, int | np.integer):
        raise TypeError(f"manual_seed: expected an integer, got {seed!r}")
    global _generator
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The generator in use, for code that wants to draw from it."""
    return _generator


def get_state() -> np.ndarray:
    """Where the generator stands, as uint64 [6], for `mg.save`: the two 128-bit numbers of PCG64, and its spare 32."""
    state: Any = _generator.bit_generator.state
    words = [word for number in state["state"].values() for word in divmod(number, 2**64)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def set_state(state: np.ndarray) -> None:
    """Go on from where `get_state` was called. Raises ValueError for anything but uint64 [6]."""
    array = np.asarray(state)
    if array.shape != (6,) or array.dtype != np.uint64:
        raise ValueError(f"set_state: expected uint64[6], as get_state() returns, got {array.dtype}{list(array.shape)}")
    *words, has_uint32, uinteger = array.tolist()
    numbers = {"state": words[0] << 64 | words[1], "inc": words[2] << 64 | words[3]}
    _generator.bit_generator.state = {
        "bit_generator": "PCG64", "state": numbers, "has_uint32": has_uint32, "uinteger": uinteger
    }  # fmt: skip
