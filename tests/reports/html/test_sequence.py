"""The diagram of a wire log: who is there, which arrows there are, and what is left out."""

from __future__ import annotations

from cchatspec.reports.html.sequence import Diagram, diagram
from cchatspec.reports.results import Part, WireLine


def sent(text: str = "LIST_USERS", connection: int = 1, part: Part | None = None) -> WireLine:
    return WireLine(1.0, connection, "sent", text, 5, "0000000007", part)


def received(text: str = "ERROR 05", connection: int = 1, part: Part | None = None) -> WireLine:
    return WireLine(2.0, connection, "received", text, part=part)


def event(text: str, connection: int = 1) -> WireLine:
    return WireLine(0.0, connection, "event", text)


def drawn(*lines: WireLine) -> Diagram:
    made = diagram(lines)
    assert made is not None
    return made


def test_nothing_on_the_wire_is_no_diagram() -> None:
    assert (diagram([]), diagram([event("connect (alice)")])) == (None, None)


def test_a_lane_has_the_name_of_its_peer() -> None:
    made = drawn(event("connect (alice)"), event("connect (bob)", 2), sent(), sent(connection=2))

    assert [lane.name for lane in made.lanes] == ["#1 alice", "#2 bob", "target"]


def test_what_is_sent_points_to_the_target_and_what_is_received_away_from_it() -> None:
    out, back = drawn(sent(), received()).steps

    assert (out.x1 < out.x2, back.x1 > back.x2) == (True, True)


def test_a_login_on_the_way_is_one_note() -> None:
    made = drawn(sent(part="login"), received(part="login"), sent(part="login"), received(part="login"), sent())

    assert [(step.kind, step.text) for step in made.steps] == [("fold", "logs in"), ("sent", "LIST_USERS")]


def test_what_comes_after_the_question_stands_out() -> None:
    made = drawn(received("before"), sent(part="stimulus"), received("after"), sent(part="fence"))

    assert [step.kind for step in made.steps] == ["received", "stimulus", "came", "fence"]


def test_of_a_long_log_the_end_is_drawn() -> None:
    made = drawn(*(sent(str(number)) for number in range(100)))

    assert (made.steps[-1].text, made.left_out) == ("99", 100 - len(made.steps))


def test_of_a_crowd_the_first_are_drawn_and_the_others_counted() -> None:
    made = drawn(*(sent(connection=number) for number in range(1, 11)))

    assert (len(made.lanes), made.hidden) == (7, 4)


def test_everything_is_within_the_canvas() -> None:
    made = drawn(event("connect"), *(sent(connection=number % 6 + 1) for number in range(24)), event("no reply"))
    places = [(x, step.y) for step in made.steps for x in (step.x1, step.x2)]

    assert [place for place in places if not (0 < place[0] < made.width and 0 < place[1] < made.height)] == []


def test_a_hostile_text_is_printable_and_short() -> None:
    (step,) = drawn(received("\x1b[31m\u202e" * 1000)).steps

    assert (step.text.isprintable(), len(step.text) < 60) == (True, True)
