from __future__ import annotations

from hypothesis import HealthCheck, find, given, settings

from cchatspec.fuzz.bounds import MOST_BYTES, check, size
from cchatspec.fuzz.script import Script, read_script, script_json
from cchatspec.fuzz.strategies import conversations


@given(conversations())
@settings(max_examples=40, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_a_conversation_can_be_run(script: Script) -> None:
    check(script)


@given(conversations())
@settings(max_examples=40, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_a_conversation_can_be_stored(script: Script) -> None:
    assert read_script(script_json(script)) == script


@given(conversations())
@settings(max_examples=40, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_a_conversation_is_bounded(script: Script) -> None:
    assert size(script) <= MOST_BYTES


def test_conversations_shrink_to_few_steps() -> None:
    script = find(conversations(), lambda found: len(found.steps) > 5)

    assert len(script.steps) <= 10
