"""Pickles are read as data: nothing in them runs, whatever they ask for."""

from __future__ import annotations

import collections
import os
import pickle
from io import BytesIO

import pytest

from distilbert.checkpoint.state_dict_pickle import (
    Storage,
    StoredTensor,
    read_pickle,
    write_pickle,
)
from distilbert.errors import CheckpointError

STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
TENSOR = REBUILD + b"(" + STORAGE + b"K\0K\x04\x85K\x01\x85\x89)tR"


class Command:
    """Runs a shell command in any program that unpickles it."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [{"a": [1, -5, 2**40, 1.5, None, True, "é", (1, 2, 3, 4)]}, {}])
def test_plain_data_is_read_in_every_protocol(value, protocol):
    if protocol == 0:  # text opcodes, among them DICT and LIST, which torch never writes
        value = 7
    assert read_pickle(BytesIO(pickle.dumps(value, protocol))) == value


def test_an_ordered_dictionary_becomes_a_plain_one():
    value = collections.OrderedDict(a=1, b=2)
    value._metadata = {"": {"version": 1}}
    assert read_pickle(BytesIO(pickle.dumps(value, 2))) == {"a": 1, "b": 2}
    pairs = b"ccollections\nOrderedDict\n(](]K\x01K\x02eetR."
    with pytest.raises(CheckpointError, match="damaged"):
        read_pickle(BytesIO(pairs[:-3] + b"Q."))


def test_tensors_become_records():
    expected = StoredTensor(Storage("0", "float32", 4), 0, (4,), (1,))
    assert read_pickle(BytesIO(b"\x80\x02" + TENSOR + b".")) == expected
    parameter = b"ctorch._utils\n_rebuild_parameter\n(" + TENSOR + b"\x88)tR."
    assert read_pickle(BytesIO(parameter)) == expected


def test_what_is_written_is_read():
    storage = Storage("7", "bfloat16", 300)
    tensors = {
        "a": StoredTensor(storage, 0, (30, 10), (10, 1)),
        "é": StoredTensor(storage, 129, (), ()),
    }
    assert read_pickle(BytesIO(write_pickle(tensors.items()))) == tensors


@pytest.mark.parametrize("protocol", range(6))
def test_a_command_in_a_pickle_is_named_and_not_run(tmp_path, protocol):
    marker = tmp_path / "marker"
    data = pickle.dumps({"weight": Command(f"touch {marker}")}, protocol)
    with pytest.raises(CheckpointError, match=r"pickle opcode DICT|asks for `.*\.system`"):
        read_pickle(BytesIO(data))
    assert not marker.exists()
    assert os.system(f"touch {marker}") == 0
    assert marker.exists()  # the command is one that would have been noticed


@pytest.mark.parametrize(
    "data",
    [
        b"c__builtin__\neval\n.",
        b"cbuiltins\ngetattr\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.",
        b"ctorch\nload\n.",
        b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n.",
    ],
)
def test_any_other_global_is_refused_by_name(data):
    with pytest.raises(CheckpointError, match=r"asks for `\S+\.\S+`, which could run code"):
        read_pickle(BytesIO(data))


@pytest.mark.parametrize(
    ("data", "opcode"),
    [
        (b"(icollections\nOrderedDict\n.", "INST"),
        (b"(ccollections\nOrderedDict\no.", "OBJ"),
        (b"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        (b"\x82\x01.", "EXT1"),
        (b"P123\n.", "PERSID"),
    ],
)
def test_any_other_opcode_is_refused_by_name(data, opcode):
    with pytest.raises(CheckpointError, match=f"opcode {opcode}:.*nothing of it was run"):
        read_pickle(BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"}",
        b".",
        b"0.",
        b"\x85.",
        b"t.",
        b"K\x01b.",
        b"K\x01K\x02K\x03s.",
        b"}K\x01s.",
        b"}(K\x01u.",
        b"}]K\x01s.",
        b"K\x01K\x02a.",
        b"h\x05.",
        b"j\xff\xff\xff\xff.",
        b"K\x01Q.",
        b"K\x01K\x02R.",
        b"ccollections\nOrderedDict\nK\x01R.",
        REBUILD + b")R.",
        STORAGE.replace(b"K\x04", b"J\xff\xff\xff\xff") + b".",
        REBUILD + b"(" + STORAGE + b"K\0J\xff\xff\xff\xff\x85K\x01\x85\x89)tR.",
        REBUILD + b"(" + STORAGE + b"K\0K\x01K\x01\x86K\x01\x85\x89)tR.",
        b"X\xff\xff\xff\x7fa",
        b"\x8e" + b"\xff" * 8,
        b"\x8d" + b"\xff" * 7 + b"\x7f",
        b"\x80\x02(lp0\n.",
        TENSOR[:-1],
    ],
)
def test_damaged_pickles_raise_one_error(data):
    with pytest.raises(CheckpointError):
        read_pickle(BytesIO(data))


DICTIONARY = b"ccollections\nOrderedDict\n"
# A tuple in 20,000 tuples, and one whose halves are the same tuple, 60 times over.
DEEP = b")" + b"\x85" * 20_000
DOUBLED = b")" + b"".join(b"q%cq%ch%c\x86" % (i, i, i) for i in range(60))


@pytest.mark.parametrize("value", [DEEP, DOUBLED], ids=["deep", "doubled"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"}", b"K\x01s."),
        (b"}(", b"K\x01u."),
        (DICTIONARY + b"(](", b"K\x01\x86etR."),
        (DICTIONARY + b"(](K\x01", b"\x86etR."),
        (b"", b"\x8c\x01a\x93."),
        (b"", b"Q."),
        (b"", b")R."),
        (DICTIONARY, b"R."),
        (REBUILD + b"(" + STORAGE, b"K\x01\x85K\x01\x85tR."),
        (REBUILD + b"(" + STORAGE + b"K\0", b"K\x01\x85tR."),
    ],
)
def test_values_inside_of_each_other_are_neither_hashed_nor_printed(before, value, after):
    with pytest.raises(CheckpointError):
        read_pickle(BytesIO(before + value + after))


def test_a_list_of_pairs_is_not_copied_again_and_again():
    pairs = b"](" + b"".join(b"X\x01\0\0\0%cN\x86" % (97 + i % 26) for i in range(500)) + b"eq\0"
    copies = b"".join(DICTIONARY + b"(h\0tR" for _ in range(500))
    with pytest.raises(CheckpointError, match="a list of pairs is used for many dictionaries"):
        read_pickle(BytesIO(pairs + b"(" + copies + b"t."))


def test_numbers_have_a_limited_length():
    with pytest.raises(CheckpointError, match="more than 128 bits"):
        read_pickle(BytesIO(b"\x8b\0\x10\0\0" + b"\x01" * 4096 + b"."))
    with pytest.raises(CheckpointError, match="damaged"):
        read_pickle(BytesIO(b"L" + b"9" * 10_000 + b"L\n."))


def test_long_names_are_shortened_in_messages():
    with pytest.raises(CheckpointError) as caught:
        read_pickle(BytesIO(b"c" + b"a" * 100_000 + b"\nb\n."))
    assert len(str(caught.value)) < 1000


def test_a_huge_memo_index_allocates_nothing():
    assert read_pickle(BytesIO(b"K\x01r\xff\xff\xff\xff.")) == 1


def test_endless_pickles_end(monkeypatch):
    monkeypatch.setattr("distilbert.checkpoint.state_dict_pickle.MAX_OPCODES", 100)
    with pytest.raises(CheckpointError, match="< 100 pickle opcodes"):
        read_pickle(BytesIO(b"N" * 200 + b"."))
