"""The exercises of lesson 8, solved."""

from minigrad import sigmoid, tanh
from models import Cell, LSTMCell


class LeakyCell(Cell):
    """a = sigmoid(leak); h' = (1 - a) * h + a * tanh(W x + U h + b). `leak` [hidden]: one number for each unit."""

    gates = 1

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, leak=(hidden_size,))

    def body(self, x, h, state):
        """The next state [batch, hidden]; x and h are tuples with the one block of each map, [batch, hidden]."""
        return state + sigmoid(self.leak) * (tanh(x[0] + h[0]) - state)


def latch(cell: LSTMCell) -> None:
    """Set the parameters of an LSTMCell(2, 1), with `assign_`, so that it holds the number that was marked last.

    Its input is (number, mark): the number -1 or 1, the mark 0 or 1. From the first mark on, h must have the sign of
    the number at the latest mark, and |h| > 0.5, over hundreds of steps. Rows of the weights come in the order of
    the gates, i, f, g, o.
    """
    cell.weight_ih.assign_([[0, 20], [0, -20], [5, 0], [0, 0]])  # rows i, f, g, o; columns number, mark
    cell.weight_hh.assign_([[0], [0], [0], [0]])
    cell.bias.assign_([-10, 10, 0, 10])
