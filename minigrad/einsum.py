"""Einstein's summation: a primitive whose rule is einsum again."""

from typing import Any

import numpy as np

from .graph import primitive
from .ops import broadcast_to, expand_dims


def einsum(subscripts: str, *operands: Any) -> Any:
    """Einstein's summation, `einsum("bti,ij->btj", x, w)`. No ellipsis, no index twice in one operand."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow:
        output = "".join(sorted(i for i in set(inputs) - {","} if inputs.count(i) == 1))
    terms = tuple(inputs.split(","))
    if "." in subscripts or any(len(set(t)) < len(t) for t in (*terms, output)) or len(terms) != len(operands):
        raise ValueError(
            f"einsum: expected one plain term for each of {len(operands)} operands, without ellipsis and without "
            f"an index twice in a term, got {subscripts!r}; use swapaxes, sum or getitem for the rest"
        )
    return einsum_(*operands, terms=terms, output=output)


@primitive
def einsum_(*operands: Any, terms: tuple[str, ...], output: str) -> Any:
    """The sum over all indices in `terms` (one for each operand) that are not in `output`."""
    return np.einsum(f"{','.join(terms)}->{output}", *operands, optimize=len(operands) > 1)


@einsum_.vjp
def _(g: Any, y: Any, *operands: Any, terms: tuple[str, ...], output: str) -> Any:
    def cotangent(i: int) -> Any:
        others = [(x, t) for j, (x, t) in enumerate(zip(operands, terms, strict=True)) if j != i]
        arrays, their_terms = zip((g, output), *others, strict=True)
        known = "".join(k for k in terms[i] if k in "".join(their_terms))
        alone = tuple(axis for axis, k in enumerate(terms[i]) if k not in known)  # summed in this operand only
        part = einsum_(*arrays, terms=their_terms, output=known)
        part = expand_dims(part, alone)
        return broadcast_to(part, np.broadcast_shapes(part.shape, operands[i].shape))  # the walk sums it back

    return tuple((lambda i=i: cotangent(i)) for i in range(len(operands)))
