"""Tensor: an array that remembers how it was made. Every operator and method here calls an op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import ops
from .arrays import one_or_many, own_array, swapped
from .backward import deliver, walk
from .errors import check_shape, no_gradient_given, not_recorded
from .mode import enable_grad
from .node import Node, Traced, next_serial


class Tensor(Traced):
    """An array of numbers or booleans with NumPy's operators and methods; made by `tensor()` and by ops."""

    __slots__ = ()
    __array_ufunc__ = None  # so that `array * tensor` comes to Tensor.__rmul__

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the entries."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.array.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.array.size

    def numpy(self) -> np.ndarray:
        """The entries as a read-only view: what a graph has saved cannot change under it."""
        view = np.asarray(self.array).view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The one entry as a Python number."""
        return self.array.item()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self.array.tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(ops.unstack(self))

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        return self.array.__index__()

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self.array), separator=", ", prefix="tensor(")
        origin = ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({text}, dtype={self.dtype}{origin})"

    # gradients

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by hand and not by a recorded op."""
        return self.node is None or self.node.primitive is None

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows through here; can be set on a leaf."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError("requires_grad can be set on a leaf only; use detach() to cut a recorded tensor off")
        if wanted and self.dtype.kind != "f":
            raise TypeError(f"requires_grad: only floats carry a gradient, got {self.dtype}; use astype(np.float32)")
        if wanted != self.requires_grad:
            self.node = Node() if wanted else None

    @property
    def grad(self) -> Tensor | None:
        """What `backward()` calls have added up here (leaves only); None before the first."""
        return self.node.grad if self.node is not None else None

    @grad.setter
    def grad(self, value: Tensor | ArrayLike | None) -> None:
        if value is not None:
            if not self.requires_grad or not self.is_leaf:
                raise RuntimeError("grad: only a leaf with requires_grad=True keeps a gradient")
            value = value if isinstance(value, Tensor) else tensor(value, self.dtype)
            check_shape("grad", value, self)
        if self.node is not None:
            self.node.grad = value

    def detach(self) -> Tensor:
        """The same entries as a constant: no gradient flows back through it."""
        return Tensor(self.array)

    def backward(
        self, gradient: Tensor | ArrayLike | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add d self / d leaf, weighted by `gradient`, to every leaf's `grad`, and free the graph.

        gradient: self's shape; may be left out where self has one entry. With `retain_graph` the graph is kept
        for another call; with `create_graph` the gradients are recorded and can be differentiated again (and
        the graph is kept). Raises RuntimeError where nothing was recorded, where the graph has been freed, or
        where `assign_` changed what it was recorded on.
        """
        if self.node is None:
            raise not_recorded("backward")
        if gradient is None:
            if self.size != 1:
                raise no_gradient_given("backward", self.shape)
            gradient = np.ones_like(self.array)
        g = gradient if isinstance(gradient, Tensor) else tensor(gradient, self.dtype)
        check_shape("backward", g, self)
        g = g if g.dtype == self.dtype else g.astype(self.dtype)
        start: dict[Node, Any] = {}
        deliver(start, self, g if create_graph else g.array)
        with enable_grad():
            arrived = walk(start, retain_graph=retain_graph or create_graph, create_graph=create_graph)
            for leaf, c in arrived.items():
                c = c if create_graph else Tensor(c)
                leaf.grad = c if leaf.grad is None else leaf.grad + c

    def assign_(self, value: Tensor | ArrayLike) -> Tensor:
        """Take other entries (same shape); the one change in place. Refused on a recorded tensor.

        A graph recorded before keeps the old entries, and its `backward()` raises rather than use them.
        """
        if not self.is_leaf:
            raise RuntimeError("assign_: a recorded tensor cannot change; assign to a leaf, or compute a new tensor")
        given = value.array if isinstance(value, Traced) else np.asarray(value)
        check_shape("assign_", given, self)
        if not np.can_cast(given.dtype, self.dtype, casting="same_kind"):
            raise TypeError(f"assign_: {given.dtype} does not go into {self.dtype}; use astype first")
        self.array = own_array(given, self.dtype)
        self.version = Traced.last_assignment = next_serial()
        return self

    # operators

    __add__ = __radd__ = ops.add
    __mul__ = __rmul__ = ops.multiply
    __sub__, __rsub__ = ops.subtract, swapped(ops.subtract)
    __truediv__, __rtruediv__ = ops.divide, swapped(ops.divide)
    __pow__, __rpow__ = ops.power, swapped(ops.power)
    __matmul__, __rmatmul__ = ops.matmul, swapped(ops.matmul)
    __neg__, __abs__ = ops.negative, ops.abs
    __eq__, __ne__ = ops.equal, ops.not_equal
    __lt__, __le__, __gt__, __ge__ = ops.less, ops.less_equal, ops.greater, ops.greater_equal
    __hash__ = object.__hash__

    __getitem__ = ops.getitem

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a tensor cannot be written to: a graph may have saved it; use where(), or assign_() on a leaf")

    def reshape(self, *shape: Any) -> Tensor:
        """`ops.reshape`, with sizes in a tuple or one by one."""
        return ops.reshape(self, one_or_many(shape))

    def transpose(self, *axes: Any) -> Tensor:
        """`ops.transpose`, with axes in a tuple or one by one."""
        return ops.transpose(self, one_or_many(axes) if axes else None)

    @property
    def T(self) -> Tensor:  # noqa: N802
        """All axes in reverse order."""
        return ops.transpose(self)

    def flatten(self) -> Tensor:
        """All entries along one axis."""
        return ops.reshape(self, (self.size,))

    argmax, argmin = ops.argmax, ops.argmin
    abs, clip, square, sqrt = ops.abs, ops.clip, ops.square, ops.sqrt
    exp, log, tanh, sigmoid, relu = ops.exp, ops.log, ops.tanh, ops.sigmoid, ops.relu
    sum, mean, prod, max, min, var = ops.sum, ops.mean, ops.prod, ops.max, ops.min, ops.var
    logsumexp, cumsum = ops.logsumexp, ops.cumsum
    swapaxes, expand_dims, squeeze, broadcast_to = (ops.swapaxes, ops.expand_dims, ops.squeeze, ops.broadcast_to)
    flip, split, unstack, take, astype = ops.flip, ops.split, ops.unstack, ops.take, ops.astype


Traced.wrap = Tensor


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor with its own copy of `data`: numbers, nested lists, an array or a Tensor.

    Python floats become float32; NumPy arrays and scalars keep their dtype. Raises TypeError for what is not
    real numbers or booleans, and for integers with `requires_grad`; ValueError for lists of uneven length.
    """
    result = Tensor(own_array(data.array if isinstance(data, Traced) else data, dtype))
    result.requires_grad = requires_grad
    return result
