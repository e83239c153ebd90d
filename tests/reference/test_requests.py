from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.reference.conftest import CLOSED, Client, Talk, error, register

from cchatspec.reference.effects import AddMessage, QueuedMessage, RemoveMessages, ReserveIds, Snapshot
from cchatspec.reference.outlet import ID_BLOCK, LAST_ID
from cchatspec.spec import (
    AckStatus,
    ErrorCode,
    GetMessages,
    GetPublicKey,
    IncomingMessage,
    ListUsers,
    Logout,
    MessageAck,
    Presence,
    PublicKeyResponse,
    RegisterResponse,
    SendMessage,
    SetStatus,
    StatusUpdate,
    User,
    UserListResponse,
)

NOW = 1_000_000
NOT_FOUND = error(ErrorCode.USER_NOT_FOUND)

# GET_PUBLIC_KEY


def test_the_key_of_an_absent_user_is_found(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")

    assert alice.ask(GetPublicKey(b"bob")) == [PublicKeyResponse(1, register(b"bob").public_key)]


@pytest.mark.parametrize("name", [b"", b"alic", b"alicee", b"alice\0", b"ALICE", b"%", b"*"])
def test_a_name_finds_no_other_user(alice: Client, name: bytes) -> None:
    assert alice.ask(GetPublicKey(name)) == [PublicKeyResponse(0)]


# SEND_MESSAGE


@pytest.mark.parametrize("body", [b"", b"\0", bytes(range(256)), b"x" * 65_535], ids=len)
def test_a_message_is_pushed_to_a_user_who_is_there(alice: Client, bob: Client, body: bytes) -> None:
    acks = alice.ask(SendMessage(b"bob", body))

    assert acks == [MessageAck(1, AckStatus.DELIVERED)]
    assert bob.got() == [IncomingMessage(1, b"alice", NOW, body)]


def test_a_message_to_oneself_is_pushed_and_acknowledged(alice: Client) -> None:
    assert alice.ask(SendMessage(b"alice", b"me")) == [IncomingMessage(1, b"alice", NOW, b"me"), MessageAck(1, 1)]


def test_ids_are_counted(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")

    assert alice.ask(*[SendMessage(b"bob", b"x")] * 3) == [MessageAck(number, 2) for number in (1, 2, 3)]


def test_a_message_to_nobody_is_refused_and_spends_no_id(alice: Client) -> None:
    alice.ask(SendMessage(b"nobody", b"x"))

    assert alice.ask(SendMessage(b"", b"x"), SendMessage(b"alice", b"x"))[::2] == [NOT_FOUND, MessageAck(1, 1)]


def test_a_user_with_status_offline_gets_messages(alice: Client, bob: Client) -> None:
    bob.send(SetStatus(Presence.OFFLINE))
    alice.send(SendMessage(b"bob", b"x"))

    assert bob.got() == [IncomingMessage(1, b"alice", NOW, b"x")]


def test_a_block_of_ids_is_reserved_before_the_first_is_used(talk: Talk, alice: Client) -> None:
    alice.send(SendMessage(b"alice", b"x"))

    assert talk.writes[-1] == ReserveIds(alice.sends[-1].after, 1 + ID_BLOCK)


def test_ids_go_on_where_the_store_says() -> None:
    alice = Talk(Snapshot(next_id=70)).login(b"alice")

    assert alice.ask(SendMessage(b"alice", b"x"))[1] == MessageAck(70, 1)


def test_when_all_ids_are_spent_the_server_says_so() -> None:
    alice = Talk(Snapshot(next_id=LAST_ID)).login(b"alice")

    assert alice.ask(*[SendMessage(b"alice", b"x")] * 3)[1:] == [
        MessageAck(LAST_ID, 1),
        error(ErrorCode.SERVER_ERROR),
        error(ErrorCode.SERVER_ERROR),
    ]


# GET_MESSAGES


def test_queued_messages_come_in_order_with_their_own_time(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")
    alice.send(SendMessage(b"bob", b"first"))
    talk.date += 5.9
    alice.send(SendMessage(b"bob", b"second"))

    assert talk.login(b"bob").ask(GetMessages()) == [
        IncomingMessage(1, b"alice", NOW, b"first"),
        IncomingMessage(2, b"alice", NOW + 5, b"second"),
    ]


def test_queued_messages_come_once(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")
    alice.send(SendMessage(b"bob", b"x"))
    bob = talk.login(b"bob")
    bob.send(GetMessages())

    assert bob.ask(GetMessages()) == []


def test_an_empty_queue_is_answered_with_nothing(alice: Client) -> None:
    assert alice.ask(GetMessages(), GetMessages()) == []


def test_the_acknowledgement_waits_for_the_store(talk: Talk, alice: Client) -> None:
    talk.register(b"bob")
    alice.send(SendMessage(b"bob", b"x"))

    assert talk.writes[-1] == AddMessage(alice.sends[-1].after, QueuedMessage(1, b"alice", b"bob", NOW, b"x"))


def test_a_delivered_message_is_forgotten_when_its_bytes_have_left() -> None:
    talk = Talk(with_queue(1), drains=False)
    bob = talk.login(b"bob")
    bob.send(GetMessages())
    before = list(talk.writes)
    bob.drain()

    assert talk.writes == [*before, RemoveMessages(1, (1,))]


def test_messages_that_did_not_leave_are_queued_again() -> None:
    talk = Talk(with_queue(3), drains=False)
    bob = talk.login(b"bob")
    bob.send(GetMessages())
    bob.lose()

    assert ids(talk.login(b"bob").ask(GetMessages())) == [1, 2, 3]


def test_a_replaced_session_keeps_what_it_was_given() -> None:
    talk = Talk(with_queue(3), drains=False)
    bob = talk.login(b"bob")
    bob.send(GetMessages())
    newest = talk.login(b"bob")
    bob.drain()
    bob.lose()

    assert newest.ask(GetMessages()) == []


def test_a_long_queue_is_given_in_portions() -> None:
    talk = Talk(with_queue(20), drains=False)
    bob = talk.login(b"bob")
    portion = ids(bob.ask(GetMessages(), ListUsers()))

    assert portion == [1, 2, 3, 4]


def test_a_request_behind_a_long_queue_is_answered_behind_it() -> None:
    bob = Talk(with_queue(20)).login(b"bob")
    replies = bob.ask(GetMessages(), ListUsers())

    assert ids(replies[:-1]) == list(range(1, 21)) and isinstance(replies[-1], UserListResponse)


def test_what_is_sent_while_a_queue_is_given_out_comes_behind_it() -> None:
    talk = Talk(with_queue(10), drains=False)
    alice, bob = talk.login(b"alice"), talk.login(b"bob")
    bob.send(GetMessages())
    alice.send(SendMessage(b"bob", b"new"))
    for _ in range(3):
        bob.drain()

    assert ids(bob.got())[-3:] == [9, 10, 100]


def with_queue(length: int) -> Snapshot:
    """A store in which so many messages, of the largest size, wait for bob."""
    users = tuple((name, register(name).public_key) for name in (b"alice", b"bob"))
    messages = (QueuedMessage(number, b"alice", b"bob", NOW, bytes(65_535)) for number in range(1, length + 1))
    return Snapshot(users, tuple(messages), 100)


def ids(messages: Sequence[object]) -> list[int]:
    return [message.message_id for message in messages if isinstance(message, IncomingMessage)]


# SET_STATUS


@pytest.mark.parametrize("status", [Presence.OFFLINE, Presence.AWAY])
def test_a_change_of_status_is_told_to_others_alone(alice: Client, bob: Client, status: Presence) -> None:
    bob.got()
    replies = alice.ask(SetStatus(status))

    assert replies == [] and bob.got() == [StatusUpdate(b"alice", status)]


def test_the_status_one_has_already_is_not_told(alice: Client, bob: Client) -> None:
    bob.got()
    alice.send(SetStatus(Presence.ONLINE))

    assert bob.got() == []


def test_strangers_are_told_nothing(talk: Talk, alice: Client) -> None:
    stranger = talk.connect()
    stranger.challenge(b"alice")
    alice.send(SetStatus(Presence.AWAY))

    assert stranger.got() == []


@pytest.mark.parametrize("status", [3, 255])
def test_an_unknown_status_is_refused_and_changes_nothing(alice: Client, bob: Client, status: int) -> None:
    bob.got()
    replies = alice.ask(bytes([0, 0, 0, 1, 6, status]))

    assert replies == [error(ErrorCode.INVALID_MESSAGE_FORMAT)] and bob.got() == []


# LIST_USERS


def test_the_list_names_everybody_with_their_status(talk: Talk, alice: Client, bob: Client) -> None:
    talk.register(b"carol")
    bob.send(SetStatus(Presence.AWAY))
    alice.got()

    assert alice.ask(ListUsers()) == [UserListResponse((User(b"alice", 1), User(b"bob", 2), User(b"carol", 0)))]


def test_the_list_is_fresh(alice: Client) -> None:
    replies = alice.ask(ListUsers(), SetStatus(2), ListUsers(), register(b"new"), ListUsers())

    assert replies == [
        UserListResponse((User(b"alice", 1),)),
        UserListResponse((User(b"alice", 2),)),
        RegisterResponse(1),
        UserListResponse((User(b"alice", 2), User(b"new", 0))),
    ]


def test_more_users_than_a_list_can_name_are_refused() -> None:
    users = tuple((b"%d" % number, b"k" * 32) for number in range(65_535))

    assert Talk(Snapshot(users)).connect().ask(register(b"a")) == [RegisterResponse(0, ErrorCode.SERVER_ERROR)]


# LOGOUT and other ends


def test_logout_closes_the_connection(alice: Client) -> None:
    assert alice.ask(Logout()) == [CLOSED]


def test_a_stranger_can_log_out(talk: Talk) -> None:
    assert talk.connect().ask(Logout()) == [CLOSED]


def test_requests_behind_logout_are_dropped(alice: Client, bob: Client) -> None:
    bob.got()
    replies = alice.ask(ListUsers(), Logout(), SendMessage(b"bob", b"late"), ListUsers())

    assert replies[1:] == [CLOSED] and bob.got() == [StatusUpdate(b"alice", Presence.OFFLINE)]


def test_after_logout_messages_are_queued(alice: Client, bob: Client) -> None:
    bob.send(Logout())
    alice.got()

    assert alice.ask(SendMessage(b"bob", b"x")) == [MessageAck(1, AckStatus.QUEUED)]


def test_a_lost_connection_is_told_to_others(alice: Client, bob: Client) -> None:
    bob.lose()

    assert alice.got() == [StatusUpdate(b"bob", Presence.OFFLINE)]


def test_an_end_is_told_once(alice: Client, bob: Client) -> None:
    bob.send(Logout())
    bob.lose()

    assert alice.got() == [StatusUpdate(b"bob", Presence.OFFLINE)]


def test_a_half_close_is_answered_and_closed(alice: Client) -> None:
    alice.send(GetPublicKey(b"x"))

    assert alice.finish() == [PublicKeyResponse(0), CLOSED]


def test_a_half_close_in_the_middle_of_a_turn_waits_for_its_end() -> None:
    talk = Talk(with_queue(10), drains=False)
    bob = talk.login(b"bob")
    bob.send(GetMessages(), GetPublicKey(b"x"))
    bob.finish()
    for _ in range(3):
        bob.drain()

    assert bob.got()[-2:] == [PublicKeyResponse(0), CLOSED]


def test_a_shutdown_is_told_to_everybody_and_nothing_else_is(talk: Talk, alice: Client, bob: Client) -> None:
    stranger = talk.connect()
    bob.got()
    talk.shutdown()

    assert alice.got() == bob.got() == stranger.got() == [error(ErrorCode.CONNECTION_TERMINATED), CLOSED]


def test_events_of_a_connection_that_is_gone_have_no_effect(talk: Talk, alice: Client) -> None:
    alice.lose()
    core, number = talk.core, alice.number

    assert (
        core.receive(number, b"x", 0, 0) + core.finish(number, 0, 0) == []
        and core.drained(number, 0, 0) + core.choke(number) + core.disconnect(number) == []
    )
