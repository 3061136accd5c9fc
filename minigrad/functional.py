"""Losses, softmax, dropout, layer normalisation: compositions of ops, and so differentiable to any order.

Batch first and classes last throughout. Arrays may stand where Tensors do (then nothing is recorded). Logits,
predictions and inputs must be floats; dtypes mix by NumPy's rules. `reduction` is "mean", "sum" or "none".
Every error is raised before anything is computed.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import ArrayLike, DTypeLike

from . import ops
from .random import generator
from .tensor import Tensor

Data = TypeVar("Data", Tensor, np.ndarray)
REDUCTIONS = ("mean", "sum", "none")


# softmax and the losses on classes


def softmax(x: Data, axis: int = -1) -> Data:
    """exp(x) divided by its sum along `axis`; no overflow. x: any shape -> same shape."""
    check_floats("softmax", x)
    check_axis("softmax", x, axis)
    scaled = ops.exp(below_top(x, axis))
    return scaled / ops.sum(scaled, axis=axis, keepdims=True)


def log_softmax(x: Data, axis: int = -1) -> Data:
    """The logarithm of softmax, exact where softmax underflows. x: any shape -> same shape."""
    check_floats("log_softmax", x)
    check_axis("log_softmax", x, axis)
    x = below_top(x, axis)
    return x - ops.log(ops.sum(ops.exp(x), axis=axis, keepdims=True))


def cross_entropy(
    logits: Data, targets: Tensor | ArrayLike, ignore_index: int | None = None, reduction: str = "mean"
) -> Data:
    """-log softmax(logits)[target], for one class out of many.

    logits [..., classes]; targets [...], integers from 0 to classes - 1. Returns one number, or [...] for
    reduction "none". Classes are on the last axis: PyTorch has them on axis 1 (`transpose` from there for more
    than 2-D). A target equal to `ignore_index` counts neither in the sum nor in the mean, and its logits get a
    gradient of exactly zero, even if they are NaN or infinite. The mean over no targets at all is 0 (PyTorch: NaN).

    Raises IndexError for a target that is no class, TypeError for targets that are not integers and logits that
    are not floats, ValueError for shapes that do not fit and for an unknown reduction.
    """
    labels, kept = class_labels("cross_entropy", logits, targets, ignore_index, reduction)
    if kept is not None:  # not by a weight of 0 on the loss: 0 * NaN is NaN
        logits = ops.where(kept[..., None], logits, 0)
    x = below_top(logits)
    return reduce_kept(ops.log(ops.sum(ops.exp(x), axis=-1)) - entry_of(x, labels), kept, reduction)


def nll_loss(
    log_probabilities: Data, targets: Tensor | ArrayLike, ignore_index: int | None = None, reduction: str = "mean"
) -> Data:
    """-log_probabilities[target]: `cross_entropy` of what `log_softmax` gave. Shapes, errors: see there."""
    labels, kept = class_labels("nll_loss", log_probabilities, targets, ignore_index, reduction)
    return reduce_kept(ops.negative(entry_of(log_probabilities, labels)), kept, reduction)


def one_hot(indices: Tensor | ArrayLike, num_classes: int, dtype: DTypeLike = np.float32) -> Any:
    """1 at each index, 0 elsewhere: [...] integers -> [..., num_classes]; a Tensor for a Tensor, else an array.

    Raises IndexError for an index outside 0 to num_classes - 1, TypeError for indices that are not integers.
    """
    check_indices("one_hot", as_array(indices), num_classes)
    return ops.astype(ops.equal(ops.expand_dims(indices, -1), np.arange(num_classes)), dtype)


# losses on numbers


def mse_loss(predictions: Data, targets: Tensor | ArrayLike, reduction: str = "mean") -> Data:
    """(prediction - target) squared. Both of one shape; ValueError if not, or for an unknown reduction."""
    targets = matching("mse_loss", predictions, targets, reduction)
    return reduced(ops.square(predictions - targets), reduction)


def l1_loss(predictions: Data, targets: Tensor | ArrayLike, reduction: str = "mean") -> Data:
    """|prediction - target|; the gradient where they are equal is 0. Shapes, errors: as `mse_loss`."""
    targets = matching("l1_loss", predictions, targets, reduction)
    return reduced(ops.abs(predictions - targets), reduction)


def huber_loss(predictions: Data, targets: Tensor | ArrayLike, reduction: str = "mean", delta: float = 1.0) -> Data:
    """d * d / 2 for d = prediction - target up to `delta`, delta * (|d| - delta / 2) past it (Huber 1964).

    Shapes, errors: as `mse_loss`; ValueError unless delta > 0.
    """
    targets = matching("huber_loss", predictions, targets, reduction)
    if not delta > 0:
        raise ValueError(f"huber_loss: expected delta > 0, got {delta}")
    difference = predictions - targets
    clipped = ops.clip(difference, -delta, delta)
    return reduced(clipped * (difference - 0.5 * clipped), reduction)


def bce_with_logits(logits: Data, targets: Tensor | ArrayLike, reduction: str = "mean") -> Data:
    """Binary cross-entropy, -t * log sigmoid(x) - (1 - t) * log(1 - sigmoid(x)); no overflow.

    targets: of the logits' shape, probabilities of class 1 or booleans. Shapes, errors: as `mse_loss`; also
    ValueError for a target outside 0 to 1.
    """
    probabilities = matching("bce_with_logits", logits, targets, reduction)
    array = as_array(probabilities)
    if (wrong := array[(array < 0) | (array > 1)]).size:
        raise ValueError(f"bce_with_logits: expected targets from 0 to 1, got {wrong[0]}")
    # both terms positive: each loss is exact to rounding, however confident the logit
    return reduced(probabilities * ops.softplus(-logits) + (1 - probabilities) * ops.softplus(logits), reduction)


# parts of networks


def linear(x: Data, weight: Tensor | np.ndarray, bias: Tensor | np.ndarray | None = None) -> Data:
    """x times the transposed weight, plus bias. x [..., in], weight [out, in], bias [out] -> [..., out].

    Raises ValueError for shapes that do not fit, TypeError for an x that is no float.
    """
    check_floats("linear", x)
    if weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: expected x [..., in] and weight [out, in] with the same in, got {x.shape} and {weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: expected bias {weight.shape[:1]}, one for each row of weight, got {bias.shape}")
    return ops.matmul(x, ops.swapaxes(weight, 0, 1)) if bias is None else ops.affine(x, weight, bias)


def layer_norm(
    x: Data, weight: Tensor | np.ndarray | None = None, bias: Tensor | np.ndarray | None = None, eps: float = 1e-5
) -> Data:
    """x to mean 0 and variance 1 over its last axis, times weight, plus bias (Ba, Kiros and Hinton 2016, eq. 4).

    x [..., size], weight and bias [size] -> [..., size]. `eps` is added to the variance. Raises ValueError for
    shapes that do not fit.
    """
    check_floats("layer_norm", x)
    check_axis("layer_norm", x, -1)
    for name, given in ("weight", weight), ("bias", bias):
        if given is not None and given.shape != x.shape[-1:]:
            raise ValueError(f"layer_norm: expected {name} {x.shape[-1:]}, as x's last axis, got {given.shape}")
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    y = centred / ops.sqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def dropout(x: Data, p: float, training: bool = True) -> Data:
    """x with each entry zeroed with probability `p` and the others divided by 1 - p (Srivastava et al. 2014).

    x itself if not `training`. The mask is drawn from the generator that `manual_seed` sets. Raises ValueError
    unless 0 <= p <= 1.
    """
    check_floats("dropout", x)
    check_probability("dropout", p)
    if not training or p == 0:
        return x
    kept = generator().random(x.shape, dtype=np.float32) >= p
    mask = np.asarray(kept * x.dtype.type(1 / (1 - p) if p < 1 else 0))
    mask.flags.writeable = False  # ours alone: recording need not copy it
    return x * mask


# what they share


def below_top(x: Data, axis: int = -1) -> Data:
    """x less its largest entry along `axis`, a constant: what comes of it is the same, and exp cannot overflow."""
    top = np.max(as_array(x), axis=axis, keepdims=True, initial=-np.inf)
    return x + -top  # not minus, whose rule negates g: cross_entropy is 4 % faster


def entry_of(x: Data, labels: np.ndarray) -> Data:
    """x[..., label] for each label. By flat position: a quarter faster in all than `take_along_axis`."""
    return ops.take(x, np.arange(labels.size).reshape(labels.shape) * x.shape[-1] + labels)


def reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return ops.mean(losses) if reduction == "mean" else ops.sum(losses)


def reduce_kept(losses: Any, kept: np.ndarray | None, reduction: str) -> Any:
    """`reduced` without the losses that are ignored."""
    count = losses.size if kept is None else int(np.count_nonzero(kept))
    if kept is not None:
        losses = ops.where(kept, losses, 0)
    return ops.sum(losses) / max(count, 1) if reduction == "mean" else reduced(losses, reduction)


def class_labels(
    name: str, logits: Any, targets: Tensor | ArrayLike, ignore_index: int | None, reduction: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """The targets as an array of classes, and where they count: None for everywhere. An ignored one is class 0."""
    check_reduction(name, reduction)
    check_floats(name, logits)
    labels = as_array(targets)
    if not logits.ndim or labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"{name}: expected logits [..., classes] and targets [...], got shapes {logits.shape} and {labels.shape}; "
            "classes are on the last axis (transpose them there)"
        )
    kept = None
    if ignore_index is not None and not (counts := labels != ignore_index).all():
        kept, labels = counts, np.where(counts, labels, 0)
    check_indices(name, labels, logits.shape[-1])
    return labels.astype(np.intp), kept


def matching(name: str, predictions: Any, targets: Any, reduction: str) -> Any:
    """The targets, of the predictions' shape; what is no float array yet takes the predictions' dtype."""
    check_reduction(name, reduction)
    check_floats(name, predictions)
    if np.shape(targets) != predictions.shape:
        raise ValueError(
            f"{name}: expected predictions and targets of one shape, got {predictions.shape} and {np.shape(targets)}; "
            "reshape one of them"
        )
    return targets if is_float(targets) else ops.astype(targets, predictions.dtype)


def check_reduction(name: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: expected reduction {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}")


def check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: expected a probability p from 0 to 1, got {p}")


def check_floats(name: str, x: Any) -> None:
    if not is_float(x):
        found = x.dtype if hasattr(x, "dtype") else type(x).__name__
        raise TypeError(f"{name}: expected a tensor or an array of floats, got {found}; use mg.tensor or astype")


def check_axis(name: str, x: Any, axis: int) -> None:
    normalize_axis_index(axis, x.ndim, name)


def check_indices(name: str, indices: np.ndarray, count: int) -> None:
    """That `indices` are integers from 0 to count - 1."""
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integer indices, got {indices.dtype}; use astype(np.int64)")
    wrong = (indices < 0) | (indices >= count)
    if wrong.any():
        position = tuple(map(int, np.argwhere(wrong)[0]))
        raise IndexError(
            f"{name}: index {indices[position]} at position {position} is out of range: expected 0 to {count - 1}"
        )


def is_float(x: Any) -> bool:
    return isinstance(x, Tensor | np.ndarray | np.generic) and x.dtype.kind == "f"


def as_array(x: Any) -> np.ndarray:
    return x.array if isinstance(x, Tensor) else np.asarray(x)
