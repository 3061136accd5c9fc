"""Windows over long sequences, and scaling fitted on a part of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike


def bptt_windows(ids: ArrayLike, batch_size: int, window: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A corpus as parallel streams, cut into windows for truncated BPTT: (inputs, targets) pairs, in order.

    ids: [count] (or feature vectors [count, features]). Both of a pair are [batch_size, window], views of the
    corpus; targets are the inputs' successors. Row b of a window goes on where row b of the window before ended,
    so that its state can be carried over. The last window is shorter where `window` does not divide the streams'
    length, (count - 1) // batch_size; the up to batch_size - 1 ids that do not fill the streams are left out.
    Raises ValueError where there is not one step for each stream.
    """
    corpus = np.asarray(ids)
    check_counts("bptt_windows", batch_size=batch_size, window=window)
    length = (len(corpus) - 1) // batch_size if corpus.ndim else 0
    if length < 1:
        raise ValueError(f"bptt_windows: {batch_size} streams need {batch_size + 1} ids at least, got {corpus.shape}")
    shape = (batch_size, length, *corpus.shape[1:])
    inputs = corpus[: batch_size * length].reshape(shape)
    targets = corpus[1 : batch_size * length + 1].reshape(shape)
    return [(inputs[:, i : i + window], targets[:, i : i + window]) for i in range(0, length, window)]


def sliding_windows(series: ArrayLike, window: int, horizon: int = 1, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Every stretch of `window` steps of a time series, and the `horizon` steps that follow it.

    series: [time] or [time, features]. Returns read-only views, inputs [count, window] and targets [count, horizon]
    (with features last); window i starts at step i * stride. Raises ValueError where the series is shorter than
    window + horizon. Window the training and test parts separately: stretches that overlap would give targets away.
    """
    values = np.asarray(series)
    check_counts("sliding_windows", window=window, horizon=horizon, stride=stride)
    if values.ndim == 0 or len(values) < window + horizon:
        raise ValueError(
            f"sliding_windows: a window of {window} and a horizon of {horizon} need {window + horizon} steps at least, "
            f"got shape {values.shape}"
        )
    stretches = np.lib.stride_tricks.sliding_window_view(values, window + horizon, axis=0)[::stride]
    stretches = np.moveaxis(stretches, -1, 1)
    return stretches[:, :window], stretches[:, window:]


def check_counts(name: str, **counts: int) -> None:
    for argument, count in counts.items():
        if count < 1:
            raise ValueError(f"{name}: expected {argument} of at least 1, got {count}")


@dataclass(frozen=True)
class Scaling:
    """(x - shift) / scale for each feature, and back."""

    shift: np.ndarray
    scale: np.ndarray

    def transform(self, x: ArrayLike) -> np.ndarray:
        """x [..., features] scaled; integers become float64, floats keep their dtype.

        Raises ValueError for another number of features than it was fitted on.
        """
        values = self.checked("transform", x)
        return ((values - self.shift) / self.scale).astype(values.dtype)

    def inverse(self, z: ArrayLike) -> np.ndarray:
        """What `transform` made z [..., features] of, to rounding; dtypes and errors as there."""
        values = self.checked("inverse", z)
        return (values * self.scale + self.shift).astype(values.dtype)

    def checked(self, method: str, x: ArrayLike) -> np.ndarray:
        values = as_floats(x)
        if self.shift.ndim and values.shape[-1:] != self.shift.shape:
            name = f"{type(self).__name__}.{method}"
            raise ValueError(
                f"{name}: expected [..., {self.shift.size}], as it was fitted on, got {list(values.shape)}"
            )
        return values


class Standardizer(Scaling):
    """Each feature to mean 0 and standard deviation 1; made by `fit`."""

    @classmethod
    def fit(cls, x: ArrayLike) -> Self:
        """From the training part alone: [time] is one feature, [..., features] are several.

        A constant feature is shifted only, and becomes 0. Raises ValueError for no data, NaN and infinities.
        """
        rows = as_rows(cls.__name__, x)
        return cls(rows.mean(axis=0), nonzero(np.where(rows.min(axis=0) < rows.max(axis=0), rows.std(axis=0), 0)))


class MinMax(Scaling):
    """Each feature to the range from 0 to 1 (of the part it was fitted on); made by `fit`."""

    @classmethod
    def fit(cls, x: ArrayLike) -> Self:
        """As `Standardizer.fit`."""
        rows = as_rows(cls.__name__, x)
        return cls(rows.min(axis=0), nonzero(rows.max(axis=0) - rows.min(axis=0)))


def as_rows(name: str, x: ArrayLike) -> np.ndarray:
    values = as_floats(x).astype(np.float64)
    if values.size == 0 or values.ndim == 0:
        raise ValueError(f"{name}.fit: expected data [time] or [..., features], got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}.fit: expected finite numbers, got {np.count_nonzero(~np.isfinite(values))} others")
    return values if values.ndim == 1 else values.reshape(-1, values.shape[-1])


def as_floats(x: ArrayLike) -> np.ndarray:
    values = np.asarray(x)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def nonzero(scale: np.ndarray) -> np.ndarray:
    return np.where(scale == 0, 1.0, scale)
