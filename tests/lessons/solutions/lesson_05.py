"""Solutions of lesson 5's exercises."""

import numpy as np


def step_back(W: np.ndarray, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    joined = np.concatenate([x, h])
    g = g * (W @ joined > 0)
    back = W.T @ g
    return np.outer(g, joined), back[: len(x)], back[len(x) :]


def gradient_through_time(W: np.ndarray, X: np.ndarray, counts: np.ndarray) -> np.ndarray:
    states = [np.zeros(len(W))]
    for x in X:
        states.append(np.maximum(W @ np.concatenate([x, states[-1]]), 0))
    total, from_later = np.zeros(W.shape), np.zeros(len(W))
    for t in reversed(range(len(X))):
        weights, _, from_later = step_back(W, X[t], states[t], counts[t] + from_later)
        total += weights
    return total
