"""Profiles: what is read, what is refused, and what a probe finds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conformance.conftest import CCHATSPEC, launched

from cchatspec.conformance.probe import largest
from cchatspec.conformance.profile import LIMITS, Profile, ProfileError, profile_text, read_profile
from cchatspec.spec import OPEN_POINTS

WHOLE = Profile({name: point.readings[-1].value for name, point in OPEN_POINTS.items()}, dict.fromkeys(LIMITS, 7))


def written(folder: Path, text: str) -> Path:
    path = folder / "profile.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path, profile_text(WHOLE, "a server"))) == WHOLE


def test_a_targets_name_cannot_leave_its_comment(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path, profile_text(Profile(), "a\nserver = 1\n"))) == Profile()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", 'expected schema = "cchatspec-profile/1"'),
        ("= nonsense", "is no TOML"),
        ('schema = "cchatspec-profile/2"', "expected schema"),
        ('schema = "cchatspec-profile/1"\n[open-points]\nqueued-delivry = "poll"', "did you mean 'queued-delivery'"),
        ('schema = "cchatspec-profile/1"\n[open-points]\nqueued-delivery = "pole"', "did you mean 'poll'"),
        ('schema = "cchatspec-profile/1"\n[open-points]\nqueued-delivery = 3', "there is no reading"),
        ('schema = "cchatspec-profile/1"\nopen-points = 1', "expected a table"),
        ('schema = "cchatspec-profile/1"\n[limits]\nbody-size = 0', "expected a number of at least 1"),
        ('schema = "cchatspec-profile/1"\n[limits]\nbody-size = true', "expected a number of at least 1"),
        ('schema = "cchatspec-profile/1"\n[limits]\nbody_size = 1', "did you mean 'body-size'"),
        ('schema = "cchatspec-profile/1"\n[other]\n', "found 'other'"),
    ],
    ids=str,
)
def test_what_is_wrong_in_a_profile_is_said(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ProfileError, match=word):
        read_profile(written(tmp_path, text))


@pytest.mark.parametrize("limit", [1, 2, 3, 31, 128, 254, 255])
def test_halving_finds_the_limit(limit: int) -> None:
    assert largest(lambda size: size <= limit, 255) == limit


def test_halving_asks_a_few_times_only() -> None:
    asked: list[int] = []

    def fits(size: int) -> bool:
        asked.append(size)
        return size <= 2048

    largest(fits, 65_535)

    assert len(asked) <= 17


def probed(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*CCHATSPEC, "probe", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_probe_finds_readings_and_limits(tmp_path: Path) -> None:
    probed(tmp_path, *launched("plain_server.py", "rate"), "-o", "found.toml")
    found = read_profile(tmp_path / "found.toml")

    assert (found.open_points["second-session"], found.open_points["rate-limit"], found.limits["name-length"]) == (
        "both",
        "limited",
        31,
    )


def test_a_probe_counts_the_requests_before_the_limit(tmp_path: Path) -> None:
    probed(tmp_path, *launched("plain_server.py", "rate"), "-o", "found.toml")

    # The server counts 100 frames on each connection, of which three went into registration and login.
    assert read_profile(tmp_path / "found.toml").limits["requests"] == 97


def test_a_probe_of_a_null_server_says_that_nothing_shows(tmp_path: Path) -> None:
    status, output = probed(tmp_path, *launched("null_server.py", "closes"))

    assert (status, "Nothing could be observed" in output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["127.0.0.1:1"], "cannot connect"),
        (["x"], "expected HOST:PORT"),
        (["127.0.0.1:1", "--launch", "x"], "not both"),
    ],
    ids=["dead", "nonsense", "both"],
)
def test_wrong_usage_of_probe_is_said(tmp_path: Path, arguments: list[str], word: str) -> None:
    status, output = probed(tmp_path, *arguments)

    assert (status, word in output, "Traceback" in output) == (2, True, False)
