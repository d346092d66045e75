"""Inputs that nobody should write, drawn at random."""

import io
import json
import struct
import zipfile
import zlib
from typing import Any

import click
import numpy as np
from hypothesis import strategies as st
from numpy.lib import format as npy
from PIL import Image
from scipy.io import savemat

# no slash, so that no name leads out of the sandbox by itself; NUL can be in a file, never in argv
_LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
WORDS = (
    "", "-", "--", "~", "~nobody", ".", "$x^$", "a=b", "\x1b[2J", "é", "\udcff", "x" * 300, "0", "1",
    "digits", "mnist", "szt", "mat:", "npz:", "folder:", "npz:good.npz", "npz:bad.npz", "folder:images", "k=3",
    "hidden=[16]", "hidden=[[1]]", "steps=1e3", "k=NaN", "bins=[", "num_bins=4", "base=null",
    "x", "y", "x,y", "0:1", "x[:, 0:1]", "x[:,", "mine", "ksg", "gaussian", "binning", "channel", "gaussian-1", "relu-layer",
)  # fmt: skip
PATHS = (
    "good.npz", "bad.npz", "good.csv", "images", "run", "runs", "config.toml", "config.json", "record.json",
    "empty", "pipe", "nowhere", "nowhere/x.png", "run/x", "picture.png", "picture.PDF", "film.gif",
    "picture", "images/train", "good.npz/x", "", ".", "new", "-", "x" * 300,
)  # fmt: skip
NUMBERS = (
    "0", "1", "2", "3", "-1", "0.5", "1e-3", "1e999", "nan", "-inf", "1e30", "1_0", " 7", "0x10", "",
    "2147483648", "9223372036854775807", "9223372036854775808", "1" * 400, "9" * 5000, "٣", "1,", ",",
)  # fmt: skip


def _any_of(values: Any, *others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(list(values)), *others)


text = _any_of(WORDS, st.text(_LETTERS, max_size=12))
number = _any_of(NUMBERS, st.integers(-5, 50).map(str), st.floats(width=16).map(str))
numbers = st.lists(number, max_size=4).map(",".join)


def value_of(kind: click.ParamType[Any]) -> st.SearchStrategy[str]:
    """What an option of this kind may be given, sense and nonsense."""
    if isinstance(kind, click.Choice):
        return _any_of(kind.choices, text)
    if isinstance(kind, click.Path):
        return _any_of(PATHS, text)
    if kind in (click.INT, click.FLOAT):
        return st.one_of(number, text)
    return st.one_of(text, numbers) if "," in kind.name else st.one_of(text, number)


@st.composite
def arguments(draw: st.DrawFn, command: click.Command, most: int = 4) -> list[str]:
    """A command's arguments, drawn from its own declarations."""
    options = [p for p in command.params if isinstance(p, click.Option)]
    words: list[str] = []
    for option in draw(st.lists(st.sampled_from(options), max_size=most)) if options else ():
        flag = draw(st.sampled_from([*option.opts, *option.secondary_opts]))
        words.append(flag)
        if not option.is_flag:
            words.append(draw(value_of(option.type)))
    for argument in command.params:
        if isinstance(argument, click.Argument):
            several = 3 if argument.nargs < 0 else 1
            words += draw(st.lists(value_of(argument.type), max_size=several))
    return words


NUMBERS_OF_STATES = (0, 1, 2, 7, 999_998, 10**6, 10**11, 10**12 - 3, 10**12 - 2, 10**12 - 1)
huge = st.sampled_from(
    [
        3_000_000, 2**40, "x" * 4_000_000, "\x1b" * 100_000, [0.1] * 200_000, [3] * 200_000,
        ["x" * 1000] * 2000, [{}] * 50_000, {str(number): 1.0 for number in range(20_000)},
    ]
)  # fmt: skip
"""What is cheap to declare and would be dear to make."""
odd = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**31, 2**63, -(2**63), 10**30, 10**400, 1e308, -1e308, 5e-324, 1e39]),
        st.floats(),
        st.sampled_from(["", "a\0b", "\ud800", "$x^$", "\x1b[2J", "x" * 400, "relu", "digits"]),
        st.text(_LETTERS, max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def _places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    return [place, *(found for key, value in inner for found in _places(value, (*place, key)))]


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A document with some of its values replaced, left out, or joined by others."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(_places(document)))
        if not place:
            continue
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                holder[place[-1]] = draw(odd)
            case "remove":
                del holder[place[-1]]
            case _ if isinstance(holder, dict):
                holder[draw(st.text(max_size=5))] = draw(odd)
    # last, so that no place within it is drawn: only one of its values is huge
    places = [place for place in _places(document) if place]
    if places and draw(st.integers(0, 3)) == 3:
        place = draw(st.sampled_from(places))
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        value = holder[place[-1]]
        count = draw(st.sampled_from([2, 300, 3000]))
        is_repeated = isinstance(value, list) and draw(st.booleans())
        holder[place[-1]] = value * count if is_repeated else draw(huge)
    return document


@st.composite
def broken(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which some are missing, changed, or too many."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["cut", "insert", "change", "drop", "double"])):
            case "cut":
                content = content[:at]
            case "insert":
                content = content[:at] + draw(st.binary(max_size=6)) + content[at:]
            case "change":
                content = content[:at] + draw(st.binary(min_size=1, max_size=4)) + content[at + 1 :]
            case "drop":
                content = content[:at] + content[at + draw(st.integers(1, 9)) :]
            case "double":
                content += content[at:]
    return content


@st.composite
def json_files(draw: st.DrawFn, document: Any) -> bytes:
    """A JSON file near a good one, or far from any."""
    nested = st.sampled_from([b"[" * 100_000, b'{"a":' * 5000, b'{"a":1,"a":2}', b"", b"\xff"])
    near = mutated(document).map(lambda found: json.dumps(found).encode())
    return draw(st.one_of(near, near.flatmap(broken), st.binary(max_size=40), nested))


@st.composite
def array_bytes(draw: st.DrawFn) -> bytes:
    """An array as numpy stores it; its header may say what isn't so."""
    dtypes = [
        "<f4",
        "<f8",
        ">f2",
        "|i1",
        "<i8",
        "<u8",
        "|b1",
        "<c16",
        "<U3",
        "|S0",
        "<M8[s]",
        "|V3",
    ]
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = tuple(draw(st.sampled_from([(), (0,), (30,), (30, 2), (30, 1, 2, 2), (5, 0), (30, 1)])))
    values = np.arange(int(np.prod(shape, dtype=int)) * max(dtype.itemsize, 1), dtype=np.uint8)
    body = values.tobytes()[: int(np.prod(shape, dtype=int)) * dtype.itemsize]
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    lies = {
        "shape": [(10**12,), (-1,), (2**63, 2), (2**32, 2**32), (30, 10**10), "x", None, (1.5,)],
        "descr": ["|O", "<f8, <f8", "(1000000000,)<f8", "<V1000000000", "", [("a", "|O")], 3, None],
        "fortran_order": [True, 1, None],
    }
    if draw(st.booleans()):
        key = draw(st.sampled_from(sorted(lies)))
        header[key] = draw(st.sampled_from(lies[key]))
    told = draw(
        st.sampled_from([repr(header), repr(header), "[" * 9000, "{", "()" * 99, "0" * 9999])
    )
    raw = told.encode()
    length = draw(st.sampled_from([len(raw), len(raw), len(raw), 0, 65_535]))
    return npy.MAGIC_PREFIX + b"\x01\x00" + struct.pack("<H", length) + raw + body


@st.composite
def npz_files(draw: st.DrawFn) -> bytes:
    """An archive of arrays, good ones among them."""
    file = io.BytesIO()
    good = io.BytesIO()
    npy.write_array(good, np.arange(60.0).reshape(30, 2) % 7)
    labels = io.BytesIO()
    npy.write_array(labels, np.arange(30) % 3)
    method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
    with zipfile.ZipFile(file, "w", method) as archive:
        members = [
            ("x.npy", draw(st.one_of(st.just(good.getvalue()), array_bytes()))),
            ("y.npy", draw(st.one_of(st.just(labels.getvalue()), array_bytes()))),
        ]
        if draw(st.booleans()):
            name = draw(st.sampled_from(["../../x.npy", "/x.npy", "y", "x_test.npy", "a\\..\\b"]))
            members.append((name, draw(st.one_of(array_bytes(), st.binary(max_size=20)))))
        for name, content in members:
            archive.writestr(name, content)
    return draw(st.one_of(st.just(file.getvalue()), broken(file.getvalue())))


@st.composite
def mat_files(draw: st.DrawFn) -> bytes:
    """A MATLAB file, perhaps broken, perhaps with other sizes and types than it declares."""
    file = io.BytesIO()
    samples = draw(st.sampled_from([np.eye(30), np.eye(30, dtype=np.uint8), np.eye(30) * 1j, "F"]))
    savemat(
        file,
        {"F": samples, "y": np.arange(30) % 3, "s": {"a": [1, "b"]}},
        do_compression=draw(st.booleans()),
    )
    content = file.getvalue()
    if draw(st.booleans()):
        # most sizes and types are whole words
        at = 4 * draw(st.integers(32, len(content) // 4 - 1))
        word = draw(st.sampled_from([0, 1, 7, 14, 15, 0x10001, 2**28, 2**31 - 1, 2**32 - 1]))
        content = content[:at] + struct.pack("<I", word) + content[at + 4 :]
    return draw(st.one_of(st.just(content), broken(content)))


_sizes = st.sampled_from([(0, 6), (6, 7), (20_000, 20_000), (9000, 9000), (2**31 - 1, 2**31 - 1)])


@st.composite
def image_files(draw: st.DrawFn) -> bytes:
    """An image of six by six pixels, perhaps broken, perhaps of another kind."""
    file = io.BytesIO()
    kinds = ["PNG", "JPEG", "BMP", "TIFF", "GIF", "PPM", "WEBP", "EPS", "ICO", "TGA"]
    size = draw(st.sampled_from([(6, 6), (6, 6), (6, 6), (5, 6), (1, 1)]))
    kind = draw(st.sampled_from(kinds))
    plain = kind in ("JPEG", "EPS", "PPM", "BMP")
    mode = draw(st.sampled_from(["RGB", "L"] if plain else ["RGB", "L", "1", "RGBA", "P"]))
    Image.new(mode, size).save(file, format=kind)
    content = file.getvalue()
    huge = content
    if kind == "PNG":
        start = content[12:16] + struct.pack(">II", *draw(_sizes)) + content[24:29]
        huge = content[:12] + start + struct.pack(">I", zlib.crc32(start)) + content[33:]
    return draw(st.one_of(st.just(content), st.just(huge), broken(content), st.binary(max_size=30)))
