"""What the strategies draw, and that they draw every kind of it."""

import math

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.domain import Domain
from minigrad.testing import strategies
from minigrad.testing.arrays import OFF_KINKS

enough = settings(max_examples=2000, database=None, derandomize=True)
domains = st.builds(
    lambda low, width, kinks, distinct: Domain(low, low + width, kinks, distinct),
    st.floats(-4, 3), st.floats(1, 8), st.sampled_from([(), (0.0,), (-1.0, 1.0)]), st.booleans(),
)  # fmt: skip
floats = st.sampled_from([np.float32, np.float64])
found_shapes = strategies.shapes()


def found(strategy, condition):
    """The simplest value of a strategy that meets a condition."""
    return find(strategy, condition, settings=enough)


# arrays


@given(st.data(), found_shapes, floats, domains)
def test_arrays_are_inside_their_domain(data, shape, dtype, domain):
    x = data.draw(strategies.arrays(shape, dtype, domain))
    assert x.shape == shape and x.dtype == dtype
    assert np.all(x >= dtype(domain.low)) and np.all(x <= dtype(domain.high))
    assert all(np.all(abs(x - kink) >= dtype(OFF_KINKS)) for kink in domain.kinks)
    assert not domain.distinct or len(np.unique(x)) == x.size
    assert np.all((x == 0) | (abs(x) >= np.finfo(dtype).tiny))


@given(st.data(), found_shapes)
def test_arrays_of_integers_and_booleans(data, shape):
    integers = data.draw(strategies.arrays(shape, np.int32, Domain(-2, 5, (0.0,))))
    assert integers.dtype == np.int32 and np.all((integers >= -2) & (integers <= 5) & (integers != 0))
    assert data.draw(strategies.arrays(shape, bool)).dtype == bool


@given(strategies.arrays((30, 40), domain=Domain(distinct=True)))
def test_large_arrays_are_distinct_too(x):
    assert len(np.unique(x)) == 1200


LAYOUTS = {
    "contiguous": lambda x: x.flags.c_contiguous,
    "transposed": lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "reversed": lambda x: min(x.strides) < 0,
    "strided": lambda x: min(x.strides) > x.itemsize,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_drawn(layout):
    x = found(strategies.arrays((2, 3)), LAYOUTS[layout])
    np.testing.assert_array_equal(x, np.zeros((2, 3)))  # and entries shrink to 0 all the same


def test_subnormals_only_where_asked():
    x = found(strategies.arrays((3,), np.float32, allow_subnormal=True), lambda x: np.any((x != 0) & (abs(x) < 1e-38)))
    assert np.any(abs(x[x != 0]) < np.finfo(np.float32).tiny)


def test_arrays_shrink_to_small_integers():
    assert found(strategies.arrays((2,)), lambda x: x.any()).tolist() == [0.0, 1.0]
    assert found(strategies.arrays((3,), domain=Domain(distinct=True)), lambda x: True).tolist() == [-1.0, 0.0, 1.0]
    assert found(strategies.arrays(), lambda x: True).shape == ()


def test_an_empty_domain_is_refused():
    with pytest.raises(ValueError, match=r"arrays: no 1 numbers are inside Domain\(.*make it wider"):
        found(strategies.arrays((), domain=Domain(0.0, 0.1, kinks=(0.05,))), lambda x: True)


def test_too_few_integers_are_refused():
    with pytest.raises(ValueError, match=r"arrays: no 9 integers are inside"):
        found(strategies.arrays((9,), np.int64, Domain(distinct=True)), lambda x: True)


@pytest.mark.parametrize("domain", [Domain(0.0, math.inf), Domain(2.0, 1.0), Domain(math.nan)])
def test_a_domain_without_bounds_is_refused(domain):
    with pytest.raises(ValueError, match=r"arrays: expected a domain with finite bounds, low < high, got Domain\(low="):
        found(strategies.arrays((), domain=domain), lambda x: True)


# shapes


@given(st.data(), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
def test_shapes_are_within_bounds(data, dims, more_dims, side, more_side):
    shape = data.draw(strategies.shapes(dims, dims + more_dims, side, side + more_side))
    assert dims <= len(shape) <= dims + more_dims
    assert all(side <= size <= side + more_side for size in shape)


@given(st.data(), st.integers(1, 4))
def test_broadcastable_shapes_and_arrays(data, n):
    parts = data.draw(strategies.broadcastable(n))
    assert len(parts) == n and len(np.broadcast_shapes(*parts)) <= 3
    xs = data.draw(strategies.broadcastable_arrays(n, domain=Domain(distinct=True)))
    assert len(xs) == n and len(np.broadcast_arrays(*xs)) == n
    together = np.concatenate([x.ravel() for x in xs])
    assert len(np.unique(together)) == together.size


def kinds_in(strategy, kinds):
    """The names of the kinds that turn up among a few hundred examples."""
    seen = set()

    @settings(enough, max_examples=1500)
    @given(strategy)
    def collect(x):
        seen.update(name for name, is_it in kinds.items() if is_it(x))

    collect()
    return seen


PATTERNS = {
    "two numbers": lambda a, b: a == b == (),
    "number and array": lambda a, b: a == () != b,
    "alike": lambda a, b: a == b != (),
    "axis missing": lambda a, b: len(a) == 1 and len(b) == 2 and a == b[1:],
    "axis stretched": lambda a, b: a == (1,) and b == (2,),
    "both stretched": lambda a, b: (*a, *b) == (1, 2, 2, 1),
    "stretched and missing": lambda a, b: (*a, *b) == (2, 2, 1),
    "stretched to nothing": lambda a, b: a == (1,) and b == (0,),
    "number and nothing": lambda a, b: a == () and 0 in b,
}


def test_every_pattern_of_broadcasting_is_drawn():
    patterns = {name: lambda pair, is_it=is_it: is_it(*pair) or is_it(*pair[::-1]) for name, is_it in PATTERNS.items()}
    assert kinds_in(strategies.broadcastable(2, max_dims=2, max_side=2), patterns) == PATTERNS.keys()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strategies.shapes(2, 1), r"shapes: expected 0 <= least <= largest dims, got 2 and 1"),
        (lambda: strategies.shapes(min_side=-1), r"shapes: expected 0 <= least <= largest side, got -1 and 3"),
        (lambda: strategies.broadcastable(0), r"broadcastable: expected 0 <= least <= largest number of shapes, got 1"),
    ],
)
def test_bounds_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        found(make(), lambda shape: True)


# axes and indices


@given(st.data(), found_shapes)
def test_axes_are_valid(data, shape):
    x = np.ones(shape)
    np.sum(x, axis=data.draw(strategies.axes(x.ndim)))
    np.cumsum(x, axis=data.draw(strategies.axis(x.ndim)))


AXES = [None, 0, 2, -1, -3, (), (0,), (-1,), (0, 2), (2, 0), (1, -1), (0, 1, 2)]


def test_every_kind_of_axes_is_drawn():
    several = {str(wanted): lambda axes, wanted=wanted: axes == wanted for wanted in AXES}
    assert kinds_in(strategies.axes(3), several) == several.keys()
    one = {str(wanted): several[str(wanted)] for wanted in AXES if not isinstance(wanted, tuple)}
    assert kinds_in(strategies.axis(3), one) == one.keys()


@given(st.data(), found_shapes)
def test_indices_are_valid(data, shape):
    x, index = np.arange(math.prod(shape)).reshape(shape), data.draw(strategies.indices(shape))
    np.testing.assert_array_equal(mg.getitem(mg.tensor(x), index).numpy(), x[index])


def is_array(part, kind):
    return isinstance(part, np.ndarray) and part.dtype.kind == kind


def one_is(condition):
    return lambda index: any(map(condition, index if isinstance(index, tuple) else (index,)))


def together(*conditions):
    return lambda index: isinstance(index, tuple) and all(one_is(condition)(index) for condition in conditions)


INTEGERS, MASK = (lambda i: is_array(i, "i")), (lambda i: is_array(i, "b"))
SLICE, INTEGER, NONE = (lambda i: isinstance(i, slice)), (lambda i: isinstance(i, int)), (lambda i: i is None)
KINDS = {
    "no tuple": lambda i: isinstance(i, int | slice | np.ndarray),
    "empty tuple": lambda i: isinstance(i, tuple) and not i,
    "integer from the end": one_is(lambda i: INTEGER(i) and i < 0),
    "slice with a step": one_is(lambda i: SLICE(i) and i.step == -2),
    "Ellipsis": one_is(lambda i: i is Ellipsis),
    "mask": one_is(lambda i: MASK(i) and i.ndim == 2),
    "mask of some axes": one_is(lambda i: MASK(i) and i.ndim == 1),
    "matrix of integers": one_is(lambda i: INTEGERS(i) and i.ndim == 2),
    "repeats": one_is(lambda i: INTEGERS(i) and i.size > len(np.unique(i))),
    "list": one_is(lambda i: isinstance(i, list)),
    "no entries": one_is(lambda i: INTEGERS(i) and i.size == 0),
    "two arrays": lambda i: isinstance(i, tuple) and sum(map(INTEGERS, i)) == 2,
    "array and slice": together(INTEGERS, SLICE),
    "array and Ellipsis": together(INTEGERS, lambda i: i is Ellipsis),
    "integer, None and slice": together(INTEGER, NONE, SLICE),
}


def test_every_kind_of_index_is_drawn():
    assert kinds_in(strategies.indices((2, 3)), KINDS) == KINDS.keys()


# padded batches


@given(strategies.padded_batches(max_batch=3, max_time=4, max_features=2, dtype=np.float32, padding=(7.0,)))
def test_padded_batches(batch):
    values, lengths = batch
    assert values.dtype == np.float32 and lengths.dtype == np.int64 and lengths.shape == values.shape[:1]
    assert np.all(np.array([1, 1, 1]) <= values.shape) and np.all(values.shape <= np.array([3, 4, 2]))
    for row, length in zip(values, lengths):
        assert 1 <= length <= len(row)
        assert np.all(abs(row[:length]) <= 3) and np.all(row[length:] == 7)


@pytest.mark.parametrize("padding", [0.0, 99.0, math.nan])
def test_padding_is_zeros_or_garbage(padding):
    batch = found(
        strategies.padded_batches(),
        lambda b: b.lengths[0] < b.values.shape[1] and np.array_equal(b.values[0, -1, 0], padding, equal_nan=True),
    )
    assert batch.values.shape == (1, 2, 1) and batch.lengths.tolist() == [1]
