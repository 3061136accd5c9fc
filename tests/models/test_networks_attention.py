"""Attention: its three scores against their formulas, and what padding and order can do to it (nothing)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from models.attention import AdditiveAttention, Attention, DotAttention, GeneralAttention

SIZE = 4
KINDS = {
    "additive": lambda: AdditiveAttention(SIZE, SIZE, 3),
    "dot": DotAttention,
    "general": lambda: GeneralAttention(SIZE, SIZE),
}
kinds = st.sampled_from(sorted(KINDS))
batches = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(np.array)


def drawn(kind, lengths):
    """Attention in float64, queries and values for it."""
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    attention = KINDS[kind]().to(np.float64)
    return attention, mg.tensor(rng.normal(size=(len(lengths), SIZE))), rng.normal(size=(len(lengths), 5, SIZE))


@given(kinds, batches)
def test_weights_are_probabilities_and_exactly_zero_on_padding(kind, lengths):
    attention, query, values = drawn(kind, lengths)
    context, weights = attention(query, attention.memory(mg.tensor(values), lengths))
    within = np.arange(5) < lengths[:, None]
    assert (weights.numpy()[~within] == 0).all() and (weights.numpy()[within] > 0).all()
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(context.numpy(), np.einsum("bs,bsd->bd", weights.numpy(), values), rtol=1e-10)


@given(kinds, batches, st.sampled_from([np.nan, np.inf, 1e300]), st.integers(0, 3))
def test_padding_has_no_influence(kind, lengths, value, extra):
    attention, query, values = drawn(kind, lengths)
    padded = np.full((len(lengths), 5 + extra, SIZE), value)
    for row, given_values, length in zip(padded, values, lengths):
        row[:length] = given_values[:length]
    wanted = attention(query, attention.memory(mg.tensor(values), lengths))
    found = attention(query, attention.memory(mg.tensor(padded), lengths))
    np.testing.assert_allclose(found[0].numpy(), wanted[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(found[1].numpy()[:, :5], wanted[1].numpy(), rtol=1e-12)


@given(kinds, st.permutations(range(5)))
def test_weights_go_with_the_values_in_any_order(kind, order):
    attention, query, values = drawn(kind, [5, 5])
    context, weights = attention(query, attention.memory(mg.tensor(values)))
    same, moved = attention(query, attention.memory(mg.tensor(values[:, order])))
    np.testing.assert_allclose(same.numpy(), context.numpy(), rtol=1e-10)
    np.testing.assert_allclose(moved.numpy(), weights.numpy()[:, order], rtol=1e-10)


@given(kinds, batches)
def test_a_batch_equals_its_rows(kind, lengths):
    attention, query, values = drawn(kind, lengths)
    context, _ = attention(query, attention.memory(mg.tensor(values), lengths))
    for i, length in enumerate(lengths):
        row = slice(i, i + 1)
        alone, _ = attention(query[row], attention.memory(mg.tensor(values[row, :length])))
        np.testing.assert_allclose(alone.numpy(), context.numpy()[row], rtol=1e-10)


@given(kinds)
def test_many_queries_share_one_memory(kind):
    attention, query, values = drawn(kind, [4, 4, 4])
    values, ends = values[:1], np.array([4])
    shared = attention(query, attention.memory(mg.tensor(values), ends))
    repeated = attention(query, attention.memory(mg.tensor(np.repeat(values, 3, 0)), np.repeat(ends, 3)))
    for one, other in zip(shared, repeated):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_their_formulas(kind):
    attention, query, values = drawn(kind, [5, 5])
    q, weights = query.numpy(), {name: p.numpy() for name, p in attention.named_parameters()}
    scores = np.empty((2, 5))
    for b, s in np.ndindex(2, 5):
        if kind == "additive":  # Bahdanau et al. (2015): v . tanh(W q + U k)
            inner = weights["of_query.weight"] @ q[b] + weights["of_value.weight"] @ values[b, s]
            scores[b, s] = weights["score.weight"][0] @ np.tanh(inner)
        else:  # Luong et al. (2015): q . k and q . W k
            scores[b, s] = q[b] @ weights.get("of_value.weight", np.eye(SIZE)) @ values[b, s]
    wanted = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(attention(query, attention.memory(mg.tensor(values)))[1].numpy(), wanted, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_reaches_the_padding(kind):
    attention, query, values = drawn(kind, [5, 2])
    loss = lambda values: attention(query, attention.memory(values, [5, 2]))[0].sum()  # noqa: E731
    assert (mg.grad(loss)(mg.tensor(values)).numpy()[1, 2:] == 0).all()


def test_huge_scores_do_not_overflow():
    attention, values = DotAttention(), np.zeros((1, 3, 2))
    values[0, 1] = 1e5
    context, weights = attention(mg.tensor(np.full((1, 2), 1e5)), attention.memory(mg.tensor(values)))
    assert weights.numpy().tolist() == [[0, 1, 0]]
    assert context.numpy().tolist() == [[1e5, 1e5]]


def test_bad_lengths_are_refused():
    attention, _, values = drawn("dot", [5, 5])
    with pytest.raises(ValueError, match="lengths: every length must be from 1 to 5"):
        attention.memory(mg.tensor(values), [5, 6])


def test_a_score_is_what_a_subclass_gives():
    attention, query, values = drawn("dot", [5, 5])
    with pytest.raises(TypeError, match=r"Attention must define scores\(self, query, keys\)"):
        Attention()(query, attention.memory(mg.tensor(values)))
