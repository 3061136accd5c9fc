"""The two benchmarks that stand alone."""

import subprocess
import sys
from pathlib import Path

from benchmarks import elementwise

ROOT = Path(__file__).parent.parent.parent


def test_recording():
    command = [sys.executable, "-m", "benchmarks.recording", "--rounds", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "us per op" in ran.stdout
    assert "medians of 1 interleaved rounds" in ran.stdout


def test_elementwise(monkeypatch, capsys):
    monkeypatch.setattr(elementwise, "SIZES", (16,))
    monkeypatch.setattr(elementwise, "ROUNDS", 1)
    monkeypatch.setattr(elementwise, "torch", None)
    monkeypatch.setattr(sys, "argv", ["elementwise", "float32"])
    elementwise.main()
    shown = capsys.readouterr().out
    assert all(name in shown for name in elementwise.NUMPY)
    assert "float64" not in shown
