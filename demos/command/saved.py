"""Trained networks in files: the weights, and all that it takes to build the network again and to use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from models.run import History

from .files import Refusal
from .options import Settings

ABOUT, WEIGHTS = "about", "weights."  # names in the file: JSON as bytes; a prefix


@dataclass(frozen=True)
class Saved:
    """What a file holds. facts: what the demo needs to know of its data (a vocabulary, a scale), as JSON has it."""

    settings: Settings
    facts: dict[str, Any]
    fingerprint: str
    history: History
    seconds: float
    weights: Mapping[str, Any]


def fingerprint(settings: Settings) -> str:
    """sha256 of the user's data file; "" for data sets, which do not change."""
    return hashlib.sha256(settings.file.read_bytes()).hexdigest() if settings.file else ""


def digest(name: str, settings: Settings, facts: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that differ where demo, settings or data do: part of a checkpoint's name."""
    text = json.dumps([name, asdict(settings), facts, fingerprint(settings)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_writable(path: Path) -> None:
    """Refuse, before anything is trained, to save where there is no folder."""
    if path.is_dir() or not path.parent.is_dir():
        raise Refusal(f"--save {path}: expected a file in a folder that exists")


def write(path: Path, name: str, saved: Saved) -> None:
    """Write a network of the demo `name`."""
    about = {
        "demo": name,
        "settings": asdict(saved.settings),
        "facts": saved.facts,
        "fingerprint": saved.fingerprint,
        "history": asdict(saved.history),
        "seconds": saved.seconds,
    }
    weights = {f"{WEIGHTS}{key}": x for key, x in saved.weights.items()}
    try:
        mg.save(path, {ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8), **weights})
    except OSError as error:
        raise Refusal(f"--save {path}: {error.strerror}") from None


def read(path: Path, name: str) -> Saved:
    """What `write` wrote. Refuses a file that is not there, is broken, or is another demo's."""
    try:
        state = mg.load(path)
        about = json.loads(np.asarray(state.pop(ABOUT)).tobytes())
        demo, settings = about["demo"], Settings(**about["settings"])
        history = History(**about["history"])
        facts, mark, seconds = about["facts"], about["fingerprint"], about["seconds"]
    except OSError as error:
        raise Refusal(f"--load {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError):
        raise Refusal(f"--load {path}: expected a network that a demo saved, got something else or a part") from None
    if demo != name:
        raise Refusal(f"--load {path}: it is a network of demos.{demo}, not of demos.{name}")
    weights = {key.removeprefix(WEIGHTS): x for key, x in state.items()}
    return Saved(settings, facts, mark, history, seconds, weights)
