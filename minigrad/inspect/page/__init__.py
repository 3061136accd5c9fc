"""A page about a network: one HTML file that opens offline, with curves, gradients through time, units, graph, walk.

The demos write one with `--report`. For a model of your own, hand plain sections to `write_page`; `flows`, `units`,
`graph` and `walk` make them from what `minigrad.inspect` found:

```python
import numpy as np
from minigrad import inspect, tensor
from minigrad.inspect import page
from models import GRU, Classifier

model = Classifier(GRU(input_size=3, hidden_size=8), 2)
x, y = np.random.randn(4, 20, 3).astype(np.float32), [0, 1, 1, 0]  # [batch, time, features]
with inspect.watch(model) as runs:
    losses = model.step_losses(tensor(x), y)
run = runs["network.cell"]
flow = page.flows("GRU", {"untrained": inspect.gradient_flow(losses, run)})
page.write_page("runs/mine.html", "My network", [
    page.FlowSection(title="Gradients through time", flows=[flow]),
    page.UnitsSection(title="Units", views=[page.units("sequence 1", run, 0, picture=x[0])]),
    page.graph("The graph", inspect.draw(model.loss(tensor(x), y), names=model)),
])
```

What is computed while a model is watched has its weights as constants; the graph is drawn of a loss computed after.

The file asks no host for anything, and forbids itself to; what it draws can be read on a phone, in dark mode, with
the keyboard and by colour-blind readers. Its data is plain: dataclasses of strings and arrays.
"""

from .build import MOST, flows, graph, units, walk
from .sections import (
    Attention,
    AttentionSection,
    Box,
    Curves,
    FlowAt,
    Flows,
    FlowSection,
    GraphSection,
    Panel,
    Rows,
    Section,
    Units,
    UnitsSection,
    WalkSection,
    WalkStep,
)
from .write import write_page
