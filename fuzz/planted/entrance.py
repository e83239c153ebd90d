"""REGISTER_USER, LOGIN_USER and GET_PUBLIC_KEY."""

from __future__ import annotations

import os

from nacl._sodium import ffi, lib  # type: ignore[import-not-found]  # nacl.bindings costs more than the rest of the start

import wording
from bugs import abort, die, has, leak
from choices import limits, point
from links import Link
from people import Directory, User, look_at
from roster import enter


def on_register(directory: Directory, link: Link, payload: bytes) -> None:
    """REGISTER_USER."""
    if has("inner-length-trusted") and payload and len(payload) - 1 < payload[0]:
        die("struct.error: unpack_from requires a buffer of at least 32 bytes")
    name, end = wording.take_name(payload)
    if len(payload) != end + 32:
        raise wording.Malformed
    known = directory.find(name)
    look_at(name, known is not None)
    key = payload[end:]
    if link.user is not None and point["register-again"] == "refused":
        link.say(wording.not_registered(wording.DENIED))
    elif directory.refuses(name):
        _say_bad_name(link)
    elif known is not None:
        if has("duplicate-replaces-key"):
            known.key = key
        link.is_step = True
        link.say(wording.not_registered(wording.TAKEN))
    elif len(directory) >= limits.users:
        link.say(wording.not_registered(wording.FAULT))
    else:
        user = directory.add(name, key)
        directory.journal.write(b"U", name, key)
        link.is_step = True
        link.reach(1)
        link.say(wording.REGISTERED)
        if link.challenge and has("register-logs-in"):
            enter(directory, link, user)


def _say_bad_name(link: Link) -> None:
    if has("refused-as-login"):
        link.say(wording.LOGIN_REFUSED)
    elif point["bad-name"] == "response":
        link.say(wording.not_registered(wording.BAD_NAME))
    else:
        link.say(wording.error(wording.BAD_NAME, b"this name is not allowed"))


def on_login(directory: Directory, link: Link, payload: bytes) -> None:
    """LOGIN_USER: the first asks, the second proves."""
    name, end = wording.take_name(payload)
    if len(payload) != end + 64:
        raise wording.Malformed
    signature = payload[end:]
    look_at(name, directory.find(name) is not None)
    if link.user is not None and point["login-again"] == "refused":
        link.say(wording.LOGIN_REFUSED)
    elif link.challenge and not (point["second-ask"] == "ask" and not any(signature)):
        prove(directory, link, name, signature)
    else:
        ask(directory, link, name)


def ask(directory: Directory, link: Link, name: bytes) -> None:
    """Give a challenge, or refuse an unknown name."""
    user = directory.find(name)
    if user is None and point["unknown-login"] != "proof":
        _refuse_unknown(link)
        return
    link.asked, link.challenge = name, os.urandom(32)
    directory.last_challenge = link.challenge
    link.reach(2)
    link.is_step = True
    if has("asking-switches-user") and link.user is not None and user is not None:
        link.user = user
    if has("challenged-is-in") and link.user is None:
        link.user = user
    link.say(wording.login_ok(link.challenge))


def _refuse_unknown(link: Link) -> None:
    if point["unknown-login"] == "error":
        link.say(wording.error(wording.NOT_FOUND, b"nobody has registered this name"))
    else:
        link.say(wording.LOGIN_REFUSED)


def prove(directory: Directory, link: Link, name: bytes, signature: bytes) -> None:
    """Open a session if the signature is right; the challenge is void in any case."""
    asked, challenge = link.asked, link.challenge
    link.challenge = b""
    owner, user = directory.find(asked), directory.find(name)
    if has("proof-names-anyone"):
        right = owner is not None and user is not None
    else:
        right = owner is not None and owner is user and not (asked != name and point["name-case"] == "distinct")
    right = right and owner is not None and _is_signed(directory, owner.key, challenge, signature)
    if link.failures and has("second-proof-passes"):
        right = user is not None
    if not right or user is None:
        _refuse_proof(link, user)
    elif point["second-session"] == "refused" and any(other is not link for other in user.sessions):
        link.say(wording.LOGIN_REFUSED)
    else:
        link.is_step = True
        link.reach(3)
        link.say(wording.login_ok(os.urandom(32)))
        enter(directory, link, user)


def _is_signed(directory: Directory, key: bytes, challenge: bytes, signature: bytes) -> bool:
    if verifies(key, challenge, signature):
        return True
    return has("last-challenge-of-all") and verifies(key, directory.last_challenge, signature)


def _refuse_proof(link: Link, user: User | None) -> None:
    if has("leak-per-failure"):
        leak()
    if has("failed-login-logs-out") and user is not None:
        for session in user.sessions:
            session.end()
    if link.failures and has("challenge-freed-twice"):
        abort("free(): double free detected in tcache 2")
    link.failures += 1
    if user is None and point["unknown-login"] == "error":
        link.say(wording.error(wording.NOT_FOUND, b"nobody has registered this name"))
    else:
        link.say(wording.LOGIN_REFUSED)


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature; libsodium refuses small orders and scalars that are not reduced."""
    signed = signature + message
    opened = ffi.new("unsigned char[]", len(signed))
    size = ffi.new("unsigned long long *")
    return bool(lib.crypto_sign_open(opened, size, signed, len(signed), key) == 0)


def on_get_key(directory: Directory, link: Link, payload: bytes) -> None:
    """GET_PUBLIC_KEY."""
    name, end = wording.take_name(payload)
    if len(payload) != end:
        raise wording.Malformed
    user = directory.find(name)
    look_at(name, user is not None)
    link.is_step = user is not None and user is link.user
    link.say(wording.NO_KEY if user is None else wording.key_found(user.key))
