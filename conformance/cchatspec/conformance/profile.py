"""The profile of a target: what it chose where the protocol leaves a choice, and its limits, as a TOML file.

`cchatspec probe` writes one; `cchatspec run --profile` holds the target to it and keeps within its limits.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cchatspec.spec import OPEN_POINTS

SCHEMA = "cchatspec-profile/1"

#: What each limit counts.
LIMITS = {
    "name-length": "bytes of the longest name that is accepted",
    "body-size": "bytes of the longest body that is accepted",
    "requests": "requests in a row before ERROR 06",
    "connections": "connections that are served at once",
}


class ProfileError(ValueError):
    """A profile cannot be read; the text says what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The reading of each open point that is declared, and the limits that are known. What is absent is not declared."""

    open_points: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        ProfileError: it is no TOML, or names a point, reading or limit that there is not.
        OSError: it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ProfileError(f"{path} is no TOML: {problem}") from None
    if data.pop("schema", None) != SCHEMA:
        raise ProfileError(f'{path} is no profile: expected schema = "{SCHEMA}" in it')
    points, limits = _table(data, "open-points", path), _table(data, "limits", path)
    if data:
        raise ProfileError(f"{path}: expected the tables open-points and limits, found '{next(iter(data))}'")
    for name, reading in points.items():
        _known(name, OPEN_POINTS, "open point", path)
        _known(reading, {found.value for found in OPEN_POINTS[name].readings}, f"reading of {name}", path)
    for name, number in limits.items():
        _known(name, LIMITS, "limit", path)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ProfileError(f"{path}: expected a number of at least 1 for {name}, found {number!r}")
    return Profile(points, limits)


def _table(data: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = data.pop(name, {})
    if not isinstance(table, dict):
        raise ProfileError(f"{path}: expected a table [{name}], found {table!r}")
    return table


def _known(value: object, known: Any, what: str, path: Path) -> None:
    if isinstance(value, str) and value in known:
        return
    near = get_close_matches(str(value), list(known), n=1, cutoff=0.4)
    hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(sorted(known))}"
    raise ProfileError(f"{path}: there is no {what} '{value}'{hint}")


def profile_text(profile: Profile, target: str) -> str:
    """The profile as TOML, each line with what it means."""
    lines = [
        f"# What {' '.join(target.split())} chose where the C-Chat protocol leaves a choice, and its limits.",
        f'schema = "{SCHEMA}"',
        "",
        "[open-points]",
    ]
    for name, reading in profile.open_points.items():
        texts = {found.value: found.text for found in OPEN_POINTS[name].readings}
        lines.append(f'{name} = "{reading}"  # {texts[reading]}')
    lines += ["", "[limits]"]
    lines += [f"{name} = {number}  # {LIMITS[name]}" for name, number in profile.limits.items()]
    return "\n".join(lines) + "\n"
