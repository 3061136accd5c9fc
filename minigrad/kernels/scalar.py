"""The elementary functions of one number, in the form that Numba compiles: polynomials and integer arithmetic,
which LLVM turns into vector instructions where a call of `math.exp` would stay scalar. One source serves float32 and
float64. Nothing here imports Numba: `register` hands the functions to it, once, before the first use."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

# Kernels are cached under this file's hash alone, so all that they are made of stands in this file.
# No `<` between floats may see a NaN: it would raise the processor's "invalid" flag, and NumPy would warn.

Real = Any  # np.float32 or np.float64
Bits = Any  # the integer of the same width

# float32, since Numba takes `1 - x` for float64 even when x is float32; beside a float64 x these widen exactly
HALF, ONE, TWO = np.float32(0.5), np.float32(1), np.float32(2)
GRID, INFINITY, NAN = np.float32(128), np.float32(np.inf), np.float32(np.nan)
TO_MINUS_100 = np.float32(2.0**-100)


class Format(NamedTuple):
    """What the formulas need to know of float32 or float64. The polynomials have their constant term first."""

    fraction_bits: int
    exponent_bias: int
    magnitude_mask: int
    decay_limit: int  # the bits of an x where x * exp(-x) is 0
    tail_limit: int  # the bits of an x where x * tail(x) is 0
    erf_limit: int  # the bits of an x where erf(x) is 1
    tanh_limit: int  # the bits of an x where tanh(x) is 1
    infinity: int  # the bits of infinity
    sqrt_half: int  # the bits of sqrt(1 / 2)
    rounder: Real  # (x + rounder) - rounder is x to the nearest integer
    log2_e: Real
    ln2_high: Real  # so few digits that n * ln2_high is exact (Cody and Waite 1980)
    ln2_low: Real
    sqrt_2: Real
    mills_centre: Real
    exp: tuple[Real, ...]
    log1p: tuple[Real, ...]
    mills: tuple[Real, ...]
    erf: tuple[Real, ...]


def _float32s(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


def _float64s(*values: float) -> tuple[np.float64, ...]:
    return tuple(np.float64(value) for value in values)


# fmt: off
# Minimax polynomials (Remez exchange, 60 digits; what they fit is in `mantissa_and_exponent` and so on).
# Their largest relative errors as fitted: float32 3e-9, 4e-9, 2e-8, 1e-9; float64 8e-18, 5e-17, 2e-17, 7e-18.
SINGLE = Format(
    fraction_bits=23,
    exponent_bias=127,
    magnitude_mask=0x7FFF_FFFF,
    decay_limit=int(np.float32(112).view(np.int32)),
    tail_limit=int(np.float32(14.5).view(np.int32)),
    erf_limit=int(np.float32(6).view(np.int32)),
    tanh_limit=int(np.float32(10).view(np.int32)),
    infinity=int(np.float32(np.inf).view(np.int32)),
    sqrt_half=int(np.float32(0.5**0.5).view(np.int32)),
    rounder=np.float32(1.5 * 2**23),
    log2_e=np.float32(1.4426950408889634),
    ln2_high=np.float32(0.693145751953125),
    ln2_low=np.float32(1.428606765330187e-06),
    sqrt_2=np.float32(2**0.5),
    mills_centre=np.float32(2.5),
    exp=_float32s(
        0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.008368744514882565,
        0.0013814568519592285,
    ),
    log1p=_float32s(0.3333320915699005, 0.20010730624198914, 0.1400134414434433, 0.14004157483577728),
    mills=_float32s(
        0.15957601368427277, 0.1596250832080841, 0.1331581026315689, 0.09125982969999313, -0.02665979042649269,
        0.1192207857966423, -0.37378576397895813, 0.3821678161621094, -0.17677047848701477, 0.032208401709795,
    ),
    erf=_float32s(
        1.1283791065216064, -0.3761262595653534, 0.1128358542919159, -0.026853814721107483,
        0.005188330542296171, -0.0008010202436707914, 7.853849820094183e-05,
    ),
)
DOUBLE = Format(
    fraction_bits=52,
    exponent_bias=1023,
    magnitude_mask=0x7FFF_FFFF_FFFF_FFFF,
    decay_limit=int(np.float64(760).view(np.int64)),
    tail_limit=int(np.float64(39).view(np.int64)),
    erf_limit=int(np.float64(6).view(np.int64)),
    tanh_limit=int(np.float64(20).view(np.int64)),
    infinity=int(np.float64(np.inf).view(np.int64)),
    sqrt_half=int(np.float64(0.5**0.5).view(np.int64)),
    rounder=np.float64(1.5 * 2**52),
    log2_e=np.float64(1.4426950408889634),
    ln2_high=np.float64(0.6931471803691238),
    ln2_low=np.float64(1.9082149292705877e-10),
    sqrt_2=np.float64(2**0.5),
    mills_centre=np.float64(4),
    exp=_float64s(
        0.500000000000001, 0.16666666666666674, 0.041666666666521524, 0.008333333333322172,
        0.0013888888947962543, 0.00019841269886699926, 2.4801487165838708e-05, 2.755724221351069e-06,
        2.7632716110097873e-07, 2.511009630403349e-08,
    ),
    log1p=_float64s(
        0.33333333333338694, 0.1999999999806003, 0.14285714526036483, 0.11111096578505139, 0.09091403977214536,
        0.07682191819172945, 0.06792783963029964, 0.049531272812896515, 0.08866569269406469,
    ),
    mills=_float64s(
        0.0997355701026425, 0.09973556992974666, 0.09350210282254266, 0.08103502805716485, 0.06350526772541,
        0.043226329506591, 0.023544966546951804, 0.0062986217784348495, 0.0011695492526588344,
        -0.022549878436779545, 0.04223292491571137, -0.10967099196872995, 0.1926096331519303,
        -0.22814164868778689, 0.14375227472006707, 0.10302995999071925, -0.3930266738536223,
        0.5135419216035719, -0.40619160809094573, 0.2104282309458803, -0.07049165084982172,
        0.013979174090571192, -0.0012546732529084914,
    ),
    erf=_float64s(
        1.1283791670955126, -0.3761263890318352, 0.112837916709442, -0.026866170643113415,
        0.005223977606130842, -0.0008548325929766244, 0.0001205529358693695, -1.4924712439534814e-05,
        1.6447132699786621e-06, -1.6206318752969208e-07, 1.3710988704190523e-08, -7.779462971761597e-10,
    ),
)
# fmt: on


def inline_into_loop() -> None:
    """Have LLVM inline the calling function, however long: left as a call, float32 gelu takes 12x the time."""


def format_of(x: Real) -> Format:
    """SINGLE or DOUBLE."""
    return SINGLE if x.dtype == np.float32 else DOUBLE


def bits(x: Real) -> Bits:
    """The bits of x as a signed integer, which orders positive floats as they are ordered."""
    return x.view(np.int32 if x.dtype == np.float32 else np.int64)


def from_bits(pattern: Bits, like: Real) -> Real:
    """The float with these bits, in the format of `like`."""
    if like.dtype == np.float32:
        return np.int32(pattern).view(np.float32)
    return np.int64(pattern).view(np.float64)


def narrow(n: Bits, like: Real) -> Bits:
    """n in an integer as wide as `like`; Numba would go on with 64 bits, and float32 sigmoid take 1.3x the time."""
    return bits(from_bits(n, like))


def magnitude(x: Real, limit: Bits) -> Real:
    """|x|, or the limit where |x| is larger or NaN."""
    return from_bits(min(bits(x) & format_of(x).magnitude_mask, limit), x)


def unless_nan(y: Real, x: Real) -> Real:
    """y, or x where x is NaN."""
    return x if x != x else y  # `!=` is quiet: it raises no flag


def power_of_2(n: Bits, like: Real) -> Real:
    """2 ** n, within the range of normal numbers."""
    return from_bits((n + format_of(like).exponent_bias) << format_of(like).fraction_bits, like)


def times_power_of_2(x: Real, n: Bits) -> Real:
    """x * 2 ** n, where both are normal numbers: n goes to the exponent."""
    return from_bits(bits(x) + (n << format_of(x).fraction_bits), x)


def horner(x: Real, coefficients: tuple[Real, ...]) -> Real:
    """The polynomial with these coefficients, the constant term first."""
    if len(coefficients) == 1:
        return coefficients[0]
    return coefficients[0] + x * horner(x, coefficients[1:])


def mantissa_and_exponent(high: Real, low: Real) -> tuple[Real, Bits]:
    """m and n with exp(-(high + low)) = m 2 ** n, |high| <= 1000, |low| < 1.

    high + low = r - n ln 2 (Cody and Waite 1980); exp(r) = 1 + r + r ** 2 p(r) on |r| <= ln(2) / 2.
    """
    form = format_of(high)
    shifted = form.rounder - (high + low) * form.log2_e
    whole = shifted - form.rounder
    r = -(high + whole * form.ln2_high) - whole * form.ln2_low - low
    return ONE + (r + r * r * horner(r, form.exp)), narrow(bits(shifted) - bits(form.rounder), high)


def exp_minus(high: Real, low: Real) -> tuple[Real, Real]:
    """Two factors of exp(-(high + low)): results that underflow are rounded once."""
    mantissa, n = mantissa_and_exponent(high, low)
    half = n >> 1
    return times_power_of_2(mantissa, half), power_of_2(n - half, high)


def decay(x: Real) -> Real:
    """exp(-x), 0 <= x <= decay_limit. Where it is subnormal, it is rounded once."""
    mantissa, n = mantissa_and_exponent(x, np.float32(0))
    return mantissa * (power_of_2(n + 100, x) * TO_MINUS_100)


def mills(x: Real) -> Real:
    """tail(x) * exp(x ** 2 / 2) = t p(t), t = c / (x + c), for 0 <= x: Mills' ratio over sqrt(2 pi).

    The change of variable is that of Schonfelder (1978), which one polynomial then serves for every x.
    """
    form = format_of(x)
    t = form.mills_centre / (x + form.mills_centre)
    return t * horner(t, form.mills)


def tail(x: Real) -> tuple[Real, Real]:
    """Two factors of the normal distribution's upper tail, x >= 0.

    x is cut on a grid so coarse that the square of the upper part is exact: exp would magnify its rounding.
    """
    on_grid = (x * GRID + format_of(x).rounder - format_of(x).rounder) / GRID
    first, second = exp_minus(on_grid * on_grid * HALF, (x - on_grid) * (x + on_grid) * HALF)
    return mills(x) * first, second


def exp(x: Real) -> Real:
    """exp(x): past the limit a factor is 0, or both overflow. Within 2 ulp."""
    size = magnitude(x, format_of(x).decay_limit)
    first, second = exp_minus(size if bits(x) < 0 else -size, np.float32(0))
    return unless_nan(first * second, x)


def log(x: Real) -> Real:
    """n ln(2) + log(1 + f) for x = (1 + f) 2 ** n, sqrt(1/2) <= 1 + f < sqrt(2). Within 2 ulp.

    log(1 + f) = 2 artanh(s) = f - s (f - 2 s ** 2 p(s ** 2)), s = f / (2 + f): the f in front has no rounding error.
    """
    form = format_of(x)
    subnormal = bits(x) < 1 << form.fraction_bits
    pattern = bits(x * power_of_2(form.fraction_bits, x) if subnormal else x)
    n = narrow((pattern - form.sqrt_half) >> form.fraction_bits, x)
    f = from_bits(pattern - (n << form.fraction_bits), x) - ONE
    s = f / (TWO + f)
    square = s * s
    power = n - form.fraction_bits if subnormal else n
    whole = from_bits(bits(form.rounder) + power, x) - form.rounder
    rest = s * (f - TWO * square * horner(square, form.log1p)) - whole * form.ln2_low
    y = whole * form.ln2_high + (f - rest)
    y = x if bits(x) >= form.infinity else x * NAN if bits(x) < 0 else y
    return x - INFINITY if x == 0 else y


def tanh(x: Real) -> Real:
    """-e / (2 + e) with the sign of x, e = exp(-2 |x|) - 1, where a small e keeps its digits. Within 3 ulp."""
    form = format_of(x)
    size = magnitude(x, form.tanh_limit)
    shifted = form.rounder - (size + size) * form.log2_e
    whole = shifted - form.rounder
    r = -(size + size + whole * form.ln2_high) - whole * form.ln2_low
    scale = power_of_2(narrow(bits(shifted) - bits(form.rounder), x), x)
    e = scale * (r + r * r * horner(r, form.exp)) + (scale - ONE)
    y = -e / (TWO + e)
    return unless_nan(from_bits(bits(y) & form.magnitude_mask | bits(x) & ~form.magnitude_mask, x), x)


def sigmoid(x: Real) -> Real:
    """1 / (1 + e) with e = exp(-|x|), or e / (1 + e) for x < 0."""
    e = decay(magnitude(x, format_of(x).decay_limit))
    return unless_nan((e if bits(x) < 0 else ONE) / (ONE + e), x)


def softplus(x: Real) -> Real:
    """log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|) <= 1.

    log(1 + e) = 2 artanh(s) = 2 s (1 + s ** 2 p(s ** 2)), s = e / (2 + e).
    """
    e = decay(magnitude(x, format_of(x).decay_limit))
    quotient = TWO / (TWO + e)
    s = e * quotient * HALF
    square = s * s
    y = e * quotient * (ONE + square * horner(square, format_of(x).log1p))
    return unless_nan(y if bits(x) < 0 else x + y, x)


def silu(x: Real) -> Real:
    """x * sigmoid(x)."""
    size = magnitude(x, format_of(x).decay_limit)
    first, second = exp_minus(size, np.float32(0))
    y = ONE / (ONE + first * second)
    return unless_nan(-(size * first * y) * second if bits(x) < 0 else x * y, x)


def gelu(x: Real) -> Real:
    """x times the normal distribution function of x."""
    inline_into_loop()
    size = magnitude(x, format_of(x).tail_limit)
    first, second = tail(size)
    return unless_nan(-(size * first) * second if bits(x) < 0 else x * (ONE - first * second), x)


def erf(x: Real) -> Real:
    """x p(x ** 2) for |x| < 1, then 1 - 2 tail(sqrt(2) |x|) with the sign of x."""
    inline_into_loop()
    form = format_of(x)
    size = magnitude(x, form.erf_limit)
    square = size * size
    first, second = exp_minus(square, np.float32(0))
    y = size * horner(square, form.erf) if size < ONE else ONE - TWO * mills(form.sqrt_2 * size) * first * second
    return unless_nan(-y if bits(x) < 0 else y, x)


def relu(x: Real) -> Real:
    """x where it is positive, 0 elsewhere."""
    return unless_nan(from_bits(max(bits(x), 0), x), x)


@cache
def register() -> None:
    """Let compiled code call the functions above."""
    from numba import types
    from numba.extending import lower_builtin, overload, register_jitable, type_callable

    options: Any = {"error_model": "numpy", "fastmath": {"contract"}, "forceinline": True}

    # Numba matches the two signatures, hints included: lambdas have none
    overload(format_of)(lambda x: (lambda x: SINGLE) if x == types.float32 else (lambda x: DOUBLE))
    overload(bits)(
        lambda x: (
            (lambda x: np.float32(x).view(np.int32)) if x == types.float32 else (lambda x: np.float64(x).view(np.int64))
        )
    )
    overload(from_bits)(
        lambda pattern, like: (
            (lambda pattern, like: np.int32(pattern).view(np.float32))
            if like == types.float32
            else (lambda pattern, like: np.int64(pattern).view(np.float64))
        )
    )
    type_callable(inline_into_loop)(lambda context: lambda: types.none)

    @lower_builtin(inline_into_loop)
    def _(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("alwaysinline")
        return context.get_dummy_value()

    # unrolled while compiling: LLVM leaves a loop over gelu's 10 coefficients a loop
    overload(horner, jit_options=options)(
        lambda x, coefficients: (
            (lambda x, coefficients: coefficients[0])
            if len(coefficients) == 1
            else (lambda x, coefficients: coefficients[0] + x * horner(x, coefficients[1:]))
        )
    )
    generic = (narrow, magnitude, unless_nan, power_of_2, times_power_of_2, mantissa_and_exponent)
    factors = (exp_minus, decay, mills, tail)
    for function in (*generic, *factors, exp, log, tanh, sigmoid, softplus, silu, gelu, erf, relu):
        register_jitable(**options)(function)
