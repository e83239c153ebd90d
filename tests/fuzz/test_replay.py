"""A finding from end to end: met, made small, written, and shown again by each of the three ways to do so."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from time import monotonic

import pytest
from tests.conformance.conftest import CCHATSPEC

from cchatspec.conformance.harness.target import open_target
from cchatspec.fuzz.findings import FindingFile, Shown, id_of, title_of, write_finding
from cchatspec.fuzz.hunt import REPLAYS, Hunt, Quarry, alike
from cchatspec.fuzz.joining import join
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Body, Close, Connect, Fence, Frame, Key, Name, Proof, Script, Send
from cchatspec.fuzz.trace import Trace, Violation
from cchatspec.reports.campaign import Finding
from cchatspec.reports.results import TargetInfo

SERVER = Path(__file__).parents[1] / "conformance" / "plain_server.py"
REGISTER, POLL, UNKNOWN = 1, 5, 99

#: Three frames that matter not, and one of a type that ends the server.
LONG = Script(
    registered=("a", "b"),
    steps=(
        Connect(0),
        Connect(4),
        Send(4, (Frame(2, {"username": Name("a")}),)),
        Send(0, (Frame(POLL), Frame(UNKNOWN, {"payload": Body(1, 40)}), Frame(POLL)), cuts=(3,), waits=False),
        Fence(0),
    ),
)
SHORT = Script(steps=(Connect(1), Send(1, (Frame(UNKNOWN),))))


def command(*faults: str) -> str:
    return shlex.join([sys.executable, str(SERVER), "{port}", *faults])


@pytest.fixture(scope="module")
def fatal() -> Iterator[Runner]:
    """Runs scripts against a server that dies of unknown types."""
    target = open_target(None, command("dies"))
    runner = Runner(target, 1)
    yield runner
    assert runner.target.launcher is not None
    runner.target.launcher.close()


@pytest.fixture(scope="module")
def crash(fatal: Runner) -> Quarry:
    """The crash, run down."""
    trace = fatal.run(LONG)
    quarry = Hunt(fatal, lambda: False, lambda _: None).pursue(trace, trace.violations[0], ())
    assert quarry is not None
    return quarry


@pytest.fixture(scope="module")
def folder(crash: Quarry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the crash."""
    violation = crash.violation
    found = Finding(
        id=id_of(violation.key),
        kind=violation.kind,
        title=title_of(violation),
        minimised_bytes=5,
        reproducer="",
        clause=violation.clause,
        state=violation.state,
        request=violation.request,
        field=violation.field,
        outcome=violation.outcome,
        shown=crash.shown,
        replays=crash.replays,
        happens=violation.text,
    )
    target = TargetInfo("a server", "127.0.0.1:1", command("dies"))
    file = FindingFile(finding=found, target=target, script=crash.script)
    shown = Shown(crash.trace, violation, ("127.0.0.1", 1), crash.began)
    return write_finding(tmp_path_factory.mktemp("findings"), file, shown)


def test_of_a_crash_the_frame_that_does_it_is_left(crash: Quarry) -> None:
    assert crash.script == SHORT


def test_a_crash_is_confirmed_from_a_fresh_start_each_time(crash: Quarry) -> None:
    assert (crash.violation.kind, crash.shown, crash.replays) == ("crash", REPLAYS, REPLAYS)


def test_what_never_shows_again_is_no_finding(fatal: Runner) -> None:
    imagined = Violation("hang", "new", "GET_MESSAGES", "", "no reply", None, "", 1)
    harmless = Script(steps=(Connect(0), Send(0, (Frame(POLL),))))

    assert Hunt(fatal, lambda: False, lambda _: None).pursue(Trace(harmless), imagined, ()) is None


def test_who_interrupts_keeps_what_has_been_seen(fatal: Runner) -> None:
    trace = fatal.run(LONG)
    quarry = Hunt(fatal, lambda: True, lambda _: None).pursue(trace, trace.violations[0], ())

    assert quarry is not None and (quarry.shown, quarry.replays, quarry.script) == (1, 1, LONG)


def test_when_the_time_is_up_what_was_met_is_replayed_as_it_is(fatal: Runner) -> None:
    trace = fatal.run(LONG)
    quarry = Hunt(fatal, lambda: False, lambda _: None, ends=monotonic() - 60).pursue(trace, trace.violations[0], ())

    assert quarry is not None and (quarry.shown, quarry.replays, quarry.script) == (1, 1, LONG)


def test_what_there_is_no_time_to_confirm_is_kept_with_what_ran_before(fatal: Runner) -> None:
    imagined = Violation("hang", "new", "GET_MESSAGES", "", "no reply", None, "", 1)
    harmless = Script(steps=(Connect(0), Send(0, (Frame(POLL),))))
    late = Hunt(fatal, lambda: False, lambda _: None, ends=monotonic() - 60)
    quarry = late.pursue(Trace(harmless), imagined, (harmless,))

    assert quarry is not None and (quarry.replays, quarry.script, quarry.before) == (0, harmless, (harmless,))


class Forgetful:
    """Stands for a runner whose target shows something only after another script has run since the last start."""

    class target:  # noqa: N801
        launcher = None
        address = ("127.0.0.1", 1)

    def in_a_hurry(self, *, until_first: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def __init__(self, needed: Frame) -> None:
        self.needed, self.ran = needed, False

    def renew(self) -> None:
        self.ran = False

    def run(self, script: Script, *, thorough: bool = False) -> Trace:
        trace = Trace(script)
        for step in script.steps:
            for frame in getattr(step, "frames", ()):
                self.ran = self.ran or frame == self.needed
                if frame.kind == UNKNOWN and self.ran:
                    trace.violations = [VIOLATION]
        return trace


VIOLATION = Violation("state", "new", "x", "", "wrong", None, "", 1)


def one(frame: Frame) -> Script:
    return Script(steps=(Connect(1), Send(1, (frame,))))


def test_what_takes_an_earlier_script_is_found_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cchatspec.fuzz.hunt.accepts", lambda *_: True)
    needed = Frame(3)
    history = [one(Frame(POLL)), one(needed), *[one(Frame(POLL))] * 9]
    runner = Forgetful(needed)
    quarry = Hunt(runner, lambda: False, lambda _: None).pursue(Trace(one(Frame(UNKNOWN))), VIOLATION, history)  # type: ignore[arg-type]  # stands for a runner

    assert quarry is not None and quarry.before == ()
    assert [frame.kind for step in quarry.script.steps for frame in getattr(step, "frames", ())] == [3, UNKNOWN]


class Crowded(Forgetful):
    """Stands for a target that shows something when 40 users are registered."""

    users = 0

    def run(self, script: Script, *, thorough: bool = False) -> Trace:
        frames = [frame for step in script.steps for frame in getattr(step, "frames", ())]
        self.users += sum(frame.kind == REGISTER for frame in frames)
        asks = any(frame.kind == UNKNOWN for frame in frames)
        return Trace(script, violations=[VIOLATION] if asks and self.users >= 40 else [])

    def renew(self) -> None:
        self.users = 0


def test_what_takes_many_users_is_found_with_as_few_as_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cchatspec.fuzz.hunt.accepts", lambda *_: True)
    history = [one(Frame(POLL))] * 3
    crowded = Crowded(Frame(POLL))
    trace = Trace(one(Frame(UNKNOWN)))
    quarry = Hunt(crowded, lambda: False, lambda _: None).pursue(trace, VIOLATION, history)  # type: ignore[arg-type]  # stands for a runner

    assert quarry is not None and (quarry.before, quarry.shown) == ((), REPLAYS)
    assert sum(len(getattr(step, "frames", ())) for step in quarry.script.steps) == 41


class Edgy(Forgetful):
    """Stands for a target that shows something always from 300 bytes on, and every other time from 200 bytes on."""

    def __init__(self) -> None:
        super().__init__(Frame(POLL))
        self.runs = 0

    def run(self, script: Script, *, thorough: bool = False) -> Trace:
        frames = [frame for step in script.steps for frame in getattr(step, "frames", ())]
        size = max(
            (value.size for frame in frames for value in frame.values.values() if isinstance(value, Body)), default=0
        )
        self.runs += 200 <= size < 300
        shows = size >= 300 or (size >= 200 and self.runs % 2 == 1)
        return Trace(script, violations=[VIOLATION] if shows else [])


def test_what_shows_now_and_then_when_it_is_smallest_is_kept_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cchatspec.fuzz.hunt.accepts", lambda *_: True)
    large = one(Frame(4, {"encrypted_message": Body(1, 60_000)}))
    quarry = Hunt(Edgy(), lambda: False, lambda _: None).pursue(Trace(large), VIOLATION, ())  # type: ignore[arg-type]  # stands for a runner

    assert quarry is not None and (quarry.shown, quarry.replays) == (REPLAYS, REPLAYS)


def test_scripts_become_one_with_users_and_connections_of_their_own() -> None:
    first = Script(
        registered=("a",), steps=(Connect(1), Send(1, (Frame(2, {"username": Name("a"), "signature": Proof("a", 1)}),)))
    )
    joined = join([first, Script(steps=(Connect(1), Send(1, (Frame(1, {"public_key": Key("a")}),))))])

    assert joined == Script(
        registered=("a0",),
        steps=(
            Connect(1),
            Send(1, (Frame(2, {"username": Name("a0"), "signature": Proof("a0", 1)}),)),
            Close(1),
            Connect(1001),
            Send(1001, (Frame(1, {"public_key": Key("a1")}),)),
        ),
    )


@pytest.mark.parametrize(
    ("change", "same"),
    [({"state": "in"}, True), ({"field": "x"}, True), ({"outcome": "x"}, False), ({"request": "y"}, False)],
)
def test_what_may_change_while_a_script_gets_smaller(change: dict[str, str], same: bool) -> None:
    values = {name: getattr(VIOLATION, name) for name in Violation.__slots__}

    assert alike(VIOLATION, Violation(**{**values, **change})) is same


# --- Seeing it again


@contextmanager
def served(*faults: str) -> Iterator[str]:
    """The address of the server with some faults."""
    target = open_target(None, command(*faults))
    try:
        yield f"{target.host}:{target.port}"
    finally:
        assert target.launcher is not None
        target.launcher.close()


@pytest.mark.parametrize(("faults", "status"), [(["dies"], 1), ([], 0)])
def test_the_program_runs_by_itself_and_tells_fault_from_fix(folder: Path, faults: list[str], status: int) -> None:
    with served(*faults) as address:
        words = [sys.executable, "-I", "-S", str(folder / "replay.py"), address]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

        assert (done.returncode, done.stderr) == (status, "")


def test_the_program_says_that_nobody_is_there(folder: Path) -> None:
    words = [sys.executable, "-I", "-S", str(folder / "replay.py"), "127.0.0.1:1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (2, "nobody accepts connections at 127.0.0.1 port 1\n")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 1, "still failing, it showed in 2 of 2 replays"),
        (["--launch", command()], 0, "fixed, it showed in none of 2 replays"),
        (["127.0.0.1:1"], 2, "cannot connect to 127.0.0.1:1"),
    ],
)
def test_replay_says_whether_it_still_shows(folder: Path, arguments: list[str], status: int, words: str) -> None:
    done = subprocess.run(
        [*CCHATSPEC, "replay", str(folder), "--times", "2", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == status
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(("faults", "status"), [(["dies"], 1), ([], 0)])
def test_the_regression_test_fails_until_the_fault_is_gone(
    folder: Path, tmp_path: Path, faults: list[str], status: int
) -> None:
    test = tmp_path / "test_regression.py"
    subprocess.run([*CCHATSPEC, "replay", str(folder), "--pytest", str(test)], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider", test],
        env=os.environ | {"CCHAT_SERVER": command(*faults)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == status, done.stdout
