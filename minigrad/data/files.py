"""Where the data sets' files come from: a folder, or a download into a cache; checked by sha256 either way."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..io import replace

VARIABLE = "MINIGRAD_DATA"

Folder = str | os.PathLike[str] | None


class WrongFile(ValueError):
    """A data folder has something else under the name of a data set's file."""


@dataclass(frozen=True)
class File:
    """A file of known contents, and the addresses that have it, best first.

    name: its path in a data folder. An address that ends in #member is that of a zip archive, which holds the file
    under that name. lines: the file is only the first so many lines of what the addresses have.
    """

    name: str
    sha256: str
    addresses: tuple[str, ...]
    lines: int | None = None


def read(file: File, folder: Folder = None) -> bytes:
    """The file's contents, from `folder`, else from the folder that MINIGRAD_DATA names, else from the cache.

    Raises FileNotFoundError where it is not there (or cannot be downloaded into the cache), WrongFile where the
    folder has something else of that name, ImportError where it would be downloaded and pooch is not installed.
    """
    folder = folder or os.environ.get(VARIABLE)
    return from_folder(file, Path(folder)) if folder else from_cache(file)


def from_folder(file: File, folder: Path) -> bytes:
    path = folder / file.name
    if not path.is_file():
        raise FileNotFoundError(f"{file.name} is not in the folder {folder}. Get {origin(file)}, and put it at {path}")
    data = path.read_bytes()
    if sha256(data) != file.sha256:
        raise WrongFile(
            f"{path} is not {file.name} as it should be: expected sha256 {file.sha256}, found {sha256(data)}. "
            f"Get {origin(file)}"
        )
    return data


def from_cache(file: File) -> bytes:
    pooch = imported_pooch(file)
    path = Path(pooch.os_cache("minigrad")) / file.name
    if path.is_file() and sha256(data := path.read_bytes()) == file.sha256:
        return data
    data = downloaded(pooch, file, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, data)
    return data


def imported_pooch(file: File) -> ModuleType:
    try:
        import pooch
    except ImportError:
        raise ImportError(
            f"{file.name} is downloaded with pooch, which is not installed: pip install 'minigrad[demos]'. Or name a "
            f"folder that has it in the environment variable {VARIABLE}: get {origin(file)}"
        ) from None
    return pooch


def downloaded(pooch: ModuleType, file: File, path: Path) -> bytes:
    """From the first address that has the whole file."""
    failures = []
    for address in file.addresses:
        pooch.get_logger().info(f"downloading {address}")
        try:
            data = first_lines(file, fetched(pooch, address))
        except (OSError, zipfile.BadZipFile, zlib.error, KeyError) as error:
            failures.append(f"  {address}: {error}")
            continue
        if sha256(data) == file.sha256:
            return data
        failures.append(f"  {address}: expected sha256 {file.sha256}, found {sha256(data)}")
    raise FileNotFoundError(
        f"{file.name} could not be downloaded:\n" + "\n".join(failures) + f"\nGet {origin(file)}, and put it at {path} "
        f"(or at {file.name} in a folder named by the environment variable {VARIABLE})"
    )


def fetched(pooch: ModuleType, address: str) -> bytes:
    url, _, member = address.partition("#")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "download"
        pooch.HTTPDownloader()(url, str(path), None)
        if not member:
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)


def first_lines(file: File, data: bytes) -> bytes:
    return data if file.lines is None else b"".join(data.splitlines(keepends=True)[: file.lines])


def origin(file: File) -> str:
    """How to get the file by hand."""
    part = "it" if file.lines is None else f"the first {file.lines} lines"
    return f"{part} from " + " or ".join(in_words(address) for address in file.addresses)


def in_words(address: str) -> str:
    url, _, member = address.partition("#")
    return f"{member} in {url}" if member else url


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
