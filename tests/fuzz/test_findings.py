"""The folder of a finding: what people read, what programs read, and what runs elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.pcap_reader import packets, streams

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.findings import (
    FindingError,
    FindingFile,
    Shown,
    id_of,
    read_finding,
    read_findings,
    title_of,
    update_finding,
    write_finding,
)
from cchatspec.fuzz.page import frame_dump
from cchatspec.fuzz.script import Body, Bytes, Connect, Edit, Frame, Key, Name, Script, Send
from cchatspec.fuzz.trace import Ended, Event, Received, Sent, Trace, Violation
from cchatspec.fuzz.transcript import plan_of
from cchatspec.fuzz.users import Account
from cchatspec.reports.campaign import Finding
from cchatspec.reports.results import TargetInfo
from cchatspec.spec import PublicKeyResponse, RegisterResponse, build

ACCOUNT = Account(b"a")
NAME, KEY, BODY = ACCOUNT.name, ACCOUNT.key, b"m" * 300


class Given:
    def name(self, user: str) -> bytes:
        return NAME

    def key(self, user: str) -> bytes:
        return KEY

    def proof(self, user: str, connection: int, age: int) -> bytes:
        return b"s" * 64

    def body(self, number: int, size: int) -> bytes:
        return BODY[:size]


REGISTER = Frame(1, {"username": Name("a"), "public_key": Key("a")})
MESSAGE = Frame(4, {"recipient": Name("a"), "encrypted_message": Body(1, 300)}, (Edit("message_length", "add", 1),))
SCRIPT = Script(steps=(Connect(1), Send(1, (REGISTER,)), Send(1, (MESSAGE,), cuts=(7,))))
VIOLATION = Violation(
    "crash", "new", "SEND_MESSAGE", "message_length", "the process ended with SIGSEGV", "ROBUST-ALIVE", "It died.", 2
)


def sent(frame: Frame, step: int, ms: float) -> Sent:
    return Sent(ms, 1, encode(frame, Given(), 1).data, step)


def trace(*more: Event, output: str = "") -> Trace:
    answer = RegisterResponse(1)
    events = [sent(REGISTER, 1, 0.5), Received(1.0, 1, build(answer), answer), sent(MESSAGE, 2, 2.0), *more]
    ended = Ended(3.0, 1, Ending.RST)
    return Trace(SCRIPT, [*events, ended], violations=[VIOLATION], output=output, accounts={"a": ACCOUNT})


def file(violation: Violation = VIOLATION, *, output: str = "", execution: int = 0) -> FindingFile:
    found = Finding(
        id=id_of(violation.key),
        kind=violation.kind,
        title=title_of(violation),
        minimised_bytes=366,
        reproducer="finding.json",
        clause=violation.clause,
        state=violation.state,
        request=violation.request,
        field=violation.field,
        outcome=violation.outcome,
        shown=4,
        replays=5,
        happens=violation.text,
        output=output,
        found_execution=execution,
    )
    return FindingFile(finding=found, target=TargetInfo("127.0.0.1:4000", "127.0.0.1:4000"), script=SCRIPT)


def written(folder: Path, *, output: str = "") -> Path:
    shown = Shown(trace(output=output), VIOLATION, ("127.0.0.1", 4000), 1000.0)
    return write_finding(folder, file(output=output), shown)


def test_a_finding_is_a_folder_of_four_files_and_nothing_else_is_left(tmp_path: Path) -> None:
    there = written(tmp_path)

    assert sorted(path.name for path in there.iterdir()) == ["README.md", "finding.json", "replay.py", "wire.pcapng"]
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize("name", ["finding.json", ""])
def test_what_is_written_is_what_is_read_from_file_and_folder(tmp_path: Path, name: str) -> None:
    assert read_finding(written(tmp_path) / name) == file()


def test_a_finding_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    first = written(tmp_path)
    (first / "old").touch()

    assert not (written(tmp_path) / "old").exists()


def test_counts_can_be_brought_up_to_date(tmp_path: Path) -> None:
    there = written(tmp_path)
    newer = file(execution=7)
    update_finding(tmp_path, newer)

    assert read_finding(there) == newer


def test_findings_are_read_in_the_order_in_which_they_were_met(tmp_path: Path) -> None:
    others = [Violation("hang", "in", "LOGIN_USER", "", outcome, None, "", 0) for outcome in ("x", "y", "z")]
    for number, violation in enumerate(others):
        shown = Shown(trace(), violation, ("127.0.0.1", 4000), 0.0)
        write_finding(tmp_path, file(violation, execution=9 - number), shown)

    assert [one.finding.outcome for one in read_findings(tmp_path)] == ["z", "y", "x"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "cchatspec-script/1"}', '{"schema": "cchatspec-finding/1"}']
)
def test_what_is_no_finding_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "finding.json").write_text(text)

    with pytest.raises(FindingError, match=r"finding\.json is no"):
        read_finding(tmp_path)


words = st.text(max_size=20)


@given(st.tuples(words, words, words, words, words))
def test_an_id_is_a_name_for_a_folder_anywhere(key: tuple[str, str, str, str, str]) -> None:
    name = id_of(key)

    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and not name.startswith("-")


@given(st.tuples(words, words, words, words, words), st.tuples(words, words, words, words, words))
def test_findings_have_the_same_id_only_if_they_are_told_apart_by_nothing(
    one: tuple[str, str, str, str, str], two: tuple[str, str, str, str, str]
) -> None:
    assert (id_of(one) == id_of(two)) == (one == two)


def test_an_id_says_what_happens_where() -> None:
    assert id_of(VIOLATION.key).startswith("crash-in-send-message-message-length-")


def test_the_page_says_what_happens_and_what_it_breaks(tmp_path: Path) -> None:
    page = (written(tmp_path) / "README.md").read_text()

    assert "It died." in page
    assert "ROBUST-ALIVE (MUST): Nothing that a client sends ends the server" in page
    assert "It showed in 4 of 5 replays" in page


def test_the_page_shows_every_frame_with_the_offsets_of_its_fields(tmp_path: Path) -> None:
    page = (written(tmp_path) / "README.md").read_text()

    assert f"00000012  {KEY[:8].hex(' ')}  public_key: the key of a" in page
    assert "00000012  01 2d                    message_length: 301 <- +1" in page
    assert page.index("message_length: 301") < page.index("^ here it shows")


def test_what_was_printed_cannot_reach_the_terminal_of_a_reader(tmp_path: Path) -> None:
    page = (written(tmp_path, output="one\n\x1b[31mtwo\u202e") / "README.md").read_text()

    assert "    one\n    \\x1b[31mtwo\\u202e" in page


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64, 500, 65_535])
def test_a_dump_fits_the_terminal_and_stays_short(size: int) -> None:
    frame = Frame(4, {"recipient": Bytes("41", 255), "encrypted_message": Bytes("00", size)})
    lines = frame_dump(frame, encode(frame, Given(), 1).data)

    assert max(map(len, lines)) <= 80
    assert len(lines) < 30


def test_rows_that_repeat_are_folded() -> None:
    frame = Frame(4, {"recipient": Bytes("41", 64), "encrypted_message": Bytes("00", 1)})
    lines = frame_dump(frame, encode(frame, Given(), 1).data)

    assert [line.strip()[:1] for line in lines if "00000006" in line or "*" in line] == ["0", "*"]


def test_the_program_is_one_file_in_the_words_of_python_3_8(tmp_path: Path) -> None:
    text = (written(tmp_path) / "replay.py").read_text()

    ast.parse(text, feature_version=(3, 8))
    assert "import cchatspec" not in text and "from cchatspec" not in text


def test_the_capture_holds_what_went_over_the_wire(tmp_path: Path) -> None:
    found = packets((written(tmp_path) / "wire.pcapng").read_bytes())
    both = [encode(frame, Given(), 1).data for frame in (REGISTER, MESSAGE)]

    assert list(streams(found).values()) == [b"".join(both), build(RegisterResponse(1))]


def test_a_plan_waits_for_what_came_before_it_goes_on() -> None:
    plan = plan_of(trace())

    assert [(step["do"], step.get("count")) for step in plan.steps] == [
        ("connect", None),
        ("send", None),
        ("await", 1),
        ("send", None),
    ]


def test_a_plan_calls_users_by_reference_and_keeps_the_cuts() -> None:
    last = plan_of(trace()).steps[-1]

    assert last["cuts"] == [7]
    assert last["frames"][0]["values"]["recipient"] == {"is": "name", "user": "a"}


def test_a_plan_knows_what_came_by_what_it_means() -> None:
    answer = PublicKeyResponse(1, KEY)
    came = plan_of(trace(Received(2.5, 1, build(answer), answer))).came[1]

    assert came.frames == ["REGISTER_RESPONSE success=1", "PUBLIC_KEY_RESPONSE found=1 public_key=key of a"]
    assert came.ended == "ended"


def test_a_plan_repeats_the_fences_too() -> None:
    fence = Sent(2.0, 1, encode(Frame(3, {"username": Name("a")}), Given(), 1).data, -1, fence=True)
    frames = [frame for step in plan_of(trace(fence)).steps if step["do"] == "send" for frame in step["frames"]]

    assert frames[-1] == {"kind": 3, "values": {"username": {"is": "name", "user": "a"}}}


def test_a_plan_ends_where_a_reply_did_not_come() -> None:
    silent, later = Ended(900.0, 1, Ending.DEADLINE), sent(REGISTER, 1, 950.0)

    assert plan_of(trace(silent, later)).steps == plan_of(trace()).steps
    assert plan_of(trace(silent)).came[1].ended == ""
