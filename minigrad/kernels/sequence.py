"""A cell's loops over a sequence, around the steps that are generated from its body. Copied into generated modules.

A thread takes its share of the batch, rows `first` up to `last`, through all time steps and meets no other thread on
the way. Each step multiplies the rows of x and of h with their packed weights, then runs the body row by row while
the products are in the cache (a product for all steps beforehand would go through memory: 1.2x the time of an LSTM
of 64 x 100 x 256). On the way back only what the step before waits for is multiplied; the gradients of the weights
are products over batch and time, after the loop.

All arrays are C-contiguous; B: batch, T: time, I: input, H: hidden, G: gates, S: parts of the state.
"""

# ruff: noqa: F821
# mypy: disable-error-code="no-untyped-def, name-defined"
import numpy as np

from .gemm import copy, rows_times_packed, whole_vectors
from .rows import flat_from


def forward(x, packed_ih, packed_hh, width, mask, lengths, backwards, externals, initial, final, outputs, saved,
            first, last):  # fmt: skip
    """x [B, T, I], packed [I, width] and [H, width], width G * H, mask [B, H] or [0, 0], initial, final [S, B, H].

    Written: outputs [B, T, H]; saved [B * T, kept values and parts of the state but h, H], or [0, 0, 0] where
    nobody will go back.
    """
    (batch, time, hidden), parts = outputs.shape, len(initial)
    rows, size, kept = last - first, x.shape[2], saved.shape[1] * hidden
    share = rows * hidden
    z_width = whole_vectors(width, outputs)
    z = np.empty((rows, z_width), outputs.dtype)
    steps = max(1, min(time, 24 // rows))  # of x to multiply at once: tiles want many rows
    mapped = np.empty((rows, steps, z_width), outputs.dtype)
    since = 0
    now, then = np.empty((parts, rows, hidden), outputs.dtype), np.empty((parts, rows, hidden), outputs.dtype)
    copy(flat_from(initial, first * hidden), batch * hidden, flat_from(now, 0), share, parts, share)
    masked = np.empty((1, rows if mask.size else 0, hidden), outputs.dtype)
    for s in range(time):
        t = time - 1 - s if backwards else s
        if steps == 1:
            rows_times_packed(flat_from(x, (first * time + t) * size), time * size, rows, packed_ih, size, width,
                              flat_from(mapped, 0), z_width)  # fmt: skip
        elif s % steps == 0:
            ahead = min(steps, time - s)
            since = t - ahead + 1 if backwards else t
            for i in range(rows):
                rows_times_packed(flat_from(x, ((first + i) * time + since) * size), size, ahead, packed_ih, size,
                                  width, flat_from(mapped, i * steps * z_width), z_width)  # fmt: skip
        if mask.size:
            for i in range(rows):
                for j in range(hidden):
                    masked[0, i, j] = now[0, i, j] * mask[first + i, j]
        entering = flat_from(masked if mask.size else now, 0)
        rows_times_packed(entering, hidden, rows, packed_hh, hidden, width, flat_from(z, 0), z_width)
        for i in range(rows):
            b = first + i
            at = b * time + t
            m = (i * steps + (0 if steps == 1 else t - since)) * z_width
            if t >= lengths[b]:
                copy(flat_from(now, i * hidden), share, flat_from(then, i * hidden), share, parts, hidden)
                outputs[b, t] = 0
            elif saved.size:
                forward_step(mapped, m, z, i * z_width, now, then, i * hidden, share, externals,
                             outputs, at * hidden, saved, at * kept, hidden)  # fmt: skip
            else:
                inference_step(mapped, m, z, i * z_width, now, then, i * hidden, share, externals,
                               outputs, at * hidden, hidden)  # fmt: skip
        now, then = then, now
    copy(flat_from(now, 0), share, flat_from(final, first * hidden), batch * hidden, parts, share)


def backward(g_outputs, g_final, packed, mask, lengths, backwards, externals, initial, outputs, saved,
             g_mapped, g_product, g_initial, g_externals, first, last):  # fmt: skip
    """The cotangents of x's products, of h's (one array, where they are the same), of the initial state, and of the
    externals, to which this adds. packed [G * H, H]."""
    (batch, time, hidden), parts = outputs.shape, len(initial)
    rows, width, kept = last - first, g_mapped.shape[2], saved.shape[1] * hidden
    share = rows * hidden
    z_width = whole_vectors(hidden, outputs)
    z = np.empty((rows, z_width), outputs.dtype)
    now, then = np.empty((parts, rows, hidden), outputs.dtype), np.empty((parts, rows, hidden), outputs.dtype)
    copy(flat_from(g_final, first * hidden), batch * hidden, flat_from(now, 0), share, parts, share)
    for s in range(time - 1, -1, -1):
        t = time - 1 - s if backwards else s
        for i in range(rows):
            b = first + i
            at = b * time + t
            if t >= lengths[b]:
                copy(flat_from(now, i * hidden), share, flat_from(then, i * hidden), share, parts, hidden)
                g_mapped[b, t] = 0
                g_product[b, t] = 0
                continue
            if t == (lengths[b] - 1 if backwards else 0):
                h, h_at = initial, b * hidden
                state, state_at, state_step = initial, b * hidden, batch * hidden
            else:
                before = at + 1 if backwards else at - 1
                h, h_at = outputs, before * hidden
                state, state_at, state_step = saved, (before + 1) * kept - parts * hidden, hidden
            backward_step(g_outputs, at * hidden, now, then, i * hidden, share, saved, at * kept,
                          h, h_at, state, state_at, state_step, outputs, externals,
                          g_mapped, g_product, at * width, g_externals, hidden)  # fmt: skip
        rows_times_packed(flat_from(g_product, (first * time + t) * width), time * width, rows, packed, width, hidden,
                          flat_from(z, 0), z_width)  # fmt: skip
        for i in range(rows):
            b = first + i
            if t < lengths[b]:
                for j in range(hidden):
                    then[0, i, j] += z[i, j] * mask[b, j] if mask.size else z[i, j]
        now, then = then, now
    copy(flat_from(now, 0), share, flat_from(g_initial, first * hidden), batch * hidden, parts, share)
