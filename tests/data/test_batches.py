import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.data import batches, bucketed_batches, pad_sequences, split, split_groups

IDS = st.lists(hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 99)), min_size=1, max_size=30)
FEATURES = st.lists(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(-5, 5, width=32)), min_size=1
)
KINDS = pytest.mark.parametrize("kind", [batches, bucketed_batches])


# padding


@given(st.one_of(IDS, FEATURES), st.sampled_from([0, -1, 7]))
def test_padding_keeps_every_sequence(sequences, value):
    padded, lengths = pad_sequences(sequences, value)
    assert padded.dtype == sequences[0].dtype and lengths.dtype == np.int64
    assert padded.shape == (len(sequences), max(map(len, sequences)), *sequences[0].shape[1:])
    for row, length, sequence in zip(padded, lengths, sequences):
        assert length == len(sequence)
        np.testing.assert_array_equal(row[:length], sequence)
        assert (row[length:] == value).all()


def test_lists_and_dtypes():
    padded, lengths = pad_sequences([[1, 2], [3]])
    assert padded.tolist() == [[1, 2], [3, 0]] and padded.dtype == np.int64 and lengths.tolist() == [2, 1]
    assert pad_sequences([np.ones(2, np.float32), np.ones(1, np.int16)])[0].dtype == np.float32
    assert np.isnan(pad_sequences([[1.0, 2.0], [3.0]], np.nan)[0][1, 1])
    assert pad_sequences([[True, True], [True]])[0].tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize(
    ("sequences", "value", "error", "message"),
    [
        ([], 0, ValueError, "pad_sequences: expected at least one sequence, got none"),
        ([[1], []], 0, ValueError, r"expected at least one step, got shape \(0,\) in sequence 1"),
        ([1, 2], 0, ValueError, r"expected at least one step, got shape \(\) in sequence 0"),
        ([[1], "abc"], 0, TypeError, "expected numbers, got <U3 in sequence 1 .Vocabulary.encode"),
        ([[[1], [2, 3]]], 0, ValueError, "sequence 0 has steps of differing shapes"),
        ([np.ones((2, 3)), np.ones((2, 4))], 0, ValueError, r"got \[3\] in sequence 0 and \[4\] in sequence 1"),
        ([[1], [2, 3]], 0.5, ValueError, "sequences of int64 cannot be padded with 0.5"),
        ([[1], [2, 3]], np.nan, ValueError, "sequences of int64 cannot be padded with nan"),
        ([np.ones(1, np.uint8)], -1, ValueError, "sequences of uint8 cannot be padded with -1"),
        ([[True]], 2, ValueError, "sequences of bool cannot be padded with 2"),
    ],
)
def test_padding_refusals(sequences, value, error, message):
    with pytest.raises(error, match=message):
        pad_sequences(sequences, value)


# batches


@KINDS
@given(IDS, st.integers(1, 12), st.booleans())
def test_an_epoch_has_every_record_once(kind, sequences, batch_size, shuffle):
    records = np.arange(len(sequences))
    epoch = kind(sequences, records, batch_size=batch_size, shuffle=shuffle)
    drawn = list(epoch)
    assert len(drawn) == len(epoch) == -(-len(sequences) // batch_size)
    assert sorted(i for _, rows in drawn for i in rows) == records.tolist()
    for (padded, lengths), rows in drawn:
        assert 1 <= len(rows) <= batch_size
        for row, length, i in zip(padded, lengths, rows):
            np.testing.assert_array_equal(row[:length], sequences[i])


@KINDS
def test_epochs_differ_and_a_seed_repeats_them(kind):
    epochs = kind([[i] * (i % 7 + 1) for i in range(200)], range(200), batch_size=8)

    def order():
        return [i for _, rows in epochs for i in rows]

    mg.manual_seed(5)
    first, second = order(), order()
    mg.manual_seed(5)
    assert first != second and [order(), order()] == [first, second]


@KINDS
def test_all_of_an_epochs_chance_is_drawn_at_its_start(kind):
    epochs = kind([[i] for i in range(40)], batch_size=4)
    state = mg.random.get_state()
    whole = [padded.tolist() for ((padded, _),) in epochs]
    mg.random.set_state(state)
    again = []
    for ((padded, _),) in epochs:
        mg.random.generator().random(3)  # dropout, say
        again.append(padded.tolist())
    assert again == whole


def test_without_shuffling():
    rows = [y.tolist() for _, y in batches(np.zeros((5, 2, 3)), [0, 1, 2, 3, 4], batch_size=2, shuffle=False)]
    assert rows == [[0, 1], [2, 3], [4]]
    sequences = [[1, 1, 1], [2], [3, 3], [4], [5, 5]]
    drawn = [x.tolist() for ((x, _),) in bucketed_batches(sequences, batch_size=2, shuffle=False)]
    assert drawn == [[[2], [4]], [[3, 3], [5, 5]], [[1, 1, 1]]]


def test_columns_of_all_kinds():
    image, (words, lengths), (tags, _), label = next(
        iter(
            batches(np.zeros((3, 2, 2)), [[1], [2, 2], [3]], [[4], [5, 5], [6]], [7, 8, 9], batch_size=3, shuffle=False)
        )
    )
    assert image.shape == (3, 2, 2) and lengths.tolist() == [1, 2, 1] and label.tolist() == [7, 8, 9]
    assert words.tolist() == [[1, 0], [2, 2], [3, 0]] and tags.tolist() == [[4, 0], [5, 5], [6, 0]]
    ((padded, _),) = next(iter(batches([[1], [2, 2]], batch_size=2, shuffle=False, value=-1)))
    assert padded.tolist() == [[1, -1], [2, 2]]


def test_the_second_column_breaks_ties():
    first, second = [[1], [1, 1], [1], [1, 1]], [[1, 1], [1], [1], [1, 1]]
    drawn = [y.tolist() for _, _, y in bucketed_batches(first, second, [0, 1, 2, 3], batch_size=1, shuffle=False)]
    assert drawn == [[2], [0], [1], [3]]


def test_bucketed_batches_come_in_chance_order():
    sequences = [[1] * (i % 97 + 1) for i in range(500)]
    sizes = [padded.shape[1] for ((padded, _),) in bucketed_batches(sequences, batch_size=10)]
    assert sizes != sorted(sizes)


def padding_share(epoch):
    counts = np.array([(padded.size, lengths.sum()) for ((padded, lengths),) in epoch]).sum(axis=0)
    return 1 - counts[1] / counts[0]


def test_bucketing_saves_padding():
    """Lengths as of the SMS corpus, geometric of mean 20: 75 % of all steps are padding; bucketed 10 %, sorted 2 %."""
    sequences = [[1] * n for n in np.random.default_rng(0).geometric(1 / 20, 5000)]
    epochs = [
        batches(sequences, batch_size=32),
        bucketed_batches(sequences, batch_size=32),
        bucketed_batches(sequences, batch_size=32, shuffle=False),
    ]
    np.testing.assert_allclose([padding_share(epoch) for epoch in epochs], [0.75, 0.10, 0.02], atol=0.01)


@KINDS
@pytest.mark.parametrize(
    ("columns", "batch_size", "error", "message"),
    [
        ([], 2, ValueError, r"expected columns of one length of at least 1, got \[\]"),
        ([[]], 2, ValueError, r"expected columns of one length of at least 1, got \[0\]"),
        ([[[1], [2]], [1]], 2, ValueError, r"expected columns of one length of at least 1, got \[2, 1\]"),
        ([[[1]]], 0, ValueError, "expected batch_size of at least 1, got 0"),
        ([["abc"]], 1, TypeError, "expected numbers, got <U3 in sequence 0 .Vocabulary.encode"),
        ([[[1], []]], 1, ValueError, r"got shape \(0,\) in sequence 1"),
    ],
)
def test_batch_refusals(kind, columns, batch_size, error, message):
    with pytest.raises(error, match=f"{kind.__name__}: .*{message}"):
        kind(*columns, batch_size=batch_size)


def test_bucketing_needs_sequences():
    with pytest.raises(ValueError, match="expected a list of sequences among the columns; use batches"):
        bucketed_batches(np.ones((3, 2)), batch_size=2)


# split


@given(st.integers(20, 200), st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (1.0,)]), st.integers(0, 9))
def test_parts_are_disjoint_and_complete(n, fractions, seed):
    parts = split(n, fractions, seed)
    assert sorted(np.concatenate(parts)) == list(range(n))
    for part, fraction in zip(parts, fractions):
        assert abs(len(part) - fraction * n) <= 1 and (np.diff(part) > 0).all()


@given(st.lists(st.integers(0, 30), min_size=60, max_size=200), st.integers(0, 9))
def test_groups_stay_together(keys, seed):
    largest = max(keys.count(key) for key in keys)
    if largest > 10:
        keys = [*keys, *range(100, 100 + 10 * largest)]  # no part shall be empty
    parts = split_groups(keys, (0.5, 0.5), seed)
    assert sorted(np.concatenate(parts)) == list(range(len(keys)))
    assert not {keys[i] for i in parts[0]} & {keys[i] for i in parts[1]}
    assert abs(len(parts[0]) - len(keys) / 2) <= largest


def test_seeds_repeat_a_split():
    def equal(a, b):
        return all(np.array_equal(x, y) for x, y in zip(a, b))

    assert equal(split(50, (0.5, 0.5), seed=3), split(50, (0.5, 0.5), seed=3))
    assert not equal(split(50, (0.5, 0.5), seed=3), split(50, (0.5, 0.5), seed=4))
    mg.manual_seed(1)
    first = split(50, (0.5, 0.5))
    assert not equal(first, split(50, (0.5, 0.5)))
    mg.manual_seed(1)
    assert equal(first, split(50, (0.5, 0.5)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split(9, (0.5, 0.4)), r"split: expected positive fractions that sum to 1, got \(0.5, 0.4\)"),
        (lambda: split(9, (1.5, -0.5)), "split: expected positive fractions"),
        (lambda: split(9, ()), r"split: expected positive fractions that sum to 1, got \(\)"),
        (lambda: split(3, (0.8, 0.1, 0.1)), r"split: 3 records in 3 groups leave part 2 of \(0.8, 0.1, 0.1\) empty"),
        (lambda: split(0, (1.0,)), "split: 0 records in 0 groups leave part 0"),
        (lambda: split_groups("aaaa", (0.5, 0.5)), "split_groups: 4 records in 1 groups leave part 0"),
    ],
)
def test_split_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
