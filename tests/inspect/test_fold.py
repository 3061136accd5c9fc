"""fold: loops are found where the same comes again and passes something on, and nowhere else; nothing is lost."""

import copy
import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.inspect.fold import Call, Loop, Op, folded, nodes_of
from minigrad.inspect.graph import recorded_nodes, recorded_outputs, replayed
from minigrad.nn import Dropout, Linear, Module, Parameter, Sequential
from minigrad.testing.strategies import programs
from models import GRUCell, Layer, LSTMCell, RNNCell

SIZE = 4
UNARY = [mg.tanh, mg.sigmoid, mg.sin, mg.cos, mg.softplus, lambda x: mg.clip(x, -1, 1)]


def nodes_behind(y):
    return recorded_nodes("draw", recorded_outputs("draw", y))


def tree(y, loops=True):
    return folded(nodes_behind(y), loops)


def loops_in(items):
    """(iterations, items in one) of each loop that is in no other."""
    return [(len(item.iterations), len(item.iterations[0])) for item in items if isinstance(item, Loop)]


def leaves(count, *shape):
    rng = np.random.default_rng(count)
    return [mg.tensor(rng.normal(size=shape or (SIZE,)), requires_grad=True) for _ in range(count)]


# nothing is lost


@given(programs(), st.booleans())
def test_every_node_is_there_once_in_order(program, loops):
    y = program(*(mg.tensor(x, requires_grad=True) for x in program.inputs))
    outputs = [y for y in (y if isinstance(y, tuple) else (y,)) if isinstance(y, mg.Tensor) and not y.is_leaf]
    if outputs:
        nodes = nodes_behind(outputs)
        assert [node for item in folded(nodes, loops) for node in nodes_of(item)] == nodes


@st.composite
def steps(draw):
    """A step s -> s of one to four lines, with w in one of them; a relu at the end tells one step from the next."""
    lines = draw(st.lists(st.sampled_from(UNARY), min_size=1, max_size=4))
    at = draw(st.integers(0, len(lines) - 1))
    more = draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))

    def step(s, w, b):
        for i, f in enumerate(lines):
            s = f(s * w if i == at else s + b if more[i] else s)
        return mg.relu(s)

    return step


@given(steps(), st.integers(2, 12), st.integers(0, 3), st.integers(0, 3))
def test_a_loop_is_found_whatever_is_before_and_after_it(step, count, before, after):
    s, w, b = leaves(3)
    for _ in range(before):
        s = mg.cumsum(s)
    for _ in range(count):
        s = step(s, w, b)
    for _ in range(after):
        s = mg.flip(s)
    items = tree(s.mean())
    assert [node for item in items for node in nodes_of(item)] == [*nodes_behind(s.mean())[:-1], items[-1].node]
    (loop,) = [item for item in items if isinstance(item, Loop)]
    assert len(loop.iterations) == count
    for iteration in loop.iterations:
        nodes = [node for item in iteration for node in nodes_of(item)]
        assert [node.primitive.name for node in nodes].count("relu") == 1
    assert len(items) == before + 1 + after + 1


# what is a loop


def recurrent(xs, h, w, u):
    """The hidden states of a plain recurrent network."""
    states = []
    for x in xs:
        h = mg.tanh(x @ w + h @ u)
        states.append(h)
    return states


def matrices(count):
    return leaves(count, SIZE, SIZE)


XS = [np.ones((2, SIZE))] * 6
START = np.zeros((2, SIZE))


def test_steps_in_time_from_two_on():
    w, u = matrices(2)
    for count in (2, 3, 6):
        assert loops_in(tree(recurrent(XS[:count], START, w, u)[-1])) == [(count, 4)]
    assert loops_in(tree(recurrent(XS[:1], START, w, u)[-1])) == []


def test_a_step_starts_where_the_fewest_values_pass():
    w, u = matrices(2)
    first = recurrent(XS, mg.tanh(w @ u)[:2], w, u)  # the tanh before it looks like the end of a step
    (loop,) = [item for item in tree(first[-1]) if isinstance(item, Loop)]
    assert [item.node.primitive.name for item in loop.iterations[0]] == ["matmul", "matmul", "add", "tanh"]


def test_two_layers_one_after_the_other_are_two_loops():
    w1, u1, w2, u2 = matrices(4)
    y = mg.stack(recurrent(recurrent(XS, START, w1, u1), START, w2, u2))
    assert loops_in(tree(y)) == [(6, 4), (6, 4)]


def test_two_layers_step_by_step_are_one_loop():
    w1, u1, w2, u2 = matrices(4)
    h1, h2 = START, START
    for x in XS:
        h1 = mg.tanh(x @ w1 + h1 @ u1)
        h2 = mg.tanh(h1 @ w2 + h2 @ u2)
    assert loops_in(tree(h2.sum())) == [(6, 8)]


def test_two_sequences_are_two_loops_and_many_are_a_loop_of_loops():
    w, u = matrices(2)
    runs = [recurrent(XS, START, w, u)[-1] for _ in range(6)]
    assert loops_in(tree(mg.stack(runs[:2]))) == [(6, 4), (6, 4)]
    (outer, _) = tree(mg.stack(runs))
    assert len(outer.iterations) == 6 and all(loops_in(step) == [(6, 4)] for step in outer.iterations)


def test_loops_in_loops():
    w, u = matrices(2)
    h = START
    for _ in range(3):
        for _ in range(5):
            h = mg.tanh(h @ w)
        h = mg.relu(h @ u)
    (outer, _) = tree(h.sum())
    assert len(outer.iterations) == 3 and all(loops_in(step) == [(5, 2)] for step in outer.iterations)


def test_layers_with_weights_of_their_own_are_no_steps():
    weights = matrices(6)
    h = START
    for w in weights[:4]:
        h = mg.tanh(h @ w)
    assert loops_in(tree(h)) == []
    deep = h
    for w in matrices(6):
        deep = mg.tanh(deep @ w)
    assert loops_in(tree(deep)) == [(10, 2)], "a deep stack is folded, too: it would not be read otherwise"
    for w in weights[:4]:
        h = mg.tanh(h @ w)
    assert loops_in(tree(h)) == [(2, 8)], "the same four again"


def test_four_gates_are_no_loop_and_a_sum_over_many_is():
    xs = leaves(4)
    assert loops_in(tree(mg.stack([mg.sigmoid(x) for x in xs]))) == []
    total = 0.0
    for x in leaves(7):
        total = total + x
    assert loops_in(tree(total)) == [(7, 1)]
    (x,) = leaves(1)
    assert loops_in(tree(x * x * x * x)) == []


def test_one_leaf_for_each_step():
    w, u = matrices(2)
    xs = leaves(6, 2, SIZE)
    assert loops_in(tree(recurrent([x * x for x in xs], START, w, u)[-1])) == [(6, 1), (6, 4)]
    h = START
    for x in xs:
        h = mg.tanh((x * x + x) @ w + h @ u)
    assert loops_in(tree(h)) == [(6, 6)]


def test_a_first_step_that_starts_from_constants():
    w, u = matrices(2)
    h = START
    for x in XS:
        h = mg.tanh(x @ w + mg.square(h) @ u)  # a square of a constant is not recorded
    (loop,) = tree(h)
    assert len(loop.iterations) == 6
    assert [item is None for step in loop.iterations for item in step].count(True) == 1


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", [RNNCell, LSTMCell, GRUCell])
def test_steps_that_end_in_values_that_nobody_uses(cell, reverse):
    net = Layer(cell(3, SIZE), reverse=reverse)
    outputs, final = net(mg.tensor(np.ones((2, 7, 3), np.float32)), lengths=[7, 2], unroll=True)
    for y in (outputs, final[0] if cell is LSTMCell else final):
        (call,) = tree(y)
        (loop,) = [item for item in call.items if isinstance(item, Loop)]
        assert len(loop.iterations) == 7
        assert not any(isinstance(item, Op) and item.node.primitive.name == "where" for item in call.items)


def test_a_product_after_the_loop_is_no_step():
    w, u, head = matrices(3)
    y = recurrent(XS, START, w, u)[-1] @ head
    assert [type(item) for item in tree(y)] == [Loop, Op]


# by module


class Pair(Module):
    """Two maps, one after the other, and one that returns what it was given."""

    def __init__(self):
        self.first, self.second, self.dropout = Linear(3, SIZE), Linear(SIZE, SIZE), Dropout(0.5)

    def forward(self, x):
        return {"last": self.second(mg.tanh(self.first(x))), "all": [self.dropout(x)]}


def kinds(items):
    """The classes of calls, and what is in them."""
    return [(item.origin[1].__name__, kinds(item.items)) for item in items if isinstance(item, Call)]


def test_calls_stand_in_calls():
    net, x = Sequential(Pair()).eval(), mg.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    y = net(x * 2)["last"].sum()
    assert kinds(tree(y)) == [("Sequential", [("Pair", [("Linear", []), ("Linear", [])])])]
    first, _, last = tree(y)
    assert (first.node.primitive.name, last.node.primitive.name) == ("multiply", "sum")


def test_what_a_module_was_given_is_not_its_own():
    x = mg.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    y = x * 2
    (z,) = Pair().eval()(y)["all"]
    assert z is y and kinds(tree(z)) == []


def test_a_call_is_known_by_what_is_used_of_it():
    cell, x = LSTMCell(3, SIZE), mg.tensor(np.ones((2, 3), np.float32))
    _, state = cell(x)
    assert kinds(tree(state.c)) == kinds(tree(state.h * state.c)) == [("LSTMCell", [])]


def test_a_hand_written_loop_over_a_cell():
    cell, state = GRUCell(3, SIZE), None
    for _ in range(3):
        _, state = cell(mg.tensor(np.ones((2, 3), np.float32)), state)
    (loop, _) = tree(state.sum())
    assert loops_in([loop]) == [(3, 1)] and kinds(loop.iterations[0]) == [("GRUCell", [])]


def test_two_modules_of_one_kind_are_two_things():
    one, two = (Linear(SIZE, SIZE) for _ in range(2))
    h = mg.tensor(START.astype(np.float32))
    for _ in range(3):
        h = mg.tanh(one(h))
    for _ in range(3):
        h = mg.tanh(two(h))
    assert loops_in(tree(h)) == [(3, 2), (3, 2)]


def test_a_module_that_is_gone_leaves_its_kind():
    y = Linear(3, 2)(mg.tensor(np.ones((2, 3), np.float32)))
    gc.collect()
    (call,) = tree(y)
    assert call.origin[0]() is None and call.origin[1] is Linear


def test_a_module_that_keeps_what_it_computed_is_freed_by_reference_counting():
    class Keeping(Linear):
        def forward(self, x):
            self.last = super().forward(x)
            return self.last

    gc.disable()
    try:
        net = Keeping(3, 2)
        net(mg.tensor(np.ones((2, 3), np.float32))).sum()
        gone = weakref.ref(net)
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_what_a_module_returned_can_be_copied():
    net = Linear(3, 2)
    y = copy.deepcopy(net(mg.tensor(np.ones((2, 3), np.float32))))
    assert kinds(tree(y)) == [("Linear", [])]


class Meddling(Module):
    """Returns what is no node of its own in every way there is."""

    def __init__(self):
        self.w = Parameter(np.ones(3, np.float32))

    def forward(self, kind):
        new = Parameter(np.ones(3, np.float32))
        return {"parameter": self.w, "new": new, "none": None, "number": 3, "nested": ((self.w * 2, [new]), {"a": 1})}[
            kind
        ]


@pytest.mark.parametrize("kind", ["parameter", "new", "none", "number", "nested"])
def test_modules_may_return_anything(kind):
    net = Meddling()
    returned = net(kind)
    if kind == "nested":
        assert kinds(tree(returned[0][0])) == [("Meddling", [])]
    with mg.no_grad():
        net(kind)


# what was compiled


def test_a_replayed_recurrence_is_a_call_with_a_loop():
    net, x = Layer(LSTMCell(3, SIZE)), mg.tensor(np.ones((2, 5, 3), np.float32), requires_grad=True)
    nodes = nodes_behind(net(x * 2)[0].sum())
    (_, layer, _) = folded(replayed(nodes), True)
    (whole,) = layer.items
    assert whole.whole is nodes[1] and loops_in(whole.items) == [(5, 17)]
    (_, layer, _) = folded(replayed(nodes), False)
    assert all(isinstance(item, Op) for item in layer.items[0].items)


def test_a_hand_written_loop_over_a_compiled_cell_hands_on_its_state():
    cell, state = GRUCell(3, SIZE), None
    for _ in range(3):
        _, state = cell(mg.tensor(np.ones((2, 3), np.float32)), state)
    (loop, _) = folded(replayed(nodes_behind(state.sum())), True)
    assert len(loop.iterations) == 3
