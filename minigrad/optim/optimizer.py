"""What all optimizers share: the parameters, their state, and the loop over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import checks


class Optimizer(ABC):
    """Changes parameters by their gradients. A subclass says how, in `update`.

    params: leaf Tensors with requires_grad=True, each once. lr: learning rate; may be set at any time.
    Raises TypeError or ValueError where these or a hyper-parameter are not what is expected.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, buffers: Sequence[str] = ()) -> None:
        self.lr = lr
        self.params = checks.trainable(self.name, params)
        self.buffers = buffers

    @cached_property
    def state(self) -> list[dict[str, Any]]:
        """What `update` remembers of each parameter, by name. Made when first needed, after any `to(dtype)`."""
        return [self.initial_state(p.array) for p in self.params]

    def initial_state(self, param: np.ndarray) -> dict[str, Any]:
        """Zeros of the parameter's shape and dtype for each of the buffers."""
        return {name: np.zeros_like(param) for name in self.buffers}

    @abstractmethod
    def update(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """The parameter's new entries. Changes `state`, and neither `param` nor `grad`."""

    @property
    def name(self) -> str:
        """The class, for error messages."""
        return type(self).__name__

    @property
    def lr(self) -> float:
        """Learning rate, at least 0."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = checks.hyperparameter(self.name, "lr", value)

    def zero_grad(self) -> None:
        """Set every parameter's `grad` to None."""
        for p in self.params:
            p.grad = None

    def step(self, error_if_nonfinite: bool = False) -> None:
        """Update every parameter that has a gradient.

        NaN and infinity in a gradient go into its own parameter, as in PyTorch; with `error_if_nonfinite` they
        raise FloatingPointError instead, before anything is changed.
        """
        if error_if_nonfinite:
            checks.finite(f"{self.name}.step", self.params)
        with np.errstate(all="ignore"):
            for p, state in zip(self.params, self.state):
                if p.grad is not None:
                    p.assign_(self.update(p.array, p.grad.array, state))

    def state_dict(self) -> dict[str, Any]:
        """The learning rate and a copy of the state, by name, for `mg.save`."""
        state = {f"{i}.{name}": np.array(x) for i, own in enumerate(self.state) for name, x in own.items()}
        return {"lr": self.lr, **state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`: a resumed run equals an uninterrupted one to the bit.

        Raises ValueError, and loads nothing, if a name is missing or unknown or a shape or dtype differs.
        """
        arrays = checks.state(self.name, state, self.state_dict())
        self.lr = arrays.pop("lr").item()
        for key, array in arrays.items():
            i, name = key.split(".")
            own = self.state[int(i)]
            own[name] = array if isinstance(own[name], np.ndarray) else array.item()


def decayed(grad: np.ndarray, param: np.ndarray, weight_decay: float) -> np.ndarray:
    """The gradient of the loss with a penalty of weight_decay / 2 * |param| ** 2 added (Krogh and Hertz 1991)."""
    return grad + weight_decay * param if weight_decay else grad
