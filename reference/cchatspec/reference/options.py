"""What the server program can be told, by options or by a TOML file whose keys are the names of the options."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from cchatspec.reference.limits import Limits

_RATE: Final = re.compile(r"(?P<number>\d+(\.\d+)?)(/s)?")


class OptionError(Exception):
    """An option or a configuration file is wrong; the message says what, in one line."""


class Options(Struct, frozen=True, kw_only=True):
    """How the program serves.

    Attributes:
        host: the address or name to listen on.
        port: the port; 0 takes a free one.
        store: the file that holds what outlives the server; ":memory:" holds nothing.
        fsync: whether what is confirmed is on disk.
        limits: how much is taken of everything.
        log_format: "console" or "json".
        log_level: "debug", "info", "warning" or "error".
        metrics_host: the address for the metrics.
        metrics_port: their port; 0 takes a free one, and without one there are no metrics.
    """

    host: str = "127.0.0.1"
    port: int = 4000
    store: str = ":memory:"
    fsync: bool = True
    limits: Limits = Limits()
    log_format: str = "console"
    log_level: str = "info"
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None


def options_of(given: Mapping[str, Any]) -> Options:
    """Options out of named values, those of the limits among them; what is missing or None stays as it is.

    Raises:
        OptionError: the rate cannot be read, or a limit makes no sense.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if "rate" in values:
        values["rate"] = rate_of(str(values["rate"]))
    limits = Limits(**{name: values.pop(name) for name in structs.asdict(Limits()) if name in values})
    if limits.rate and limits.burst < 1:
        raise OptionError(
            "the burst has to be 1 at least, or nothing would ever be taken; `--rate off` lifts the limit"
        )
    return Options(limits=limits, **values)


def rate_of(text: str) -> float:
    """Requests a second out of "200/s", "200" or "off".

    Raises:
        OptionError: it is none of these.
    """
    if text.lower() == "off":
        return 0.0
    if found := _RATE.fullmatch(text):
        return float(found["number"])
    raise OptionError(f"'{text}' is no rate; write it as '200/s', or 'off'")


def read_config(path: str, names: Iterable[str]) -> dict[str, Any]:
    """The values in a configuration file, by the names that the options have in code.

    Raises:
        OptionError: the file cannot be read, is no TOML, or has a key that is no option.
    """
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} is not TOML: {error}") from None
    known = {name.replace("_", "-"): name for name in names}
    for key, value in given.items():
        if key not in known:
            closest = get_close_matches(key, known, 1)
            raise OptionError(f"{path}: there is no option '{key}'." + (f" Is it '{closest[0]}'?" if closest else ""))
        if isinstance(value, (dict, list)):
            raise OptionError(f"{path}: '{key}' takes one value")
    return {known[key]: value for key, value in given.items()}
