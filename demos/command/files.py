"""The user's own files: read whole, or refused in one line that names file, line and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class Refusal(Exception):
    """What the user has to put right: a demo ends with this one line, and no traceback."""


def bad_line(path: str | Path, number: int, line: str, expected: str) -> Refusal:
    """The refusal of one line of a file. `raise bad_line(...)`."""
    return Refusal(f"{path}, line {number}: expected {expected}, got {line[:60]!r}")


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 file, line ends as \\n. Refuses what cannot be read, what is no UTF-8, and an empty one."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{path}, line {number}: expected UTF-8, got the byte {data[error.start]:#04x}") from None
    if not text.strip():
        raise Refusal(f"{path} is empty")
    return text.replace("\r\n", "\n")


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Line number from 1, and line; blank ones are passed over. Refusals as `read_text`."""
    return ((number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip())
