"""Looking into a computation: what was recorded, where gradients go, what gates do, and what went wrong."""

from .anomaly import detect_anomaly
from .draw import Drawing, draw
from .flow import Flow, gradient_flow, gradient_flows, state_jacobians
from .parameters import Collector, ParameterStats, Snapshot, parameter_stats
from .pictures import plot_flow, plot_gates, plot_jacobians
from .views import saliency, saturated, telling_units
from .walk import Step, show_walk, walk
from .watch import Run, watch

__all__ = [
    "Collector", "Drawing", "Flow", "ParameterStats", "Run", "Snapshot", "Step", "detect_anomaly", "draw",
    "gradient_flow", "gradient_flows", "parameter_stats", "plot_flow", "plot_gates", "plot_jacobians", "saliency",
    "saturated", "show_walk", "state_jacobians", "telling_units", "walk", "watch",
]  # fmt: skip
