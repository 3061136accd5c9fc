"""Against a server on this machine alone."""

import hashlib
import io
import os
import socket
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pooch
import pytest

from minigrad.data.datasets import FILES
from minigrad.data.files import File, read

CONTENT = b"one\ntwo\nthree\nfour\n" * 1000


def digest(data):
    return hashlib.sha256(data).hexdigest()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


ARCHIVE = zipped(words_txt=CONTENT, readme_txt=b"")


class Handler(BaseHTTPRequestHandler):
    served = {  # noqa: RUF012
        "/whole": CONTENT,
        "/wrong": b"something else",
        "/archive.zip": ARCHIVE,
        "/cut.zip": ARCHIVE[:-30],
        "/damaged.zip": ARCHIVE.replace(ARCHIVE[60:64], b"\0\0\0\0"),
    }

    def do_GET(self):
        self.server.requests.append(self.path)
        data = self.served.get(self.path, CONTENT)
        self.send_response(404 if self.path == "/gone" else 200)
        if self.path != "/cut-without-length":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if self.path.startswith("/cut-") else data)

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """No folder, and an empty cache."""
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def down():
    """An address at which nobody answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/file"


def file(*addresses, data=CONTENT, lines=None):
    return File("set/words.txt", digest(data), addresses, lines)


def kept(tmp_path):
    return [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]


# download


def test_a_second_call_asks_nobody(server, tmp_path):
    words = file(f"{server.url}/whole")
    assert read(words) == read(words) == CONTENT
    assert server.requests == ["/whole"] and kept(tmp_path) == ["cache/minigrad/set/words.txt"]


def test_a_copy_that_could_not_be_written_is_none(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        read(file(f"{server.url}/whole"))
    assert kept(tmp_path) == []


def test_a_damaged_copy_is_downloaded_again(server, tmp_path):
    words = file(f"{server.url}/whole")
    read(words)
    (tmp_path / "cache/minigrad/set/words.txt").write_bytes(CONTENT[:-1])
    assert read(words) == CONTENT and server.requests == ["/whole", "/whole"]
    assert read(words) == CONTENT and server.requests == ["/whole", "/whole"]


@pytest.mark.parametrize("first", ["gone", "wrong", "cut-off", "cut-without-length", "cut.zip#words.txt"])
def test_the_second_address_is_tried(server, tmp_path, first):
    assert read(file(f"{server.url}/{first}", f"{server.url}/whole")) == CONTENT
    assert len(server.requests) == 2 and kept(tmp_path) == ["cache/minigrad/set/words.txt"]


def test_the_first_address_is_down(server, down):
    assert read(file(down, f"{server.url}/whole")) == CONTENT


def test_a_member_of_an_archive_and_its_first_lines(server):
    assert read(file(f"{server.url}/archive.zip#words.txt")) == CONTENT
    assert read(file(f"{server.url}/archive.zip#words.txt", data=b"one\ntwo\n", lines=2)) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("wrong", f"expected sha256 {digest(CONTENT)}, found {digest(b'something else')}"),
        ("cut-off", "IncompleteRead"),
        ("cut-without-length", f"expected sha256 {digest(CONTENT)}, found {digest(CONTENT[: len(CONTENT) // 2])}"),
        ("gone", "404"),
        ("cut.zip#words.txt", "not a zip file"),
        ("damaged.zip#words.txt", "Error -3|Bad CRC"),
        ("archive.zip#other.txt", "no item named 'other.txt'"),
    ],
)
def test_nothing_is_kept_of_a_failed_download(server, tmp_path, path, reason):
    with pytest.raises(FileNotFoundError, match=f"(?s){server.url}/{path}: .*({reason})"):
        read(file(f"{server.url}/{path}"))
    assert kept(tmp_path) == []


def test_offline_the_error_says_what_to_do(down, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read(file(down, f"{down}/second"))
    text = str(caught.value)
    assert text.startswith("set/words.txt could not be downloaded:\n")
    assert f"Get it from {down} or {down}/second, and put it at {tmp_path}/cache/minigrad/set/words.txt" in text
    assert "(or at set/words.txt in a folder named by the environment variable MINIGRAD_DATA)" in text
    with pytest.raises(FileNotFoundError, match=f"Get the first 2 lines from fra.txt in {down}, and put"):
        read(file(f"{down}#fra.txt", lines=2))


def test_without_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        ImportError, match=r"set/words.txt .*pip install 'minigrad\[demos\]'.*MINIGRAD_DATA: get it from a"
    ):
        read(file("a"))


# folder


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_folder_needs_neither_network_nor_pooch(tmp_path, monkeypatch, by_variable):
    monkeypatch.setitem(sys.modules, "pooch", None)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/words.txt").write_bytes(CONTENT)
    if by_variable:
        monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    assert read(file("a"), None if by_variable else tmp_path) == CONTENT


def test_the_argument_goes_before_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "elsewhere"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/words.txt").write_bytes(CONTENT)
    assert read(file("a"), tmp_path) == CONTENT


def test_an_empty_variable_is_none(server, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", "")
    assert read(file(f"{server.url}/whole")) == CONTENT


def test_a_folder_without_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        read(file("http://a", "http://b"))
    assert str(caught.value) == (
        f"set/words.txt is not in the folder {tmp_path}. Get it from http://a or http://b, "
        f"and put it at {tmp_path}/set/words.txt"
    )


def test_a_folder_with_another_file(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/words.txt").write_bytes(b"other")
    with pytest.raises(ValueError) as caught:
        read(file("http://a"), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/set/words.txt is not set/words.txt as it should be: expected sha256 {digest(CONTENT)}, "
        f"found {digest(b'other')}. Get it from http://a"
    )


# the table


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_a_checksum_and_mirrors(name):
    assert len(bytes.fromhex(FILES[name].sha256)) == 32
    addresses = FILES[name].addresses
    assert len(set(addresses)) >= 2 and all(address.startswith("https://") for address in addresses)
