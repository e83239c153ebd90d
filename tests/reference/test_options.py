from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from cchatspec.reference.limits import Limits
from cchatspec.reference.options import OptionError, Options, options_of, rate_of, read_config

NAMES = {"host", "queue_limit", "rate"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.toml"


def test_what_is_not_given_stays_as_it_is() -> None:
    assert options_of({"host": "::1", "port": None}) == Options(host="::1")


def test_limits_are_told_from_the_rest() -> None:
    assert options_of({"queue_limit": 3, "rate": "5/s"}).limits == Limits(queue_limit=3, rate=5)


@pytest.mark.parametrize(("text", "rate"), [("200/s", 200), ("0.5/s", 0.5), ("7", 7), ("off", 0), ("OFF", 0)])
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert rate_of(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "-1/s", "1/m", "inf", "nan", "1e3/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="is no rate"):
        rate_of(text)


def test_a_burst_of_none_is_refused() -> None:
    with pytest.raises(OptionError, match="burst"):
        options_of({"burst": 0})


def test_a_file_names_options_as_the_command_does(file: Path) -> None:
    file.write_text('host = "::1"\nqueue-limit = 7\nrate = "5/s"\n')

    assert read_config(str(file), NAMES) == {"host": "::1", "queue_limit": 7, "rate": "5/s"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("queue-limits = 7", r"no option 'queue-limits'. Is it 'queue-limit'\?"),
        ("queue_limit = 7", r"Is it 'queue-limit'\?"),
        ("colour = 7", "no option 'colour'.$"),
        ("host = [1]", "'host' takes one value"),
        ("host = ", "is not TOML"),
        ("host = '\udcff'", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_words(file: Path, text: str, problem: str) -> None:
    file.write_text(text, errors="surrogateescape")

    with pytest.raises(OptionError, match=problem):
        read_config(str(file), NAMES)


def test_a_file_that_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(OptionError, match="No such file"):
        read_config(str(file), NAMES)


def serve_options() -> dict[str, Any]:
    from cchatspec.cli import serve_command

    return {parameter.name: parameter for parameter in serve_command.params if parameter.name}


SHOWN = {"rate": "200/s", "queue_total": "256 MiB"}


@pytest.mark.parametrize("name", sorted({*structs.asdict(Limits()), *structs.asdict(Options())} & set(serve_options())))
def test_help_shows_the_true_default(name: str) -> None:
    option = serve_options()[name]
    default = {**structs.asdict(Options()), **structs.asdict(Limits())}[name]
    shown = option.show_default if isinstance(option.show_default, str) else str(option.default)

    assert shown == SHOWN.get(
        name, "off" if default is None else f"{default:g}" if type(default) is float else str(default)
    )
