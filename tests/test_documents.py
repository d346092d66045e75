"""TOML and JSON from untrusted sources: invalid documents are rejected with a message of one line."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from ibtrain.checks import check_fields
from ibtrain.config import RunConfig, read_settings
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.io.documents import json_text, parse_json, parse_toml, read_bytes

DEEP = 100_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * DEEP, "nested more than 32 deep"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, "nested more than 32 deep"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' occurs twice"),
        (b"NaN", "NaN is not a number in JSON"),
        (b'{"a": [-Infinity]}', "-Infinity is not a number in JSON"),
        (b"[1e999]", "not finite"),
        (b"[9223372036854775808]", "more than 64 bits"),
        (b"9" * 5000, "4300 digits"),
        (b'"\xff"', "can't decode byte 0xff"),
        (b'"a\0b"', "Invalid control character"),
        (b"", "Expecting value"),
    ],
)
def test_json_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = " + b"[" * 20_000, "nested more than 32 deep"),
        (b"a." * 100 + b"a = 1", "nested more than 32 deep"),
        # parsing it would take 23 GB
        (b"a." * 30_000 + b"a = 1", "a line has more than 256 dots"),
        (b"#" * 70_000, "longer than 65536 bytes"),
        (b"a = 1\na = 2", "Cannot overwrite a value"),
        (b"a = nan", "not finite"),
        (b"a = 0xffffffffffffffff", "more than 64 bits"),
        (b"a = '\xff'", "can't decode byte 0xff"),
    ],
)
def test_toml_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_toml(content)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda value: {"point": {"mi_xt": {"stderr": value}}}, "point.mi_xt.stderr"),
        (lambda value: {"layerwise": [{}, {"seconds": value}]}, "layerwise.1.seconds"),
        (lambda value: {"beta": (0.5, value)}, "beta.1"),
    ],
)
def test_no_number_is_written_that_is_not_read(value: float, wrap: Any, place: str) -> None:
    with pytest.raises(NonFiniteError, match=f"^a.json: {place} is not a finite number"):
        json_text(wrap(value), "a.json")


def test_what_is_plain_is_written() -> None:
    document = {"a": [1, 0.1, None, True, "é\n"], "b": {"c": -(2**63)}}
    assert parse_json(json_text(document, "", indent=1).encode()) == document


def test_what_is_plain_is_read() -> None:
    assert parse_json(b'{"a": [1, 2.5, null, true, "x", {"b": -9223372036854775808}]}') == {
        "a": [1, 2.5, None, True, "x", {"b": -(2**63)}]
    }
    assert parse_toml(b"a = [1, 2.5]\n[b]\nc = 'x'") == {"a": [1, 2.5], "b": {"c": "x"}}


def test_only_files_that_end_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(bytes(100))
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "a\0b"):
        with pytest.raises(ValueError, match="not a regular file"):
            read_bytes(path)
    with pytest.raises(ValueError, match="longer than 99 bytes"):
        read_bytes(tmp_path / "long", 99)
    assert len(read_bytes(tmp_path / "long", 100)) == 100


@pytest.mark.parametrize(
    "text",
    [
        '{"objective": null}', '{"methods": []}', '{"methods": ["layerwise", "layerwise"]}',
        '{"threads": 100000}', '{"plane": {"points": 100000000}}', '{"model": {"hidden": [2000000]}}',
        '{"objective": {"critic_width": 2000000}}', '{"objective": {"beta": ["a"]}}',
        '{"layerwise": {"learning_rate": true}}', '{"layerwise": {"epochs": 1.5}}',
        '{"validation": "0.1"}', '{"dataset": ["digits"]}', '{"dataset": {}}', '{"data_root": 3}',
    ],
)  # fmt: skip
def test_settings_that_no_run_can_have_name_their_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json: .*: got .*, expected "):
        RunConfig.read(path)


def test_recipes_may_be_left_open(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(RunConfig().to_json())
    assert read_settings(path)["layerwise"] is None
    assert RunConfig.read(path) == RunConfig()


@dataclass(frozen=True)
class Inner:
    number: float = 1.0


@dataclass(frozen=True)
class Record:
    method: Literal["a", "b"] = "a"
    count: int = 3
    share: float = math.inf
    name: str = "n"
    flags: tuple[str, ...] = ("f",)
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    named: dict[str, Inner] = field(default_factory=dict)


def test_fields_of_their_kind_are_accepted() -> None:
    check_fields("record", Record(share=2, maybe=Inner(), named={"x": Inner(-3.0)}))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"method": "c"}, "method"), ({"count": 1.5}, "count"), ({"count": True}, "count"),
        ({"count": 2**63}, "count"), ({"share": "1"}, "share"), ({"share": math.nan}, "share"),
        ({"share": 1e39}, "share"), ({"share": 10**400}, "share"), ({"name": 3}, "name"),
        ({"flags": ["f"]}, "flags"), ({"flags": (3,)}, "flags"), ({"inner": {}}, "inner"),
        ({"inner": Inner(None)}, "inner.number"), ({"maybe": 3}, "maybe"), ({"named": []}, "named"),
        ({"named": {"x": 3}}, "named.x"),
    ],
)  # fmt: skip
def test_a_field_of_another_kind_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError, match=rf"record\.{place}: got "):
        check_fields("record", Record(**change))
