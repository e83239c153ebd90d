"""Bytes for the eye: every byte is shown once, in rows, and belongs to the field that the codec reads it as."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cchatspec.reports.html.frames import FIELDS, ROW, FrameView, bytes_view
from cchatspec.spec import Error, ErrorCode, User, UserListResponse, build

SET_STATUS = "000000010602"
BAD_STATUS = "000000010609"


def only(text: str, size: int | None = None) -> FrameView:
    view = bytes_view(text, size if size is not None else len(text) // 2)
    assert view is not None
    (frame,) = view.frames
    return frame


def owned(frame: FrameView) -> dict[int | None, str]:
    """The bytes of each field, by its number."""
    found: dict[int | None, str] = {}
    for _, runs, _ in frame.rows:
        for run in runs:
            found[run.number] = f"{found.get(run.number, '')} {run.hex}".strip()
    return found


def test_each_field_has_its_bytes() -> None:
    frame = only(SET_STATUS)

    assert {node.name: owned(frame)[node.number] for node in frame.nodes} == {
        "message_length": "00 00 00 01",
        "message_type": "06",
        "status": "02",
    }


def test_a_field_is_told_in_words() -> None:
    assert [node.value for node in only(SET_STATUS).nodes] == ["1", "6 (SET_STATUS)", "2 (away)"]


def test_what_is_wrong_is_told_with_its_place() -> None:
    assert "0x0005" in only(BAD_STATUS).problem


def test_bytes_that_the_file_left_out_are_not_called_wrong() -> None:
    view = bytes_view("0000ffff04", 0xFFFF + 5)

    assert view is not None and (view.frames[0].problem, view.cut) == ("", 0xFFFF)


def test_what_no_field_holds_is_shown_as_unread() -> None:
    assert only("00000002060201").nodes[-1].value == "not read as any field"


def test_of_many_frames_the_last_are_shown() -> None:
    view = bytes_view(SET_STATUS * 5, 30)

    assert view is not None and (len(view.frames), view.left_out) == (3, 2)


def test_no_bytes_have_no_view() -> None:
    assert (bytes_view("", 0), bytes_view("no digits", 4)) == (None, None)


def test_more_fields_than_can_light_up_are_counted() -> None:
    users = tuple(User(b"u%d" % number, 1) for number in range(FIELDS))
    message = UserListResponse(users)

    assert only(build(message).hex()).more_fields > 0


def test_a_text_of_the_target_is_printable() -> None:
    message = Error(ErrorCode.SERVER_ERROR, b"\x1b[31m\xe2\x80\xae")

    assert all(node.value.isprintable() for node in only(build(message).hex()).nodes)


@given(st.binary(min_size=1, max_size=200))
def test_every_byte_is_shown_once_and_in_its_row(data: bytes) -> None:
    view = bytes_view(data.hex(), len(data))
    assert view is not None
    frames = view.frames if not view.left_out else ()
    shown = b"".join(bytes.fromhex(run.hex) for frame in frames for _, runs, _ in frame.rows for run in runs)
    widths = {sum(len(bytes.fromhex(run.hex)) for run in runs) for frame in frames for _, runs, _ in frame.rows}

    assert (shown == data or view.left_out > 0, max(widths, default=0) <= ROW) == (True, True)
