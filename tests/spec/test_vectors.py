"""The shipped test vectors: fresh, and true of the codec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

from cchatspec.spec import MESSAGES, MalformedPayload, MessageType, build, parse
from cchatspec.spec.document import load_document, protocol_path
from cchatspec.spec.vectors import vectors_text

PATH = Path(__file__).parents[2] / "spec" / "vectors" / "vectors.json"
VECTORS: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
VALID = [vector for vector in VECTORS["frames"] if vector["valid"]]
WRONG = [vector for vector in VECTORS["frames"] if not vector["valid"]]


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['message']}-{vector['name']}"


def test_the_file_is_fresh() -> None:
    assert PATH.read_text(encoding="utf-8") == vectors_text(load_document(str(protocol_path()))), (
        "run: cchatspec spec vectors > spec/vectors/vectors.json"
    )


@pytest.mark.parametrize("vector", VALID, ids=name_of)
def test_a_right_frame_is_read_and_built_again(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["frame"])

    assert build(parse(frame[4], frame[5:])) == frame


@pytest.mark.parametrize("vector", WRONG, ids=name_of)
def test_a_wrong_frame_is_refused_at_its_field(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["frame"])

    with pytest.raises(MalformedPayload) as refused:
        parse(frame[4], frame[5:])
    assert {"path": refused.value.path, "offset": refused.value.offset} == vector["stops_at"]


def test_every_message_has_right_and_wrong_frames() -> None:
    both = {vector["message"] for vector in VALID} & {vector["message"] for vector in WRONG}

    assert both == {MessageType(code).name for code in MESSAGES}


def test_the_logins_key_is_that_of_its_seed() -> None:
    login = VECTORS["login"]

    assert bytes(SigningKey(bytes.fromhex(login["seed"])).verify_key).hex() == login["public_key"]


def test_the_logins_proof_verifies() -> None:
    login = {name: bytes.fromhex(value) for name, value in VECTORS["login"].items()}

    assert VerifyKey(login["public_key"]).verify(login["challenge"], login["signature"]) == login["challenge"]
