"""save and load: exact round trips, replacement in one go, refusals."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open

import minigrad as mg

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()  # noqa: SIM905
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
names = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def arrays(draw):
    """Any bits (every NaN, subnormal and signed zero), in any layout."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(shapes)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    raw = bytes(b % 2 for b in raw) if dtype.kind == "b" else raw
    array = np.frombuffer(raw, dtype).reshape(shape)
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    return array[tuple(slice(None, None, draw(st.sampled_from([1, 2, -1]))) for _ in shape)]


def assert_same_bits(tensor, array):
    assert isinstance(tensor, mg.Tensor)
    found = tensor.numpy()
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def write_raw(path, header, data=b""):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


# round trips


@given(contents=st.dictionaries(names, arrays(), max_size=5), as_tensors=st.booleans(), as_text=st.booleans())
def test_what_was_saved_comes_back_to_the_bit(contents, as_tensors, as_text, tmp_path_factory):
    path = tmp_path_factory.mktemp("io") / "file.safetensors"
    path = str(path) if as_text else path
    mg.save(path, {name: mg.Tensor(a) if as_tensors else a for name, a in contents.items()})
    found = mg.load(path)
    assert found.keys() == contents.keys()
    for name, array in contents.items():
        assert_same_bits(found[name], array)


@given(
    number=st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.floats(width=32).map(np.float32)
    | st.integers(0, 255).map(np.uint8)
)
def test_numbers_become_arrays_without_axes(number, tmp_path_factory):
    path = tmp_path_factory.mktemp("io") / "file"
    mg.save(path, {"number": number})
    assert_same_bits(mg.load(path)["number"], np.asarray(number))


def test_a_number_that_is_a_float64_loses_nothing(tmp_path):
    mg.save(tmp_path / "file", {"lr": 0.1})
    assert mg.load(tmp_path / "file")["lr"].item() == 0.1


def test_big_endian_arrays_come_back_as_the_same_numbers(tmp_path):
    mg.save(tmp_path / "file", {"a": np.arange(3, dtype=">f4"), "b": np.arange(6, dtype=">i2").reshape(2, 3).T})
    found = mg.load(tmp_path / "file")
    assert_same_bits(found["a"], np.arange(3, dtype=np.float32))
    assert_same_bits(found["b"], np.ascontiguousarray(np.arange(6, dtype=np.int16).reshape(2, 3).T))


def test_whatever_has_a_state_dict_can_be_saved(tmp_path):
    class Model:
        def state_dict(self):
            return {"weight": mg.tensor([[1.0, 2.0]], requires_grad=True)}

    mg.save(tmp_path / "file", Model())
    (name, tensor), *rest = mg.load(tmp_path / "file").items()
    assert (name, rest) == ("weight", [])
    assert_same_bits(tensor, np.array([[1, 2]], np.float32))


def test_what_is_loaded_stands_on_its_own(tmp_path):
    path = tmp_path / "file"
    mg.save(path, {"a": np.arange(4.0), "b": np.arange(3)})
    found = mg.load(path)
    mg.save(path, {"a": np.zeros(4), "b": np.zeros(3)})
    path.write_bytes(b"")
    assert_same_bits(found["a"], np.arange(4.0))
    assert not found["a"].requires_grad
    found["a"].requires_grad = True
    (found["a"] * 2).sum().backward()
    np.testing.assert_array_equal(found["a"].grad.numpy(), [2, 2, 2, 2])


def test_the_file_is_plain_safetensors(tmp_path):
    path = tmp_path / "file.safetensors"
    mg.save(path, {"a": mg.tensor([[1.0, 2.0]])})
    with safe_open(path, framework="np") as file:
        assert list(file.keys()) == ["a"]
        np.testing.assert_array_equal(file.get_tensor("a"), np.array([[1, 2]], np.float32))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "other").touch()
    mg.save(tmp_path / "file", {"a": 1})
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


# replacement in one go


class Broken:
    def state_dict(self):
        raise RuntimeError("no state")


def fail(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_the_old_file_and_nothing_else(where, existing, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if existing:
        mg.save(path, {"a": np.arange(3)})
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    for stop, error in [(fail, OSError), (interrupt, KeyboardInterrupt)]:
        with monkeypatch.context() as patch, pytest.raises(error):
            patch.setattr(os, where, stop)
            mg.save(path, {"a": np.zeros(1000)})
        assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_a_crash_halfway_through_the_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    mg.save(path, {"a": np.arange(3)})
    before = path.read_bytes()

    class Half:
        def __init__(self, name, mode):
            self.file = open_(name, mode)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            fail()

    open_ = open
    monkeypatch.setattr("builtins.open", Half)
    with pytest.raises(OSError, match="No space left on device"):
        mg.save(path, {"a": np.zeros(1000)})
    monkeypatch.undo()
    assert [f.name for f in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("entries", [1, 1000])
def test_the_new_file_is_on_the_disk_before_it_takes_the_old_ones_place(entries, tmp_path, monkeypatch):
    path = tmp_path / "file"
    mg.save(path, {"a": 1})
    happened = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        happened.append(("fsync", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def watched_replace(source, target):
        assert Path(source).parent == Path(target).parent == tmp_path
        happened.append(("replace", Path(source).stat().st_size))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    mg.save(path, {"a": np.zeros(entries)})
    size = path.stat().st_size
    assert size > 8 * entries
    assert happened == [("fsync", size), ("replace", size)]


def test_the_error_names_the_file_that_was_to_be_written(tmp_path):
    (tmp_path / "plain").touch()
    for path, kind in [
        (tmp_path / "missing" / "file", FileNotFoundError),
        (tmp_path / "plain" / "file", NotADirectoryError),
        (tmp_path, OSError),  # a folder
    ]:
        with pytest.raises(kind, match="save: could not write the file: ") as caught:
            mg.save(path, {"a": 1})
        assert caught.value.filename == str(path)
    assert [f.name for f in tmp_path.iterdir()] == ["plain"]


# refusals


@pytest.mark.parametrize(
    "value, found",
    [
        (np.array([None, 1]), "dtype object"),
        (np.array(["text"]), "dtype <U4"),
        (np.array([1j]), "dtype complex128"),
        (np.complex64(1), "dtype complex64"),
        (np.zeros(2, "datetime64[s]"), r"dtype datetime64\[s\]"),
        (np.zeros(2, [("x", "f4")]), r"dtype \["),
        (2**70, "dtype object"),
        ("text", "str"),
        (None, "NoneType"),
        ([1.0, 2.0], "list"),
        ({"inner": 1}, "dict"),
        (b"bytes", "bytes"),
    ],
)
def test_what_is_no_number_is_refused_with_path_and_name(value, found, tmp_path):
    path = tmp_path / "file"
    mg.save(path, {"old": 1})
    before = path.read_bytes()
    with pytest.raises(
        TypeError, match=rf"save: .*file: expected a Tensor, an array or a number as 'the key', got {found}"
    ):
        mg.save(path, {"good": 1, "the key": value})
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize <= 8, reason="longdouble is float64 here")
def test_more_than_64_bits_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"'a', got dtype \w+; the format holds .* up to 64 bits"):
        mg.save(tmp_path / "file", {"a": np.zeros(2, np.longdouble)})


@pytest.mark.parametrize("key", [1, None, ("a", "b"), b"a"])
def test_names_must_be_strings(key, tmp_path):
    with pytest.raises(TypeError, match=r"save: .*file: names must be strings, got ") as caught:
        mg.save(tmp_path / "file", {key: 1})
    assert repr(key) in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["__metadata__", "\ud800"])
def test_names_that_the_format_has_no_room_for_are_refused(key, tmp_path):
    with pytest.raises(ValueError, match=r"save: .*file: the format cannot hold the name '.+'; choose another"):
        mg.save(tmp_path / "file", {key: 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("thing", [3.0, [1, 2], mg.tensor([1.0]), "text"])
def test_what_is_neither_module_nor_dict_is_refused(thing, tmp_path):
    with pytest.raises(TypeError, match=rf"save: .*file: expected a module or a dict .*, got {type(thing).__name__}"):
        mg.save(tmp_path / "file", thing)


def test_loading_what_is_not_there_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mg.load(tmp_path / "nowhere")
    with pytest.raises(OSError) as caught:
        mg.load(tmp_path)
    assert caught.value.filename == str(tmp_path)


@given(contents=st.dictionaries(names, arrays(), min_size=1, max_size=3), data=st.data())
def test_a_file_that_was_cut_short_is_refused(contents, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("io") / "short"
    mg.save(path, contents)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"load: .*short is not a safetensors file, or was cut short \(.+\)"):
        mg.load(path)


@given(content=st.binary(max_size=100))
def test_foreign_files_are_refused(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("io") / "foreign"
    path.write_bytes(b"\x80\x04\x95" + content)  # how a pickle begins
    with pytest.raises(ValueError, match=r"load: .*foreign is not a safetensors file"):
        mg.load(path)


@pytest.mark.parametrize("code, size", [("BF16", 2), ("F8_E4M3", 1)])
def test_dtypes_that_numpy_does_not_have_are_refused(code, size, tmp_path):
    path = tmp_path / "theirs"
    write_raw(path, {"a": {"dtype": code, "shape": [1], "data_offsets": [0, size]}}, bytes(size))
    with pytest.raises(ValueError, match=rf"load: .*theirs holds entries of dtype '{code}', which NumPy does not have"):
        mg.load(path)


def test_complex_numbers_are_refused(tmp_path):
    path = tmp_path / "theirs"
    write_raw(path, {"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}, bytes(8))
    with pytest.raises(ValueError, match=r"load: .*theirs holds complex64 as 'a', which is nothing for a Tensor"):
        mg.load(path)


def test_nothing_is_saved_when_the_state_cannot_be_had(tmp_path):
    with pytest.raises(RuntimeError, match="no state"):
        mg.save(tmp_path / "file", Broken())
    assert not list(tmp_path.iterdir())
