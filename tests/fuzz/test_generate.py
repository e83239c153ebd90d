from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cchatspec.conformance.harness.outcomes import Ending
from cchatspec.fuzz.acts import OPENINGS, Opening
from cchatspec.fuzz.anomalies import FRAMES, ORDER, Anomaly
from cchatspec.fuzz.bounds import MOST_BYTES, MOST_FRAMES, MOST_LINES, MOST_STEPS, check, size
from cchatspec.fuzz.corpus import Corpus
from cchatspec.fuzz.delivery import DELIVERY
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.encode import encode
from cchatspec.fuzz.frames import Blank, edited, get_key, register
from cchatspec.fuzz.generate import BATCH, FEW_NAMES, SMALLEST, Generator, batch, conversation, is_batch, new_names
from cchatspec.fuzz.script import Body, Connect, Edit, Fence, Frame, Name, Script, Send, read_script, script_json
from cchatspec.fuzz.trace import Ended, Event, Trace
from cchatspec.spec import PAYLOAD_LIMIT, FrameReader

ANOMALIES = (*FRAMES.items, *ORDER.items, *DELIVERY.items)

seeds = st.integers(0, 2**32)


def sent(script: Script) -> list[Frame]:
    return [frame for step in script.steps if isinstance(step, Send) for frame in step.frames]


def conversations(count: int, seed: int = 1) -> list[Script]:
    generator = Generator(seed)
    return [generator.script() for _ in range(count)]


def test_the_same_seed_gives_the_same_scripts() -> None:
    assert [script_json(script) for script in conversations(50)] == [
        script_json(script) for script in conversations(50)
    ]


def test_another_seed_gives_other_scripts() -> None:
    assert conversations(5, seed=1) != conversations(5, seed=2)


def test_the_same_seed_and_the_same_replies_give_the_same_campaign() -> None:
    def campaign() -> list[Script]:
        generator, corpus, scripts = Generator(7), Corpus(), []
        for number in range(200):
            scripts.append(generator.next(corpus))
            corpus.take(Trace(scripts[-1], triples=[("new", "LOGIN_USER", f"shape {number % 17}")]))
        return scripts

    assert campaign() == campaign()


@given(seeds)
def test_a_conversation_can_be_run(seed: int) -> None:
    check(conversation(SeededDice(seed)))


@given(seeds)
def test_a_conversation_can_be_stored(seed: int) -> None:
    script = conversation(SeededDice(seed))

    assert read_script(script_json(script)) == script


@given(seeds)
def test_a_conversation_is_bounded(seed: int) -> None:
    script = conversation(SeededDice(seed))

    assert len(script.steps) <= MOST_STEPS
    assert len(sent(script)) <= MOST_FRAMES
    assert sum(isinstance(step, Connect) for step in script.steps) <= MOST_LINES
    assert size(script) <= MOST_BYTES


@given(seeds)
def test_no_two_messages_of_a_script_have_the_same_body(seed: int) -> None:
    bodies = [frame.values.get("encrypted_message") for frame in sent(conversation(SeededDice(seed)))]
    numbers = [body.number for body in bodies if isinstance(body, Body)]

    assert len(numbers) == len(set(numbers))


@given(seeds)
def test_the_names_that_a_script_registers_are_bounded(seed: int) -> None:
    assert new_names(conversation(SeededDice(seed))) <= 4 * 41


@pytest.mark.parametrize("anomaly", ANOMALIES, ids=lambda anomaly: anomaly.__name__.strip("_"))
@pytest.mark.parametrize("opening", OPENINGS.items, ids=lambda opening: opening.__name__.strip("_"))
def test_every_anomaly_fits_every_opening(anomaly: Anomaly, opening: Opening) -> None:
    for seed in range(20):
        draft = opening(SeededDice(seed))
        anomaly(draft)
        check(draft.script())


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_keeps_the_stream_in_step(seed: int) -> None:
    frames = sent(batch(SeededDice(seed)))
    stream = b"".join(encode(frame, Blank(), 0).data for frame in frames)

    assert len(list(FrameReader(PAYLOAD_LIMIT).feed(stream))) == len(frames)


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_of_a_batch_has_a_fence_behind_it(seed: int) -> None:
    steps = batch(SeededDice(seed)).steps

    behind = [after for step, after in pairwise(steps) if isinstance(step, Send) and not step.waits]

    assert behind == [Fence(0, waits=False)] * (len(behind) - 1) + [Fence(0)]


def test_a_batch_has_as_many_frames_as_are_wanted() -> None:
    counts = [sum(isinstance(step, Fence) for step in batch(SeededDice(seed), 10).steps) for seed in range(20)]

    assert set(counts) <= {9, 10}


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_does_not_log_out(seed: int) -> None:
    types = {encode(frame, Blank(), 0).data[4] for frame in sent(batch(SeededDice(seed)))}

    assert 8 not in types


def test_a_batch_is_told_from_a_conversation() -> None:
    assert is_batch(batch(SeededDice(1)))
    assert not any(is_batch(script) for script in conversations(100))


def test_what_the_corpus_begins_with_is_tried_as_it_is() -> None:
    scripts = conversations(20)
    corpus, generator = Corpus(scripts), Generator(5)

    tried = [generator.next(corpus) for _ in range(110)]

    assert all(any(script is one for one in tried) for script in scripts)


def run_of(script: Script, answered: int, *events: Event) -> Trace:
    """A run in which so many frames were answered, and these things happened."""
    return Trace(script, events=list(events), answered=answered)


def test_batches_shrink_where_the_target_closes_behind_a_few_of_their_frames() -> None:
    generator = Generator(1)
    for _ in range(100):
        generator.learn(run_of(generator.batch(), 2, Ended(1.0, 0, Ending.FIN)))

    assert SMALLEST <= generator.batch_size < 2 * SMALLEST


def test_batches_grow_again_where_the_target_goes_on() -> None:
    generator = Generator(1)
    generator.batch_size = SMALLEST
    for _ in range(100):
        generator.learn(run_of(generator.batch(), int(generator.batch_size)))

    assert generator.batch_size > 0.99 * BATCH


def test_conversations_say_nothing_about_batches() -> None:
    generator = Generator(1)
    generator.learn(run_of(generator.script(), 0, Ended(1.0, 0, Ending.FIN)))

    assert generator.batch_size == BATCH


def test_scripts_that_register_new_names_become_rarer() -> None:
    def registered(before: int) -> int:
        generator, corpus = Generator(1), Corpus()
        for _ in range(60):  # the first are visits and crowds, whatever there is
            generator.next(corpus)
        generator.names = before
        for _ in range(500):
            generator.next(corpus)
        return generator.names - before

    assert registered(20 * FEW_NAMES) < registered(0) / 3


def test_a_target_that_was_started_afresh_has_room_for_names() -> None:
    generator = Generator(1)
    generator.names = 5000
    generator.renewed()

    assert generator.names == 0


@pytest.mark.parametrize(
    ("frames", "count"),
    [
        ((register("a"), register("a", "e")), 0),
        ((register("e"), register("e"), register("f")), 2),
        ((edited(register("a"), Edit("username", "flip", 32)),), 1),
        ((edited(register("a"), Edit("public_key", "flip", 32)),), 0),
        ((get_key("e"),), 0),
    ],
)
def test_the_names_are_counted_that_a_script_may_register(frames: tuple[Frame, ...], count: int) -> None:
    assert new_names(Script(registered=("a",), steps=(Connect(0), Send(0, frames)))) == count


def test_most_conversations_are_short() -> None:
    lengths = sorted(len(sent(script)) for script in conversations(1000))

    assert lengths[500] <= 9


def is_deep(script: Script) -> bool:
    """Whether somebody registers, logs in, sets a status and sends a long message, all on one connection."""
    reached = 0
    wanted = [1, 2, 2, 6]
    for frame in sent(script):
        body = frame.values.get("encrypted_message")
        if reached == 4 and frame.kind == 4 and isinstance(body, Body) and body.size >= 300 and not frame.edits:
            return True
        if reached < 4 and frame.kind == wanted[reached] and not frame.edits:
            reached += 1
    return False


def test_deep_conversations_come_up_again_and_again() -> None:
    assert sum(map(is_deep, conversations(1000))) >= 20


def test_all_kinds_of_edits_are_made() -> None:
    kinds = {edit.kind for script in conversations(2000) for frame in sent(script) for edit in frame.edits}

    assert kinds == {"set", "add", "flip", "cut", "grow", "replace", "repeat", "swap", "drop", "malleate"}


def test_all_message_types_but_logout_are_sent_in_batches() -> None:
    generator = Generator(2)
    types = set()
    for _ in range(100):
        for frame in sent(generator.batch()):
            types.add(encode(frame, Blank(), 0).data[4])

    assert types == set(range(256)) - {8}


def test_all_values_of_a_status_are_sent() -> None:
    generator = Generator(2)
    payloads = {
        encode(frame, Blank(), 0).data[5:] for _ in range(300) for frame in sent(generator.batch()) if frame.kind == 6
    }

    assert {bytes([value]) for value in range(256)} <= payloads


def test_users_who_are_registered_and_users_who_are_not_take_part() -> None:
    users = {
        value.user
        for script in conversations(500)
        for frame in sent(script)
        for value in frame.values.values()
        if isinstance(value, Name)
    }

    assert users >= set("abcefgh")
