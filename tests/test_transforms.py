"""grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian: against analytic values, each other, and nested."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.testing import check_gradients
from minigrad.testing.oracles import complex_step

X = np.array([0.3, -0.7, 1.1])
NUMBERS = st.integers(-20, 20).map(lambda n: n / 10)
VECTORS = hnp.arrays(np.float64, 3, elements=NUMBERS)
MATRIX = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])


def cubes(x):
    return mg.sum(x**3)


def mixed(x):
    """Every entry depends on every other: a full Hessian."""
    return mg.sum(mg.tanh(x) * mg.cumsum(x)) * mg.prod(x)


def bend(x):
    return mg.sin(MATRIX @ x) * mg.sum(x * x)


def assert_close(actual, expected):
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=1e-10, atol=1e-12)


# one level, against what one knows


def test_grad():
    assert_close(mg.grad(cubes)(X), 3 * X**2)


def test_value_and_grad():
    value, gradient = mg.value_and_grad(cubes)(X)
    assert_close(value, np.sum(X**3))
    assert_close(gradient, 3 * X**2)


def test_vjp():
    y, pullback = mg.vjp(lambda x: MATRIX @ x, X)
    assert_close(y, MATRIX @ X)
    for u in (np.array([1.0, 0.0]), np.array([2.0, -3.0])):
        (found,) = pullback(u)
        assert_close(found, u @ MATRIX)


def test_vjp_of_several_inputs_and_outputs():
    y, pullback = mg.vjp(lambda a, b: (a * b, a + b), X, 2 * X)
    assert isinstance(y, tuple)
    assert_close(y[0], 2 * X**2)
    u, w = np.ones(3), np.arange(3.0)
    a, b = pullback(u, w)
    assert_close(a, u * 2 * X + w)
    assert_close(b, u * X + w)


def test_jvp():
    v = np.array([1.0, 0.5, -2.0])
    y, dy = mg.jvp(bend, (X,), (v,))
    assert_close(y, np.sin(MATRIX @ X) * np.sum(X * X))
    assert_close(dy, *complex_step(lambda xs: [np.sin(MATRIX @ xs[0]) * np.sum(xs[0] * xs[0])], [X], [v]))


def test_jvp_of_several_inputs_and_outputs():
    y, dy = mg.jvp(lambda a, b: (a * b, mg.sum(a)), (X, 2 * X), (np.ones(3), X))
    assert isinstance(y, tuple) and isinstance(dy, tuple)
    assert_close(dy[0], 2 * X + X * X)
    assert_close(dy[1], 3.0)


def test_hvp():
    v = np.array([1.0, 2.0, -1.0])
    assert_close(mg.hvp(cubes, X, v), 6 * X * v)


def test_jacobian():
    assert_close(mg.jacobian(lambda x: MATRIX @ x)(X), MATRIX)
    assert mg.jacobian(lambda x: mg.reshape(mg.exp(x), (3, 1)))(X).shape == (3, 1, 3)
    assert mg.jacobian(lambda x: x[:0])(X.astype(np.float32)).shape == (0, 3)


def test_hessian():
    assert_close(mg.hessian(cubes)(X), np.diag(6 * X))
    assert_close(mg.hessian(mg.sin)(np.float64(0.4)), -np.sin(0.4))


def test_python_floats_and_float32():
    gradient = mg.grad(lambda x: x * x)(3.0)
    assert isinstance(gradient, mg.Tensor) and gradient.dtype == np.float32 and gradient.item() == 6.0
    assert mg.hessian(cubes)(X.astype(np.float32)).dtype == np.float32
    assert mg.jacobian(lambda x: x[:0])(X.astype(np.float32)).dtype == np.float32
    assert mg.jvp(cubes, (X.astype(np.float32),), (X,))[1].dtype == np.float32


# argnums, other arguments, what f does not use


def test_argnums():
    f = lambda a, b, c: mg.sum(a * b**2 * c)  # noqa: E731
    arguments = (X, X + 1, X + 2)
    da, db, dc = (X + 1) ** 2 * (X + 2), 2 * X * (X + 1) * (X + 2), X * (X + 1) ** 2
    assert_close(mg.grad(f, 1)(*arguments), db)
    assert_close(mg.grad(f, -1)(*arguments), dc)
    c, a = mg.grad(f, (2, 0))(*arguments)
    assert_close(a, da)
    assert_close(c, dc)
    value, (b,) = mg.value_and_grad(f, (1,))(*arguments)
    assert_close(value, np.sum(X * (X + 1) ** 2 * (X + 2)))
    assert_close(b, db)
    assert_close(mg.jacobian(lambda a, b: a * b, 1)(*arguments[:2]), np.diag(X))
    assert_close(mg.hessian(f, 1)(*arguments), np.diag(2 * X * (X + 2)))


def test_named_and_other_arguments_pass_through():
    def f(x, times, *, power=1, label=None):
        assert (times, label) == (3, "seen")
        return mg.sum(x**power) * times

    assert_close(mg.grad(f)(X, 3, power=2, label="seen"), 6 * X)
    assert_close(mg.jacobian(f)(X, 3, power=2, label="seen"), 6 * X)


def test_what_does_not_depend_has_gradient_zero():
    assert_close(mg.grad(lambda x: mg.sum(mg.tensor([1.0, 2.0])))(X), np.zeros(3))
    a, b = mg.grad(lambda a, b: mg.sum(a), (0, 1))(X, X)
    assert_close(a, np.ones(3))
    assert_close(b, np.zeros(3))
    assert_close(mg.hessian(mg.sum)(X), np.zeros((3, 3)))
    assert_close(mg.hvp(mg.sum, X, X), np.zeros(3))
    assert_close(mg.jvp(lambda x: mg.tensor(X), (X,), (X,))[1], np.zeros(3))


def test_identity():
    assert_close(mg.grad(lambda x: x)(np.float64(2.0)), 1.0)
    assert_close(mg.jacobian(lambda x: x)(X), np.eye(3))


def test_names():
    assert mg.grad(cubes).__name__ == mg.hessian(cubes).__name__ == mg.jacobian(cubes).__name__ == "cubes"


# one against the other


@given(VECTORS, VECTORS)
def test_hvp_is_hessian_times_v(x, v):
    assert_close(mg.hvp(mixed, x, v), mg.hessian(mixed)(x).numpy() @ v)


@given(VECTORS)
def test_hessian_is_symmetric(x):
    h = mg.hessian(mixed)(x).numpy()
    assert_close(h, h.T)


@given(VECTORS, VECTORS)
def test_jvp_is_jacobian_times_v(x, v):
    assert_close(mg.jvp(bend, (x,), (v,))[1], mg.jacobian(bend)(x).numpy() @ v)


@given(VECTORS, VECTORS, hnp.arrays(np.float64, 2, elements=NUMBERS))
def test_jvp_and_vjp_are_adjoint(x, u, v):
    """<v, J u> = <J^T v, u>."""
    _, ju = mg.jvp(bend, (x,), (u,))
    (jtv,) = mg.vjp(bend, x)[1](v)
    assert_close(v @ ju.numpy(), jtv.numpy() @ u)


@given(VECTORS)
def test_derivatives_to_second_order(x):
    check_gradients(mixed, x, order=2, modes=("direction", "dot", "jacobian"))
    check_gradients(bend, x, order=2, modes=("direction", "dot", "jacobian"))


# nested


def test_grad_of_grad_of_grad():
    f = mg.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin, np.cos):
        f = mg.grad(f)
        assert_close(f(np.float64(0.3)), expected(0.3))


def test_grad_inside_a_differentiated_function():
    """x * d/dx(x ** 3) = 3 x ** 3."""
    assert_close(mg.grad(lambda x: x * mg.grad(lambda y: y**3)(x))(np.float64(2.0)), 9 * 2.0**2)


def test_grad_at_another_place_inside():
    """The derivative at 3 of y ** 2 x with respect to y is 6 x."""
    assert_close(mg.grad(lambda x: x * mg.grad(lambda y: x * y * y)(np.float64(3.0)))(np.float64(2.0)), 2 * 6 * 2.0)


def test_a_closure_over_another_traced_variable():
    """d/dx of x + d/dy(x y) is 2, and not 1 or 3 (perturbation confusion; Siskind and Pearlmutter 2005)."""
    assert_close(mg.grad(lambda x: x * mg.grad(lambda y: x + y)(np.float64(1.0)))(np.float64(1.0)), 1.0)
    assert_close(mg.grad(lambda x: x + mg.grad(lambda y: x * y)(np.float64(1.0)))(np.float64(1.0)), 2.0)


@pytest.mark.parametrize("inner", ["grad", "vjp", "jvp", "hvp", "jacobian", "hessian", "value_and_grad"])
def test_each_inside_grad(inner):
    """Each way to d/dx(a x ** 3), or to its derivative, is itself differentiable for a (closed over) and for x."""
    first, second = lambda a, x: 3 * x**2, lambda a, x: 6 * x
    one = np.float64(1.0)
    ways = {
        "grad": (lambda f, x: mg.grad(f)(x), first),
        "value_and_grad": (lambda f, x: mg.value_and_grad(f)(x)[1], first),
        "vjp": (lambda f, x: mg.vjp(f, x)[1](one)[0], first),
        "jvp": (lambda f, x: mg.jvp(f, (x,), (one,))[1], first),
        "jacobian": (lambda f, x: mg.jacobian(f)(x), first),
        "hvp": (lambda f, x: mg.hvp(f, x, one), second),
        "hessian": (lambda f, x: mg.hessian(f)(x), second),
    }
    derive, slope = ways[inner]
    a, x = np.float64(2.0), np.float64(0.7)
    of_a = mg.grad(lambda a: a * derive(lambda x: a * x**3, x))(a)
    assert_close(of_a, 2 * a * slope(a, x))
    assert not of_a.requires_grad
    of_x = mg.grad(lambda x: derive(lambda z: a * z**3, x))(x)
    assert_close(of_x, a * (6 * x if slope is first else 6.0))
    assert not of_x.requires_grad


def test_values_can_be_differentiated_too():
    def f(x):
        value, gradient = mg.value_and_grad(lambda y: y**3)(x)
        y, _ = mg.vjp(mg.exp, x)
        z, _ = mg.jvp(mg.sin, (x,), (np.float64(1.0),))
        return value * gradient + y + z

    assert_close(mg.grad(f)(np.float64(0.5)), 15 * 0.5**4 + np.exp(0.5) + np.cos(0.5))


def test_a_tangent_can_be_differentiated():
    f = lambda v: mg.jvp(lambda x: x**3, (np.float64(2.0),), (v,))[1] ** 2  # noqa: E731
    assert_close(mg.grad(f)(np.float64(5.0)), 2 * 12.0**2 * 5)


def test_a_cotangent_can_be_differentiated():
    f = lambda u: mg.vjp(lambda x: x**3, np.float64(2.0))[1](u)[0] ** 2  # noqa: E731
    assert_close(mg.grad(f)(np.float64(5.0)), 2 * 12.0**2 * 5)


def test_backward_through_grad():
    x = mg.tensor(np.float64(2.0), requires_grad=True)
    mg.grad(lambda y: y**4)(x).backward()
    assert_close(x.grad, 12 * 2.0**2)


def test_jacobian_of_jacobian():
    second = mg.jacobian(mg.jacobian(lambda x: x**3))(X).numpy()
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 6 * X
    assert_close(second, expected)


# parameters that f closes over


class Line:
    """What a module is to autograd: an object with leaves."""

    def __init__(self):
        self.w = mg.tensor(np.float64(3.0), requires_grad=True)

    def __call__(self, x):
        return mg.sum(self.w * x * x)


@pytest.mark.parametrize(
    "derive",
    [
        lambda f: mg.grad(f)(X),
        lambda f: mg.value_and_grad(f)(X),
        lambda f: mg.jacobian(f)(X),
        lambda f: mg.hessian(f)(X),
        lambda f: mg.hvp(f, X, X),
        lambda f: mg.jvp(f, (X,), (X,)),
        lambda f: mg.vjp(f, X)[1](np.float64(1.0)),
    ],
)
def test_parameters_grad_stays_untouched(derive):
    line = Line()
    derive(line)
    assert line.w.grad is None
    line.w.grad = np.float64(7.0)
    derive(line)
    assert line.w.grad.item() == 7.0


def test_a_gradient_can_be_trained_on():
    line = Line()
    gradient = mg.grad(line)(X)
    assert_close(gradient, 6 * X)
    mg.sum(gradient * gradient).backward()
    assert_close(line.w.grad, np.sum(2 * 2 * 3.0 * X * 2 * X))


def test_the_argument_itself_stays_untouched():
    x = mg.tensor(X, requires_grad=True)
    assert_close(mg.grad(lambda z: mg.sum(z * x))(x), X)  # x in the closure is another variable
    mg.hessian(cubes)(x)
    assert x.grad is None


# no_grad


def test_under_no_grad():
    with mg.no_grad():
        gradient = mg.grad(cubes)(X)
        h = mg.hessian(cubes)(X)
        _, dy = mg.jvp(bend, (X,), (X,))
        of_parameter = mg.grad(Line())(X)
        assert not (mg.tensor(X, requires_grad=True) * 2).requires_grad
    assert_close(gradient, 3 * X**2)
    assert_close(h, np.diag(6 * X))
    assert_close(dy, mg.jacobian(bend)(X).numpy() @ X)
    assert_close(of_parameter, 6 * X)
    assert not any(t.requires_grad for t in (gradient, h, dy, of_parameter))


def test_no_grad_inside_f_is_respected():
    def f(x):
        with mg.no_grad():
            frozen = x * x
        return mg.sum(frozen * x)

    assert_close(mg.grad(f)(X), X**2)


def test_results_are_constants_where_nobody_outside_wants_more():
    value, gradient = mg.value_and_grad(cubes)(X)
    y, pullback = mg.vjp(cubes, X)
    found = [value, gradient, y, *pullback(1.0), mg.hessian(cubes)(X), mg.hvp(cubes, X, X), *mg.jvp(cubes, (X,), (X,))]
    assert not any(t.requires_grad for t in found)


# bad input


def test_grad_of_what_is_no_single_number():
    with pytest.raises(
        ValueError, match=r"^grad: bend must return a single number, got shape \(2,\); use jacobian\(\) or vjp\(\)"
    ):
        mg.grad(bend)(X)
    with pytest.raises(
        ValueError, match=r"^grad: .* must return a single number, got a tuple; use jacobian\(\) or vjp\(\)"
    ):
        mg.value_and_grad(lambda x: (x, x))(X)


@pytest.mark.parametrize("returned", [None, 3.0, X, [mg.tensor(1.0)]])
def test_what_is_no_tensor(returned):
    def f(x):
        return returned

    for derive in (
        lambda: mg.grad(f)(X),
        lambda: mg.vjp(f, X),
        lambda: mg.jacobian(f)(X),
        lambda: mg.jvp(f, (X,), (X,)),
    ):
        with pytest.raises(
            TypeError, match=rf"^f must return a Tensor or a tuple of them, got {type(returned).__name__}"
        ):
            derive()


def test_jacobian_of_a_tuple():
    with pytest.raises(TypeError, match=r"^jacobian: .* must return one Tensor, got a tuple; use vjp\(\)"):
        mg.jacobian(lambda x: (x, x))(X)


def test_cotangents_and_tangents_that_do_not_fit():
    _, pullback = mg.vjp(bend, X)
    with pytest.raises(ValueError, match=r"^cotangent: expected shape \(2,\), the tensor's own, got \(3,\)"):
        pullback(np.ones(3))
    with pytest.raises(TypeError, match=r"^pullback: expected 1 cotangents, one per output, got 2"):
        pullback(np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match=r"^jvp: expected 1 tangents, one per input, got 2"):
        mg.jvp(bend, (X,), (X, X))
    with pytest.raises(ValueError, match=r"^tangent: expected shape \(3,\), the tensor's own, got \(2,\)"):
        mg.jvp(bend, (X,), (np.ones(2),))
    with pytest.raises(ValueError, match=r"^cotangent: expected shape \(3,\), the tensor's own, got \(2,\)"):
        mg.hvp(cubes, X, np.ones(2))


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian", "vjp", "jvp", "hvp"])
def test_what_is_no_function_is_refused_at_once(name):
    """As PyTorch's grad(y, x) is called."""
    x = mg.tensor(X, requires_grad=True)
    more = {"vjp": (x,), "jvp": ((X,), (X,)), "hvp": (X, X)}.get(name, ())
    with pytest.raises(TypeError, match=f"^{name}: expected a function, got Tensor; write what computes it"):
        getattr(mg, name)(mg.sum(x), *more)


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match=r"^requires_grad: only floats carry a gradient, got int64"):
        mg.grad(cubes)([1, 2, 3])


def test_argnums_that_name_no_argument_are_refused():
    with pytest.raises(ValueError, match=r"given 1 arguments; argnums \(3,\) names others"):
        mg.grad(lambda x: x, argnums=3)(1.0)
