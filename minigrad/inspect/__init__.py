"""Looking into a computation: what was recorded, where gradients go, and what went wrong."""

from .anomaly import detect_anomaly

__all__ = ["detect_anomaly"]
