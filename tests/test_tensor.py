"""What a tensor is made from, how it behaves like an array, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg

REAL = st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8, np.bool_])
ARRAYS = REAL.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))


# making one


@given(ARRAYS)
def test_arrays_keep_dtype_shape_and_entries(a):
    x = mg.tensor(a)
    assert (x.shape, x.dtype, x.ndim, x.size) == (a.shape, a.dtype, a.ndim, a.size)
    np.testing.assert_array_equal(x.numpy(), a)
    assert not np.shares_memory(x.numpy(), a)
    assert not x.requires_grad and x.is_leaf and x.grad is None


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1.0], [2]], np.float32),
        ((), np.float32),
        ([], np.float32),
        (3, np.int64),
        ([1, 2], np.int64),
        (True, np.bool_),
        (np.float64(1.5), np.float64),
        (np.float32(1.5), np.float32),
        ([np.float64(1.5), 2.0], np.float64),
        ([np.array([1.0, 2.0])], np.float64),
        (np.array([1.0, 2.0]), np.float64),
    ],
)
def test_python_floats_become_float32_and_numpys_keep_their_dtype(data, dtype):
    assert mg.tensor(data).dtype == dtype


def test_dtype_can_be_asked_for():
    assert mg.tensor([1, 2], dtype=np.float64).dtype == np.float64
    assert mg.tensor(np.ones(2), np.float32, requires_grad=True).dtype == np.float32


def test_a_tensor_of_a_tensor_is_a_constant_copy():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = mg.tensor(x)
    assert not y.requires_grad and not np.shares_memory(x.numpy(), y.numpy())


# reading it


def test_conversions():
    x = mg.tensor([[1.5]])
    assert (x.item(), float(x), len(x)) == (1.5, 1.5, 1)
    assert int(mg.tensor(3)) == 3 and [10, 20][mg.tensor(1)] == 20
    assert bool(mg.tensor(0.0)) is False and bool(x > 1)
    assert [row.numpy().tolist() for row in mg.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError):
        bool(mg.tensor([1.0, 2.0]))


def test_as_an_array():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert np.asarray(x).dtype == np.float32 and not np.asarray(x).flags.writeable
    copy = np.array(x)
    copy[0] = 9.0
    assert x.numpy()[0] == 1.0
    assert np.asarray(x, np.float64).dtype == np.float64


def test_repr():
    assert repr(mg.tensor([1.0, 2.5])) == "tensor([1. , 2.5], dtype=float32)"
    assert repr(mg.tensor(np.eye(2), requires_grad=True)) == (
        "tensor([[1., 0.],\n        [0., 1.]], dtype=float64, requires_grad=True)"
    )


def test_a_tensor_can_be_a_key():
    x, y = mg.tensor(1.0), mg.tensor(1.0)
    assert {x: "x", y: "y"}[x] == "x"


# methods and operators are the ops


@pytest.mark.parametrize(
    ("method", "op"),
    [
        (lambda x: x.reshape(3, 2), lambda x: mg.reshape(x, (3, 2))),
        (lambda x: x.reshape((3, -1)), lambda x: mg.reshape(x, (3, 2))),
        (lambda x: x.reshape(-1), lambda x: mg.reshape(x, -1)),
        (lambda x: x.reshape(np.int64(6)), lambda x: mg.reshape(x, 6)),
        (lambda x: x.transpose(1, 0), lambda x: mg.transpose(x, (1, 0))),
        (lambda x: x.transpose((1, 0)), lambda x: mg.transpose(x, (1, 0))),
        (lambda x: x.transpose(), mg.transpose),
        (lambda x: x.T, mg.transpose),
        (lambda x: x.flatten(), lambda x: mg.reshape(x, -1)),
        (lambda x: x.sum(0), lambda x: mg.sum(x, axis=0)),
        (lambda x: x.mean(axis=-1, keepdims=True), lambda x: mg.mean(x, axis=1, keepdims=True)),
        (lambda x: x.swapaxes(0, 1), lambda x: mg.swapaxes(x, 0, 1)),
        (lambda x: x.astype(np.float32), lambda x: mg.astype(x, np.float32)),
        (lambda x: x[1, ::-1], lambda x: mg.getitem(x, (1, slice(None, None, -1)))),
        (lambda x: abs(-x) ** 2 / 3 - 1, lambda x: mg.subtract(mg.divide(mg.power(mg.abs(mg.negative(x)), 2), 3), 1)),
        (lambda x: x @ x.T, lambda x: mg.matmul(x, mg.transpose(x))),
    ],
)
def test_methods_and_operators(method, op):
    x = mg.tensor(np.arange(1.0, 7).reshape(2, 3), requires_grad=True)
    y, expected = method(x), op(x)
    np.testing.assert_array_equal(y.numpy(), expected.numpy(), strict=True)
    assert y.node.primitive is expected.node.primitive


@pytest.mark.parametrize(
    "name",
    ["abs", "clip", "square", "sqrt", "exp", "log", "tanh", "sigmoid", "relu", "sum", "mean", "prod", "max", "min",
     "var", "logsumexp", "cumsum", "argmax", "argmin", "squeeze", "flip"],
)  # fmt: skip
def test_methods_of_one_argument(name):
    x = mg.tensor(np.array([[1.0, 3.0], [2.0, 0.5]]))
    np.testing.assert_array_equal(getattr(x, name)().numpy(), getattr(mg, name)(x.numpy()))


def test_arrays_leave_the_operator_to_the_tensor():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for y in (np.ones(2) + x, np.ones(2) - x, np.ones(2) * x, np.ones(2) / x, np.ones(2) ** x, np.ones((2, 2)) @ x):
        assert isinstance(y, mg.Tensor) and y.requires_grad
    for y in (np.ones(2) < x, np.ones(2) == x, np.float64(1) >= x):
        assert isinstance(y, mg.Tensor) and y.dtype == np.bool_


# requires_grad, grad


def test_requires_grad_can_be_set_on_a_leaf():
    x = mg.tensor([1.0])
    x.requires_grad = True
    (x * 2).sum().backward()
    assert x.grad.item() == 2.0
    x.requires_grad = True
    assert x.grad.item() == 2.0
    x.requires_grad = False
    assert not (x * 2).requires_grad and x.grad is None


def test_grad_can_be_set():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = [3.0, 4.0]
    assert isinstance(x.grad, mg.Tensor) and x.grad.dtype == np.float32
    (x * 2).sum().backward()
    assert x.grad.numpy().tolist() == [5.0, 6.0]
    x.grad = None
    assert x.grad is None
    mg.tensor(1.0).grad = None  # nothing to forget


# assign_


def test_assign_takes_other_entries_of_the_same_shape():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    before, given = x.numpy(), np.array([3.0, 4.0])
    assert x.assign_(given) is x
    given[:] = 0.0
    assert x.numpy().tolist() == [3.0, 4.0] and x.dtype == np.float32 and x.requires_grad
    assert before.tolist() == [1.0, 2.0]
    x.assign_(mg.tensor([5, 6]))
    assert x.numpy().tolist() == [5.0, 6.0]


# bad input: a clear error, and nothing changed


@pytest.mark.parametrize(
    "data", ["text", ["a", "b"], [None], None, {}, object(), np.array([1, "a"], object), 1j, np.array([1j]), b"bytes"]
)
def test_only_real_numbers_and_booleans(data):
    with pytest.raises(TypeError, match=r"^tensor: expected real numbers or booleans, got dtype .*; convert"):
        mg.tensor(data)


@pytest.mark.parametrize("data", [["1", "2"], None, ["a"], np.array([1j])])
def test_asking_for_a_dtype_makes_no_numbers_of_text_and_nothing(data):
    with pytest.raises(TypeError, match=r"^tensor: expected real numbers or booleans, got dtype .*; convert"):
        mg.tensor(data, dtype=np.float32)


def test_lists_of_uneven_length():
    with pytest.raises(ValueError, match=r"^tensor: .*inhomogeneous"):
        mg.tensor([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("data", [1, [1, 2], [True], np.ones(2, np.int8)])
def test_integers_carry_no_gradient(data):
    message = r"^requires_grad: only floats carry a gradient, got (int64|int8|bool); use astype\(np.float32\)"
    with pytest.raises(TypeError, match=message):
        mg.tensor(data, requires_grad=True)
    x = mg.tensor(data)
    with pytest.raises(TypeError, match=message):
        x.requires_grad = True
    assert not x.requires_grad


def test_requires_grad_cannot_be_set_on_a_result():
    y = mg.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"^requires_grad can be set on a leaf only; use detach\(\)"):
        y.requires_grad = False
    assert y.requires_grad


def test_grad_of_the_wrong_kind():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"^grad: expected shape \(2,\), the tensor's own, got \(3,\)"):
        x.grad = [1.0, 2.0, 3.0]
    for y in (x * 2, mg.tensor([1.0, 2.0])):
        with pytest.raises(RuntimeError, match=r"^grad: only a leaf with requires_grad=True keeps a gradient"):
            y.grad = [1.0, 1.0]
    assert x.grad is None


def test_numpy_is_read_only():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    for view in (x.numpy(), np.asarray(x), mg.exp(x).numpy(), mg.sum(x).numpy()):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 9.0
    y.backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0]


def test_entries_cannot_be_written():
    x = mg.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"^a tensor cannot be written to: .*use where\(\), or assign_\(\)"):
        x[0] = 9.0
    assert x.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "**=", "@="])
def test_augmented_operators_make_a_new_tensor(operator):
    x = mg.tensor(np.eye(2), requires_grad=True)
    names = {"x": x}
    exec(f"x {operator} x + 1.0", names)
    assert names["x"] is not x and x.numpy().tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_assign_refuses_another_shape_and_kind():
    x = mg.tensor([1, 2])
    with pytest.raises(ValueError, match=r"^assign_: expected shape \(2,\), the tensor's own, got \(2, 1\)"):
        x.assign_([[1], [2]])
    with pytest.raises(TypeError, match=r"^assign_: float64 does not go into int64; use astype first"):
        x.assign_([1.0, 2.0])
    with pytest.raises(TypeError, match=r"^assign_: <U1 does not go into int64; use astype first"):
        x.assign_(["a", "b"])
    assert x.numpy().tolist() == [1, 2]


def test_assign_refuses_a_result():
    y = mg.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"^assign_: a recorded tensor cannot change; assign to a leaf"):
        y.assign_([3.0])
    assert y.item() == 2.0


def test_len_of_a_number():
    with pytest.raises(TypeError, match=r"^len\(\) of a 0-d tensor"):
        len(mg.tensor(1.0))


def test_a_list_of_tensors_is_refused():
    with pytest.raises(TypeError, match=r"got a list of Tensors; join them with stack\(\)"):
        mg.tensor([[mg.tensor(1.0)], [mg.tensor(2.0)]])
