"""The commands of the spec: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cchatspec.cli import cli
from cchatspec.spec import CLAUSES, OPEN_POINTS, GetPublicKey, build, frame_bytes, generator
from cchatspec.spec.document import protocol_path

WHOLE = Path(__file__).parent / "fixtures" / "whole.md"
ASK = build(GetPublicKey(b"b\x1b[1mb"))


def run(*arguments: str, given: bytes | str = b"") -> Result:
    return CliRunner().invoke(cli, arguments, input=given)


def test_layouts_are_the_same_json_for_both_documents() -> None:
    assert run("spec", "layouts").stdout == run("spec", "layouts", str(WHOLE)).stdout


def test_layouts_are_read_from_standard_input() -> None:
    assert run("spec", "layouts", "-", given=WHOLE.read_bytes()).stdout == run("spec", "layouts").stdout


def test_layouts_are_json_with_two_spaces() -> None:
    text = run("spec", "layouts").stdout

    assert text == json.dumps(json.loads(text), indent=2) + "\n"


def test_a_wrong_document_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    path.write_text(WHOLE.read_text(encoding="utf-8").replace("[32 bytes: P", "[32 byte: P"), encoding="utf-8")

    result = run("spec", "layouts", str(path))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{path}:26:49: expected 'bytes' after 32, found 'byte'\n"


@pytest.mark.parametrize("data", [b"\xff\xfe", None], ids=["not utf-8", "not there"])
def test_an_unreadable_document_is_one_line_and_status_2(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "odd.md"
    if data:
        path.write_bytes(data)

    result = run("spec", "layouts", str(path))

    assert (
        result.exit_code == 2 and result.stderr.startswith(f"{path}:1:1: expected ") and result.stderr.count("\n") == 1
    )


def test_the_generated_modules_are_fresh() -> None:
    result = run("spec", "generate", "--check")

    assert (result.exit_code, result.output) == (0, "")


@pytest.fixture
def stale_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generator, "generated_folder", lambda: tmp_path)
    run("spec", "generate")
    (tmp_path / "schemas.py").write_text("old\n", encoding="utf-8")
    return tmp_path


def test_a_stale_module_is_shown_with_the_command_to_run(stale_folder: Path) -> None:
    result = run("spec", "generate", "--check")

    assert result.exit_code == 1 and "\n-old\n" in result.stdout and "cchatspec spec generate" in result.stderr
    assert (stale_folder / "schemas.py").read_text(encoding="utf-8") == "old\n"


def test_generating_writes_what_is_stale_and_no_more(stale_folder: Path) -> None:
    assert run("spec", "generate").stdout == f"wrote {stale_folder / 'schemas.py'}\n"


def test_all_clauses_and_open_points_are_listed_within_80_columns() -> None:
    text = run("spec", "clauses").stdout

    assert all(name in text for name in [*CLAUSES, *OPEN_POINTS]) and max(map(len, text.splitlines())) <= 80


def test_clauses_as_json_have_all_fields() -> None:
    document = json.loads(run("spec", "clauses", "--json").stdout)

    assert [clause["id"] for clause in document["clauses"]] == list(CLAUSES)
    assert set(document["clauses"][0]) == {"id", "family", "level", "roles", "sources", "text", "why", "untestable"}
    assert set(document["open_points"][0]) == {"id", "sources", "text", "readings", "reference", "why"}


@pytest.mark.parametrize("name", ["LOGIN-BURN", "login-burn", "LOGIN-BURN/old-challenge"])
def test_a_clause_is_explained(name: str) -> None:
    text = " ".join(run("explain", name).stdout.split())

    assert all(
        part in text for part in ("SHOULD", CLAUSES["LOGIN-BURN"].text, CLAUSES["LOGIN-BURN"].why, "Security", "Cases:")
    )


def test_an_open_point_is_explained() -> None:
    text = run("explain", "Queued-Delivery").stdout

    assert (
        all(reading.value in text for reading in OPEN_POINTS["queued-delivery"].readings) and "Reference: poll" in text
    )


@pytest.mark.parametrize(("name", "head"), [("RATE-LIMIT", "RATE-LIMIT  SHOULD"), ("rate-limit", "rate-limit  OPEN")])
def test_a_clause_and_an_open_point_of_one_name_are_told_apart_by_its_letters(name: str, head: str) -> None:
    assert run("explain", name).stdout.startswith(head)


def test_a_clause_that_cannot_be_tested_says_why() -> None:
    assert "Untestable: " in run("explain", "SEC-RELAY").stdout


def test_a_mistyped_clause_gets_the_nearest_ones() -> None:
    result = run("explain", "LOGIN-BRUN")

    assert result.exit_code == 2 and "Did you mean LOGIN-BURN" in result.stderr


def test_right_frames_end_with_status_0() -> None:
    result = run("decode", given=ASK * 2)

    assert result.exit_code == 0 and result.stdout.endswith("\n24 bytes, 2 frames, all whole and right\n")


def test_a_frame_is_shown_field_by_field_and_escaped() -> None:
    assert run("decode", given=ASK).stdout.splitlines()[:4] == [
        "#1 at 0x0000: 0x03 GET_PUBLIC_KEY, client to server, 7 bytes",
        "  00000000  00 00 00 07              message_length: 7",
        "  00000004  03                       message_type: 3 (GET_PUBLIC_KEY)",
        r"  00000005  06 62 1b 5b 31 6d 62     username: 'b\x1b[1mb'",
    ]


@pytest.mark.parametrize(
    "capture",
    [frame_bytes(0x42, b""), frame_bytes(0x06, b"\x03"), ASK[:-1], ASK[:3], frame_bytes(1, b"", length=2**32 - 1)],
    ids=["unknown type", "malformed", "cut off", "part of a header", "absurd length"],
)
def test_wrong_bytes_end_with_status_1_and_the_reason(capture: bytes) -> None:
    result = run("decode", given=ASK + capture)

    assert result.exit_code == 1 and "  WRONG at 0x00" in result.stdout and "1 of them wrong" in result.stdout


def test_hexadecimal_text_is_decoded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(ASK.hex(" "), encoding="ascii")

    assert run("decode", "--hex", str(path)).stdout == run("decode", given=ASK).stdout


def test_hexadecimal_text_without_the_option_gets_a_hint() -> None:
    assert "decode it with --hex" in run("decode", given=ASK.hex(" ")).stdout


def test_what_is_not_hexadecimal_ends_with_status_2_and_its_place() -> None:
    result = run("decode", "--hex", given="00 00\n00 zz")

    assert result.exit_code == 2 and ":2:4: expected hexadecimal digits, found 'z'" in result.stderr


def test_a_capture_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert run("decode", str(tmp_path / "none")).exit_code == 2


def test_the_document_is_found_where_the_package_is() -> None:
    assert protocol_path().read_text(encoding="utf-8").startswith("# The C-Chat network protocol\n")
