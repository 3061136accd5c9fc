"""Tells when the exercises of lesson 9 are right."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_09 import mean_over_steps, truncated_gradient

XS = np.array([1.0, -0.5, 2.0, 0.25, 1.5, -1.0, 0.5])


def by_forward_differences_of_states(w, window):
    """The loss and the truncated gradient: dh_t/dw = h_(t-1) + w dh_(t-1)/dw, where a window starts from 0 again."""
    h = slope = loss = gradient = 0.0
    for t, x in enumerate(XS):
        slope = h + w * (0.0 if t % window == 0 else slope)
        h = w * h + x
        loss, gradient = loss + h, gradient + slope
    return loss, gradient


def test_9_1_one_window_is_the_whole_gradient():
    found = truncated_gradient(0.9, XS, len(XS))
    assert np.allclose(found, by_forward_differences_of_states(0.9, len(XS)), rtol=1e-5)


def test_9_1_windows():
    for window in (1, 2, 3, 5):
        loss, gradient = truncated_gradient(0.9, XS, window)
        wanted_loss, wanted = by_forward_differences_of_states(0.9, window)
        assert np.isclose(loss, wanted_loss, rtol=1e-5), "the state must be carried from window to window"
        assert np.isclose(gradient, wanted, rtol=1e-5), f"window {window}: expected {wanted:.4f}, got {gradient:.4f}"


def padded_losses():
    """Losses [2, 4] with NaN past the ends, the lengths, and the losses that count."""
    values = np.array([[1.0, 2.0, np.nan, np.nan], [3.0, 4.0, 5.0, 6.0]])
    return values, np.array([2, 4]), values[~np.isnan(values)]


def test_9_2_each_step_counts_the_same():
    values, lengths, counted = padded_losses()
    mean = mean_over_steps(mg.tensor(values), lengths)
    assert mean.shape == (), "the mean is one number"
    assert np.isclose(mean.item(), counted.mean()), f"expected {counted.mean()}, got {mean.item()}"


def test_9_2_the_gradient():
    values, lengths, counted = padded_losses()
    losses = mg.tensor(values, requires_grad=True)
    mean_over_steps(losses, lengths).backward()
    wanted = np.where(np.isnan(values), 0, 1 / len(counted))
    assert np.allclose(losses.grad.numpy(), wanted), "1 / (number of real steps) within a sequence, 0 past its end"
