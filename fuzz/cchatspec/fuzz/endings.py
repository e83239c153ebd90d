"""When a target may end a connection, or say that it will, though nobody asked it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cchatspec.fuzz.requests import Form

if TYPE_CHECKING:
    from cchatspec.fuzz.tracker import Tracker

#: After so many seconds a target may have run out of patience with a connection that is silent or stopped in mid frame.
PATIENCE_S: Final = 0.9


def is_idle(tracker: Tracker) -> bool:
    """Whether nothing was sent for so long that a target may run out of patience. FRAME-PARTIAL"""
    return tracker.model.time() - tracker.sent_time > PATIENCE_S


def may_have_been_idle(tracker: Tracker) -> bool:
    """Whether a target may have given up before what was sent last, so that it will not answer that."""
    return tracker.paused_at > tracker.answered_sent_at


def may_be_terminated(tracker: Tracker) -> bool:
    """Whether ERROR 08 may come unasked: another session takes over, or the target was kept waiting."""
    if is_idle(tracker) or may_have_been_idle(tracker) or tracker.is_half_closed or not tracker.stream.is_in_step:
        return True
    if tracker.was_stalled:
        return True  # memory is bounded, so who does not read may have to go; open point second-session for the rest
    people = [tracker.world.person(name) for name in tracker.claims]
    return any(len(person.sessions) > 1 or person.left_at > tracker.logged_in_at for person in people)


def may_end(tracker: Tracker, *, is_reset: bool) -> bool:
    """Whether the target may end the connection now."""
    stream, guesses = tracker.stream, tracker.guesses
    if tracker.said_error or stream.is_lost or stream.has_large_open:
        return True  # open points after-malformed, oversize, after-rate-limit
    if is_idle(tracker) and (tracker.is_settled or not stream.is_in_step):
        return True
    if tracker.was_stalled or may_have_been_idle(tracker) or (tracker.is_half_closed and tracker.is_settled):
        return True
    if guesses.is_any((Form.UNKNOWN,), over=tracker.model.frame_size):
        return True  # FRAME-UNKNOWN, FRAME-LARGE
    if is_reset and (may_be_terminated(tracker) or guesses.is_any((Form.MALFORMED, Form.TRAILING))):
        return True  # the ERROR may have gone with what the target had not read
    # Open point connection-limit
    return guesses.may_be_over or (not tracker.has_answered and tracker.model.is_full)
