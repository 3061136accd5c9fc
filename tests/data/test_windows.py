import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import MinMax, Standardizer, bptt_windows, sliding_windows

NUMBERS = st.floats(-1e6, 1e6)
DATA = st.one_of(
    hnp.arrays(np.float64, st.integers(1, 20), elements=NUMBERS),
    hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=NUMBERS),
    hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)), elements=NUMBERS),
)
SCALINGS = pytest.mark.parametrize("scaling", [Standardizer, MinMax])


# windows


@given(st.integers(2, 300), st.integers(1, 9), st.integers(1, 20), st.booleans())
def test_windows_tile_the_corpus(count, batch_size, window, features):
    assume(count > batch_size)
    corpus = np.arange(2 * count).reshape(count, 2) if features else np.arange(count)
    windows = bptt_windows(corpus, batch_size, window)
    used = (count - 1) // batch_size * batch_size
    inputs = np.concatenate([x for x, _ in windows], axis=1)
    targets = np.concatenate([y for _, y in windows], axis=1)
    np.testing.assert_array_equal(inputs.reshape(used, *corpus.shape[1:]), corpus[:used])
    np.testing.assert_array_equal(targets.reshape(used, *corpus.shape[1:]), corpus[1 : used + 1])
    assert count - 1 - used < batch_size
    assert all(x.shape[:2] == (batch_size, window) for x, _ in windows[:-1])
    assert 1 <= windows[-1][0].shape[1] <= window


def test_streams_go_on_from_window_to_window():
    (x, y), (x_next, y_next) = bptt_windows(list("abcdefghijkl"), batch_size=2, window=3)
    assert ["".join(row) for row in x] == ["abc", "fgh"] and ["".join(row) for row in y] == ["bcd", "ghi"]
    assert ["".join(row) for row in x_next] == ["de", "ij"] and ["".join(row) for row in y_next] == ["ef", "jk"]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_sliding_windows_are_slices(steps, window, horizon, stride, features):
    assume(steps >= window + horizon)
    series = np.arange(2.0 * steps).reshape(steps, 2) if features else np.arange(float(steps))
    inputs, targets = sliding_windows(series, window, horizon, stride)
    starts = range(0, steps - window - horizon + 1, stride)
    assert len(inputs) == len(targets) == len(starts)
    for x, y, start in zip(inputs, targets, starts):
        np.testing.assert_array_equal(x, series[start : start + window])
        np.testing.assert_array_equal(y, series[start + window : start + window + horizon])


def test_sliding_windows_are_read_only_views():
    series = np.arange(10.0)
    for windows in sliding_windows(series, 3):
        assert np.shares_memory(windows, series)
        with pytest.raises(ValueError, match="read-only"):
            windows[0, 0] = 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bptt_windows([1, 2], 2, 1), r"bptt_windows: 2 streams need 3 ids at least, got \(2,\)"),
        (lambda: bptt_windows(5, 2, 1), r"bptt_windows: 2 streams need 3 ids at least, got \(\)"),
        (lambda: bptt_windows([1, 2], 0, 1), "bptt_windows: expected batch_size of at least 1, got 0"),
        (lambda: bptt_windows([1, 2], 1, 0), "bptt_windows: expected window of at least 1, got 0"),
        (
            lambda: sliding_windows([1, 2], 2),
            r"a window of 2 and a horizon of 1 need 3 steps at least, got shape \(2,\)",
        ),
        (lambda: sliding_windows(5.0, 2), r"need 3 steps at least, got shape \(\)"),
        (lambda: sliding_windows([1, 2], 0), "sliding_windows: expected window of at least 1, got 0"),
        (lambda: sliding_windows([1, 2], 1, 0), "sliding_windows: expected horizon of at least 1, got 0"),
        (lambda: sliding_windows([1, 2], 1, 1, -1), "sliding_windows: expected stride of at least 1, got -1"),
    ],
)
def test_window_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# scaling


@SCALINGS
@given(DATA)
def test_inverse_undoes_transform(scaling, x):
    fitted = scaling.fit(x)
    z = fitted.transform(x)
    assert np.isfinite(z).all() and z.shape == x.shape
    np.testing.assert_allclose(fitted.inverse(z), x, rtol=0, atol=1e-15 * 8 * max(1, abs(x).max()))


@given(DATA)
def test_standardized_moments(x):
    fitted = Standardizer.fit(x)
    rows = x if x.ndim == 1 else x.reshape(-1, x.shape[-1])
    assume((np.ptp(rows, axis=0) >= 1e-3).all())
    z = fitted.transform(rows)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-6)


@given(DATA)
def test_the_range_is_0_to_1(x):
    z = MinMax.fit(x).transform(x)
    rows = z if x.ndim == 1 else z.reshape(-1, x.shape[-1])
    assert (rows.min(axis=0) == 0).all()
    constant = np.ptp(x if x.ndim == 1 else x.reshape(-1, x.shape[-1]), axis=0) == 0
    np.testing.assert_array_equal(rows.max(axis=0), np.where(constant, 0, 1))


@SCALINGS
def test_constant_features_become_0(scaling):
    x = np.full((7, 2), 0.1)
    x[:, 1] = np.arange(7)
    fitted = scaling.fit(x)
    assert abs(fitted.transform(x)[:, 0]).max() < 1e-15 and fitted.scale[0] == 1
    np.testing.assert_allclose(fitted.inverse(fitted.transform(x)), x, atol=1e-15)


@SCALINGS
def test_a_deviation_too_small_to_be_squared(scaling):
    x = np.array([0, 5e-324])
    assert np.isfinite(scaling.fit(x).transform(x)).all()


@SCALINGS
def test_only_the_training_part_counts(scaling):
    series = np.arange(20.0)
    fitted = scaling.fit(series[:10])
    assert np.array_equal(fitted.transform(series)[:10], fitted.transform(series[:10]))
    assert fitted.transform(series)[10:].min() > fitted.transform(series)[:10].max()
    windows, _ = sliding_windows(fitted.transform(series), 4)  # one feature fits any shape
    assert np.allclose(fitted.inverse(windows)[:, 0], series[:16])


@SCALINGS
def test_dtypes(scaling):
    assert scaling.fit([1, 2, 3]).transform([1, 2]).dtype == np.float64
    fitted = scaling.fit(np.arange(5, dtype=np.float32))
    assert fitted.transform(np.ones(2, np.float32)).dtype == fitted.inverse(np.ones(2, np.float32)).dtype == np.float32


@SCALINGS
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.fit([]), r"fit: expected data \[time\] or \[..., features\], got shape \(0,\)"),
        (lambda s: s.fit(3.0), r"fit: expected data \[time\] or \[..., features\], got shape \(\)"),
        (lambda s: s.fit([1.0, np.nan, np.inf]), "fit: expected finite numbers, got 2 others"),
        (
            lambda s: s.fit(np.ones((5, 2))).transform(np.ones((5, 3))),
            r"transform: expected \[..., 2\], .*got \[5, 3\]",
        ),
        (lambda s: s.fit(np.ones((5, 2))).inverse(np.ones(())), r"inverse: expected \[..., 2\], .*got \[\]"),
    ],
)
def test_scaling_refusals(scaling, call, message):
    with pytest.raises(ValueError, match=f"{scaling.__name__}.{message}"):
        call(scaling)
