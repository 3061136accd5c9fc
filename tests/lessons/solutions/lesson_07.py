"""The exercises of lesson 7, solved."""

import numpy as np


def jacobian_norms(W: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The Frobenius norm of dh_t/dh_0 for t = 0, ..., T, in NumPy alone: [T + 1].

    W [hidden, hidden], of h_t = tanh(W h_(t-1) + what does not depend on h); states [T + 1, hidden], with h_0 first.
    At t = 0 the derivative is the identity.
    """
    product = np.eye(len(W))
    norms = [np.linalg.norm(product)]
    for h in states[1:]:
        product = (1 - h**2)[:, None] * W @ product
        norms.append(np.linalg.norm(product))
    return np.array(norms)


def clipped(gradients: list[np.ndarray], max_norm: float) -> list[np.ndarray]:
    """The gradients, all scaled by one factor so that their common norm is at most `max_norm`.

    The common norm is that of all entries of all arrays together. The arrays that were given stay as they are.
    """
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    factor = min(1.0, max_norm / norm) if norm else 1.0
    return [g * factor for g in gradients]
