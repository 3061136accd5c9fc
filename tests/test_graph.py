"""How a computation is recorded: what leaves a node, what does not, and what a node keeps."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minigrad as mg
from minigrad.graph import primitive, registry


@pytest.fixture
def cube():
    """A primitive of one's own, out of the registry again afterwards."""

    @primitive(vjp=lambda g, y, x, scale: g * 3 * scale * x * x)
    def cube(x, /, scale=1):
        """scale * x ** 3."""
        return scale * x**3

    yield cube
    del registry["cube"]


# what is recorded


def test_arrays_leave_nothing_behind():
    y = mg.tanh(np.ones(3)) + mg.exp(np.ones(3))
    assert type(y) is np.ndarray


def test_constants_leave_no_node():
    y = mg.tensor([1.0]) * mg.tensor([2.0]) + 1.0
    assert isinstance(y, mg.Tensor) and y.node is None and not y.requires_grad


def test_a_node_knows_its_primitive_its_inputs_and_its_age():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = mg.tanh(x)
    z = mg.sum(y, axis=0)
    assert z.node.primitive is registry["sum"] and z.node.inputs == (y,)
    assert z.node.settings == {"axis": 0, "keepdims": False}
    assert x.node.serial < y.node.serial < z.node.serial


def test_settings_by_position_and_by_name():
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for y in (mg.sum(x, 1, True), mg.sum(x, 1, keepdims=True), mg.sum(x, keepdims=True, axis=1)):
        assert y.node.settings == {"axis": 1, "keepdims": True} and y.shape == (2, 1)


def test_a_primitive_of_ones_own(cube):
    assert registry["cube"] is cube.primitive
    assert cube.__name__ == "cube" and cube.__doc__ == "scale * x ** 3."
    assert cube(np.array([2.0]), scale=2).tolist() == [16.0]
    x = mg.tensor([2.0], requires_grad=True)
    cube(x, 2).sum().backward()
    assert x.grad.item() == 24.0
    assert mg.grad(mg.grad(mg.grad(cube)))(np.float64(5.0)).item() == 6.0


# no_grad and enable_grad


def test_no_grad_as_a_context():
    x = mg.tensor([1.0], requires_grad=True)
    with mg.no_grad():
        assert not (x * 2).requires_grad
        with mg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_as_a_decorator():
    x = mg.tensor([1.0], requires_grad=True)

    @mg.no_grad()
    def countdown(n):
        """Calls itself."""
        assert not (x * n).requires_grad
        return countdown(n - 1) if n else x * 2

    assert not countdown(3).requires_grad
    assert countdown.__doc__ == "Calls itself."
    assert (x * 2).requires_grad


def test_no_grad_ends_with_an_exception():
    x = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        1 / 0  # noqa: B018
    assert (x * 2).requires_grad


def test_no_grad_holds_for_its_thread_only():
    x = mg.tensor([1.0], requires_grad=True)
    inside, recorded = threading.Event(), threading.Event()
    seen = []

    def without():
        with mg.no_grad():
            inside.set()
            recorded.wait(10)
            seen.append((x * 2).requires_grad)

    thread = threading.Thread(target=without)
    thread.start()
    assert inside.wait(10)
    seen.append((x * 2).requires_grad)
    recorded.set()
    thread.join()
    assert seen == [True, False]


def test_threads_record_and_go_back_at_once():
    barrier = threading.Barrier(8)

    def slope(i):
        x = mg.tensor(np.float64(i), requires_grad=True)
        barrier.wait(10)
        y = x
        for _ in range(500):
            y = y * 1.001 + mg.sin(x) * 0.001
        y.backward()
        return x.grad.item()

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(slope, range(8)))
    barrier = threading.Barrier(1)
    assert together == [slope(i) for i in range(8)]


def test_serials_are_unique_among_threads():
    x = mg.tensor([1.0], requires_grad=True)
    with ThreadPoolExecutor(4) as pool:
        found = [n for part in pool.map(lambda _: [(x + x).node.serial for _ in range(2000)], range(4)) for n in part]
    assert len(set(found)) == len(found)


# what a graph has saved cannot change


def owners_view(a):
    view = a.view()
    view.flags.writeable = False
    return view


class Labelled(np.ndarray):
    """A subclass, as np.memmap is one."""


@pytest.mark.parametrize(
    "given",
    [
        lambda a: a,
        lambda a: a[::-1],
        owners_view,
        lambda a: np.broadcast_to(a, (2, 2)),
        lambda a: a.view(Labelled),
        lambda a: memoryview(a),
    ],
    ids=["array", "view", "read-only view", "broadcast", "subclass", "buffer"],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_owner_of_an_array_cannot_change_it_under_a_graph(given, create_graph):
    a = np.array([2.0, 2.0])
    x = mg.tensor(np.ones((2, 2)), requires_grad=True)
    y = mg.sum(x * x * given(a)) + mg.sum(mg.stack([x, mg.broadcast_to(given(a), (2, 2))]) * 1.5)
    a[:] = 100.0
    y.backward(create_graph=create_graph)
    assert x.grad.numpy().tolist() == [[5.5, 5.5], [5.5, 5.5]]


def test_a_list_cannot_be_changed_under_a_graph():
    a = [2.0, 2.0]
    x = mg.tensor(np.ones(2), requires_grad=True)
    y = mg.sum(x * x * a)
    a[0] = 100.0
    y.backward(create_graph=True)
    assert x.grad.numpy().tolist() == [4.0, 4.0]


def test_a_tensor_has_its_own_copy():
    a = np.array([1.0, 2.0])
    x = mg.tensor(a, requires_grad=True)
    y = mg.sum(x * x)
    a[:] = 100.0
    y.backward()
    assert x.numpy().tolist() == [1.0, 2.0] and x.grad.numpy().tolist() == [2.0, 4.0]


def test_a_setting_given_twice_is_refused():
    with pytest.raises(TypeError, match=r"sum\(x, /, axis=None, keepdims=False\).* axis by name as well"):
        mg.sum(mg.tensor([1.0]), 0, axis=0)


def test_complex_numbers_are_refused_beside_a_tensor_that_wants_a_gradient():
    x = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"multiply: expected real numbers .* got complex128"):
        x * np.array([1j])


def test_one_no_grad_may_be_entered_twice():
    x, silent = mg.tensor(1.0, requires_grad=True), mg.no_grad()
    with silent:
        with silent:
            assert not mg.exp(x).requires_grad
        assert not mg.exp(x).requires_grad
    assert mg.exp(x).requires_grad


def test_settings_that_an_op_has_not_are_refused():
    with pytest.raises(TypeError, match="equal takes no settings, got where"):
        mg.equal(mg.tensor([1.0]), 1.0, where=False)


def test_a_dtype_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="astype: expected a dtype of real numbers or booleans, got complex128"):
        mg.tensor([1.0]).astype(complex)


def test_an_index_given_to_getitem_is_copied():
    x, index = mg.tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([0, 0])
    y = mg.getitem(x, index).sum()
    index[:] = 2
    y.backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_the_array_of_a_leaf_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        mg.tensor([1.0]).array[0] = 9
