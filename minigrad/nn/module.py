"""Module: parameters under names, and what is done with all of them at once."""

from __future__ import annotations

import reprlib
import weakref
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..errors import misfits
from ..node import Traced, next_serial
from ..tensor import Tensor, tensor


class Parameter(Tensor):
    """A leaf that a Module finds, saves and trains; what is computed from it is a plain Tensor.

    Owns a copy of `data`; Python floats become float32. One with `requires_grad=False` is saved and loaded, but
    not trained (a frozen weight, a running mean).
    """

    __slots__ = ()

    def __init__(self, data: Tensor | ArrayLike, requires_grad: bool = True) -> None:
        super().__init__(tensor(data).array)
        self.requires_grad = requires_grad

    def __copy__(self) -> Parameter:
        return Parameter(self, self.requires_grad)  # the default would share the node, and so the gradient

    def cast_(self, dtype: DTypeLike) -> None:
        """Change the dtype in place and drop the gradient; graphs recorded before are refused, as after `assign_`."""
        self.grad = None
        self.array = self.array.astype(dtype)
        self.assign_(self.array)


class Module:
    """Something with parameters that can be called: a subclass sets attributes and defines `forward`.

    Attributes that are Parameters or Modules are found in order of definition, also inside lists, tuples and dicts
    (`layers.0.weight`). One that can be reached by two names counts once, under the first.
    """

    training: bool = True

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What calling the module computes."""
        raise TypeError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        began = next_serial()
        returned = self.forward(*inputs, **named)
        mark(returned, self, began)
        return returned

    # what is in it

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted name, in order of definition."""
        return ((name, found) for name, found in contents(self) if isinstance(found, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter once, in order of definition."""
        return (parameter for _, parameter in self.named_parameters())

    def modules(self) -> Iterator[Module]:
        """This module, and every one inside it once."""
        yield self
        yield from (found for _, found in contents(self) if isinstance(found, Module))

    def children(self) -> Iterator[Module]:
        """The modules directly in this one, each once."""
        return iter(dict.fromkeys(value for _, value in attributes(self) if isinstance(value, Module)))

    # what is done with all of it

    def train(self, mode: bool = True) -> Self:
        """Set `training` here and in every module inside: what makes dropout drop."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """`train(False)`."""
        return self.train(False)

    def to(self, dtype: DTypeLike) -> Self:
        """Change the dtype of all parameters of floats, in place; the gradient of what changes is dropped.

        Results follow by NumPy's rules: float32 inputs and float64 parameters give float64. Raises TypeError for
        a dtype that is no float.
        """
        wanted = np.dtype(dtype)
        if wanted.kind != "f":
            raise TypeError(f"to: only floats carry a gradient, so expected np.float32 or np.float64, got {wanted}")
        for parameter in self.parameters():
            if parameter.dtype.kind == "f" and parameter.dtype != wanted:
                parameter.cast_(wanted)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """All parameters by name, detached; training goes on without changing them."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Tensor | np.ndarray]) -> None:
        """Set every parameter to what `state` holds under its name.

        Raises ValueError, with all the names, if some are missing or surplus or a shape or dtype differs, and
        TypeError if `state` is no dict; nothing is loaded then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict: expected a dict, as mg.load(path) returns, got {type(state).__name__}")
        parameters = dict(self.named_parameters())
        if problems := "\n  ".join(misfits(parameters, state)):
            raise ValueError(
                f"load_state_dict: the state does not fit this {type(self).__name__}, and nothing was loaded; build "
                f"it with the same sizes, or change its dtype with to():\n  {problems}"
            )
        for name, parameter in parameters.items():
            parameter.assign_(state[name])

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        parts = list(described(self))
        nested = any(self.children())
        text = "".join(f"\n{indent(part, '  ')}" for part in parts) + "\n" if nested else ", ".join(parts)
        count = sum(parameter.size for parameter in self.parameters())
        return f"{type(self).__name__}({text})" + (f": {count:,} parameters" if count else "")


Origin = tuple[weakref.ref[Module], type[Module], int, "Origin | None"]  # whose, its class, when it began, one inside


def mark(returned: Any, module: Module, began: int) -> None:
    """Leave an origin on the nodes that a call returned: `inspect.draw` shows what was recorded since as one box.

    The module is held weakly: with what it may keep of what it computed, it would be a circle. It costs 0.6 us a call.
    """
    if isinstance(returned, Traced):
        node = returned.node
        if node is not None and node.serial > began:
            inner = getattr(node, "origin", None)
            if inner is None or inner[2] != began:  # a cell returns its h twice
                node.origin = weakref.ref(module), type(module), began, inner
    elif isinstance(returned, tuple):
        for part in returned:
            mark(part, module, began)
    elif isinstance(returned, list | dict):
        mark(tuple(returned.values() if isinstance(returned, dict) else returned), module, began)


def attributes(module: Module) -> Iterator[tuple[str, Any]]:
    """What a module's attributes hold, under dotted names."""
    for name, value in vars(module).items():
        yield from flattened(name, value)


def flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value, or what is inside a list, tuple or dict."""
    if isinstance(value, list | tuple | dict):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(f"{name}.{key}", part)
    else:
        yield name, value


def contents(module: Module, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Every Parameter and Module inside, once, at any depth."""
    seen = {id(module)} if seen is None else seen
    for name, value in attributes(module):
        if isinstance(value, Parameter | Module) and id(value) not in seen:
            seen.add(id(value))
            yield prefix + name, value
            if isinstance(value, Module):
                yield from contents(value, f"{prefix}{name}.", seen)


def described(module: Module) -> Iterator[str]:
    """A module's settings, parameters with their shapes, modules and functions, in words."""
    for name, value in vars(module).items():
        if is_setting(value) and name != "training" and not name.startswith("_"):
            yield f"{name}={reprlib.repr(value)}"
            continue
        for path, part in flattened(name, value):
            if isinstance(part, Parameter):
                yield f"{path} {list(part.shape)}"
            elif isinstance(part, Module):
                yield f"{path}: {part!r}"
            elif callable(part):
                yield f"{path}: {getattr(part, '__name__', reprlib.repr(part))}"


def is_setting(value: Any) -> bool:
    return isinstance(value, int | float | str) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(part, int | float) for part in value)
    )
