"""save and load, in the safetensors format: names, dtypes, shapes and raw entries; nothing in a file is run."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from .tensor import Tensor


class HasState(Protocol):
    """A module, an optimizer, a schedule."""

    def state_dict(self) -> Mapping[str, Any]:
        """What there is to keep, by name."""


def save(path: str | os.PathLike[str], module_or_dict: HasState | Mapping[str, Any]) -> None:
    """Write the `state_dict()` of a module or optimizer, or a dict of names to Tensors, arrays and numbers.

    A file of that name is replaced in one go: whatever interrupts, there is the old one or the new one, whole.
    Numbers and booleans become 0-d arrays (float64, int64, bool). Raises TypeError for anything else, ValueError
    for a name the format cannot hold, OSError where the file cannot be written.
    """
    path = Path(path)
    replace(path, safetensors.numpy.save(entries(path, module_or_dict)))


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """What `save` wrote, to the bit, by name.

    Raises OSError (FileNotFoundError, ...) where there is no such file, ValueError where it is not a whole
    safetensors file, or holds a dtype that a Tensor has not (bfloat16, complex).
    """
    data = Path(path).read_bytes()
    try:
        arrays = safetensors.numpy.load(data)
    except SafetensorError as error:
        raise ValueError(f"load: {path} is not a safetensors file, or was cut short ({error})") from None
    except KeyError as error:
        raise ValueError(f"load: {path} holds entries of dtype {error}, which NumPy does not have") from None
    for name, array in arrays.items():
        if not fits(array):
            raise ValueError(f"load: {path} holds {array.dtype} as {name!r}, which is nothing for a Tensor")
    return {name: Tensor(array) for name, array in arrays.items()}


def entries(path: Path, module_or_dict: HasState | Mapping[str, Any]) -> dict[str, np.ndarray]:
    contents = module_or_dict if isinstance(module_or_dict, Mapping) else state_of(path, module_or_dict)
    for name in contents:
        check_name(path, name)
    return {name: as_array(path, name, value) for name, value in contents.items()}


def state_of(path: Path, module: HasState) -> Mapping[str, Any]:
    if not hasattr(module, "state_dict"):
        raise TypeError(
            f"save: {path}: expected a module or a dict of names to Tensors, arrays and numbers, got "
            f"{type(module).__name__}"
        )
    return module.state_dict()


def check_name(path: Path, name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"save: {path}: names must be strings, got {name!r}")
    if name == "__metadata__" or name != name.encode(errors="ignore").decode():
        raise ValueError(f"save: {path}: the format cannot hold the name {name!r}; choose another")


def as_array(path: Path, name: str, value: Any) -> np.ndarray:
    """The value's entries in C order, which is how the format lays them out."""
    if isinstance(value, Tensor | np.ndarray | np.generic | int | float):
        array = np.asarray(value.array if isinstance(value, Tensor) else value, order="C")
        if fits(array):
            return array
        found = f"dtype {array.dtype}"
    else:
        found = type(value).__name__
    raise TypeError(
        f"save: {path}: expected a Tensor, an array or a number as {name!r}, got {found}; the format holds "
        "booleans, integers and floats of up to 64 bits"
    )


def fits(array: np.ndarray) -> bool:
    """Whether the format and a Tensor both hold the dtype."""
    return array.dtype.kind in "fiub" and array.dtype.itemsize <= 8


def replace(path: Path, data: bytes) -> None:
    """Put `data` in place of the file, or leave all as it was."""
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")  # in the same folder: a rename does not cross file systems
    try:
        with open(draft, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        raise OSError(error.errno, f"save: could not write the file: {error.strerror}", str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
