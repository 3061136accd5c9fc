"""Hypothesis strategies for what gradients are tested on (`pip install minigrad[testing]`).

>>> from hypothesis import given
>>> from minigrad.testing import check_gradients, strategies
>>> @given(strategies.arrays((3, 4)))
... def test_my_function(x):
...     check_gradients(my_function, x)

Arrays are those on which a gradient can be compared with differences: bounded, off kinks, without ties where a domain
asks for it. `minigrad.domain.Domain(low, high, kinks, distinct)` says so for your own function. A strategy of recurrent
networks is in `models.strategies`.
"""

from .arrays import PaddedBatch, arrays, broadcastable_arrays, padded_batches
from .drawing import programs
from .programs import Program
from .recipes import Recipe, recipe, recipes
from .shapes import axes, axis, broadcastable, indices, shapes

__all__ = [
    "PaddedBatch", "Program", "Recipe", "arrays", "axes", "axis", "broadcastable", "broadcastable_arrays", "indices",
    "padded_batches", "programs", "recipe", "recipes", "shapes",
]  # fmt: skip
