"""Two exercises for you to solve: unfinished on purpose. test_lesson_08.py says when they are right."""

from models import Cell, LSTMCell


class LeakyCell(Cell):
    """a = sigmoid(leak); h' = (1 - a) * h + a * tanh(W x + U h + b). `leak` [hidden]: one number for each unit."""

    gates = 1

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, leak=(hidden_size,))  # a parameter, self.leak, which starts at 0

    def body(self, x, h, state):
        """The next state [batch, hidden]; x and h are tuples with the one block of each map, [batch, hidden]."""
        raise NotImplementedError("exercise 8.1: write the two equations of the docstring")


def latch(cell: LSTMCell) -> None:
    """Set the parameters of an LSTMCell(2, 1), with `assign_`, so that it holds the number that was marked last.

    Its input is (number, mark): the number -1 or 1, the mark 0 or 1. From the first mark on, h must have the sign of
    the number at the latest mark, and |h| > 0.5, over hundreds of steps. Rows of the weights come in the order of
    the gates, i, f, g, o.
    """
    raise NotImplementedError("exercise 8.2: which gates must open when the mark is 1, and which when it is 0?")
