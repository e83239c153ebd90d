"""One session of fuzzing against one target: generate, run, keep what is new, and run down what is wrong.

Everything found is written at once, so that it is there whatever happens next. What is told of it goes to a listener.
"""

from __future__ import annotations

import os
import traceback
from collections import Counter, deque
from collections.abc import Callable
from math import inf
from pathlib import Path
from time import monotonic, time

import msgspec

from cchatspec.conformance.harness.outcomes import TargetError
from cchatspec.conformance.harness.target import open_target
from cchatspec.fuzz.corpus import Corpus, CorpusError, load, shipped_folder
from cchatspec.fuzz.events import Done, Event, Fixed, Found, Job, Listener, Missed, Opened, Progress
from cchatspec.fuzz.findings import (
    FILE,
    FindingFile,
    Key,
    Shown,
    id_of,
    read_findings,
    title_of,
    update_finding,
    write_finding,
)
from cchatspec.fuzz.flight import crash
from cchatspec.fuzz.generate import MANY_NAMES, Generator
from cchatspec.fuzz.hunt import HISTORY, LATE_S, LONGEST_S, REPLAYS, UNSURE, Hunt, Quarry, settlers
from cchatspec.fuzz.joining import interleave
from cchatspec.fuzz.memory import Memory
from cchatspec.fuzz.page import stimulus_of, wire_lines
from cchatspec.fuzz.requests import REGISTER, name_of
from cchatspec.fuzz.runner import Runner
from cchatspec.fuzz.script import Script, script_json
from cchatspec.fuzz.trace import Trace, Violation
from cchatspec.fuzz.transcript import script_size
from cchatspec.fuzz.unconfirmed import Unconfirmed
from cchatspec.fuzz.violations import violation_of
from cchatspec.reports.campaign import Finding, Triple
from cchatspec.reports.results import TargetInfo

#: A process that registers nobody is given so long to end, in seconds.
_DYING_S = 1.0

_TELL_S = 0.25
_SAVE_S = 20.0

#: Of findings that differ only in state or field, no more than so many are run down; the others count for the first of them.
_MOST_ALIKE = 3

#: How often something that showed in no replay is tried again when it is met.
_MOST_TRIES = 2

#: Known findings are replayed so often when a campaign is taken up again.
_KNOWN_REPLAYS = 3

#: A violation is run down for at most this part of the whole time, and for so many seconds at least.
_SHARE, _SHORTEST_S = 0.25, 20.0


class Session:
    """One session.

    Args:
        job: what to do.
        listener: is told of all that happens.
        is_stopped: whether the user wants an end.
    """

    def __init__(self, job: Job, listener: Listener, is_stopped: Callable[[], bool]) -> None:
        self._job = job
        self._tell = listener
        self._is_stopped = is_stopped
        self._began = monotonic()
        self._ends = inf if job.seconds is None else self._began + job.seconds
        self._folder = Path(job.out) / "findings"
        self._unconfirmed = Unconfirmed(Path(job.out))
        self._triples: Counter[tuple[str, str, str]] = Counter()
        self._times: Counter[str] = Counter()
        self._known: dict[Key, str] = {}
        self._missed: Counter[Key] = Counter()
        self._stray: tuple[Quarry, tuple[float, int]] | None = None
        self._led: Counter[Key] = Counter()
        self._history: deque[Script] = deque(maxlen=HISTORY)
        self._runs = self._new = 0
        self._told = self._saved = 0.0
        self._doing = ""

    def run(self) -> None:
        """Fuzz until the end.

        Raises:
            TargetError: the target cannot be reached or started, or registers no user.
            CorpusError: the corpus cannot be read.
        """
        corpus = self._corpus()
        self._target = open_target(self._job.address, self._job.launch)
        try:
            self._runner = Runner(self._target, self._job.seed)
            self._hunt = Hunt(self._runner, self._is_stopped, self._count, self._ends)
            self._memory = Memory(self._runner, self._job.pid, self._is_stopped, self._count, self._ends)
            self._tell(Opened(self._target_info().address))
            self._tell(self._end(corpus))
        finally:
            if self._target.launcher is not None:
                self._target.launcher.close()

    def _end(self, corpus: Corpus) -> Event:
        """Go on until there is a reason to end, and say what it was."""
        done = Done()
        try:
            self._replay_known()
            self._take_up()
            self._loop(corpus, Generator(self._job.seed))
            self._tell_of_a_stray()
            done = Done(complete=not self._is_stopped())
        except TargetError as problem:
            self._tell_of_a_stray()
            self._tell_of_a_death()
            done = Done(complete=False, note=f"The target is gone: {problem}")
        except Exception:  # noqa: BLE001 (whatever it is, it is told with its place, and what was found is kept)
            done = Done(complete=False, broken=_last_lines(traceback.format_exc()))
        self._progress(force=True)
        self._save(corpus, force=True)
        return done

    def _corpus(self) -> Corpus:
        own = Path(self._job.corpus)
        scripts = load(own) if own.is_dir() else []
        return Corpus([*(load(shipped_folder()) if not scripts else []), *scripts])

    def _loop(self, corpus: Corpus, generator: Generator) -> None:
        while not self._is_over():
            scripts = [generator.next(corpus) for _ in range(self._width())]
            restarts = self._runner.restarts
            for trace in self._run(scripts):
                # What has run by the end of the time is still looked at.
                if self._is_enough() or monotonic() > self._ends + LATE_S:
                    break
                self._take(trace, corpus, generator)
            if generator.names >= MANY_NAMES and self._target.launcher is not None:
                self._runner.renew()
                self._history.clear()
                generator.renewed()
            elif self._runner.restarts > restarts:
                self._history.clear()
                generator.renewed()
            if self._memory.look():
                self._suspect()
            self._progress()
            self._save(corpus)

    def _width(self) -> int:
        """How many scripts are run at the same time now: no more than executions are left."""
        left = self._runner.width
        if self._job.executions is not None:
            left = min(left, self._job.executions - self._runner.executions)
        return max(left, 1)

    def _run(self, scripts: list[Script]) -> list[Trace]:
        try:
            return self._runner.run_all(scripts, self._is_known)
        except TargetError:
            raise
        except Exception:
            script = scripts[0] if len(scripts) == 1 else interleave(scripts)[0]
            Path(self._job.out, "broken.json").write_bytes(script_json(script))
            raise

    def _take(self, trace: Trace, corpus: Corpus, generator: Generator) -> None:
        """Learn from a run, and look into what is wrong about it."""
        self._count(trace)
        corpus.take(trace)
        generator.learn(trace)
        for violation in trace.violations[:1]:
            self._meet(trace, violation)
        self._history.append(trace.script)

    def _is_over(self) -> bool:
        job = self._job
        return (
            self._is_enough()
            or monotonic() >= self._ends
            or (job.executions is not None and self._runner.executions >= job.executions)
        )

    def _is_enough(self) -> bool:
        """Whether the user wants an end, or no more findings."""
        return self._is_stopped() or (self._job.findings is not None and self._new >= self._job.findings)

    def _count(self, trace: Trace) -> None:
        self._runs += 1
        self._triples.update(trace.triples)
        self._progress()

    # What is met

    def _is_known(self, violation: Violation) -> bool:
        """Whether there is nothing new about a violation."""
        return self._name_of(violation) is not None or self._missed[violation.key] >= _MOST_TRIES

    def _name_of(self, violation: Violation) -> str | None:
        """The finding that a violation counts for, if there is one."""
        return self._known.get(violation.key) or self._elsewhere(violation.key) or self._crowd(violation)

    def _meet(self, trace: Trace, violation: Violation) -> None:
        """Count what is known, and run down what is not."""
        name = self._name_of(violation)
        if name is not None:
            self._known[violation.key] = name
            self._times[name] += 1
            return
        if self._missed[violation.key] >= _MOST_TRIES:
            return
        self._pursue(trace, violation, tuple(self._history))
        self._history.clear()
        if not self._hunt.is_there():
            where = f"{self._target.host}:{self._target.port}"
            raise TargetError(f"nobody accepts connections at {where} any more")

    def _pursue(self, trace: Trace, violation: Violation, history: tuple[Script, ...]) -> None:
        """Run down a violation, and keep what comes of it."""
        self._doing = f"looking into: {violation.outcome} after {violation.request}"
        self._progress(force=True)
        at = monotonic() - self._began, self._runner.executions
        limit = LONGEST_S if self._job.seconds is None else max(self._job.seconds * _SHARE, _SHORTEST_S)
        quarry = self._hunt.pursue(trace, violation, history, min(limit, LONGEST_S))
        self._doing = ""
        if quarry is None:
            if violation.kind == "crash" and trace.delivered and self._stray is None:
                self._stray = Quarry(trace.script, history[-HISTORY:], 0, REPLAYS, trace, violation, time()), at
            self._missed[violation.key] += 1
            self._tell(Missed(f"{violation.kind}: {title_of(violation)}. {violation.text}"))
        elif not quarry.replays and self._hunt.is_there():
            self._missed[violation.key] = _MOST_TRIES
            there = self._unconfirmed.keep(self._file(quarry, at))
            text = f"not confirmed, since the time was up; the next campaign in this folder goes on with {there}"
            self._tell(Missed(f"{violation.kind}: {title_of(violation)}: {text}"))
        else:
            self._keep(quarry, violation, at)

    def _tell_of_a_stray(self) -> None:
        """A crash is one even if no replay shows it again: without any other, the first is told of, with all that ran before."""
        if self._stray is not None and self._new < 1:
            quarry, at = self._stray
            self._keep(quarry, quarry.violation, at)

    def _tell_of_a_death(self) -> None:
        """A launched target whose process ends while users are registered is a crash, which needs no script to show."""
        launcher = self._target.launcher
        if launcher is None or self._new or not launcher.ends_within(_DYING_S):
            return
        how = f"the process ended with {launcher.how_it_ended()}"
        trace = Trace(settlers(1), output=launcher.tail())
        violation = crash(how, ("new", name_of(REGISTER), "", -1))
        at = monotonic() - self._began, self._runner.executions
        self._keep(Quarry(trace.script, (), 0, 0, trace, violation, time()), violation, at)

    def _take_up(self) -> None:
        """Go on with what an earlier campaign had no time to confirm; the first worker does."""
        for file in self._unconfirmed.read() if self._job.number == 0 else ():
            if self._is_over():
                return
            violation = violation_of(file.finding)
            if self._known.get(file.key) is None:
                self._pursue(Trace(file.script), violation, file.before)
            if self._missed[violation.key] < _MOST_TRIES:
                self._unconfirmed.drop(file.finding.id)

    def _suspect(self) -> None:
        """Pursue a leak."""
        self._doing = "looking for what leaks"
        self._progress(force=True)
        at = monotonic() - self._began, self._runner.executions
        for quarry in self._memory.pursue(None if self._job.seconds is None else self._job.seconds / 2):
            self._keep(quarry, quarry.violation, at)
            if self._job.findings is not None and self._new >= self._job.findings:
                break
        if note := self._memory.note:
            self._tell(Missed(note))
        self._history.clear()
        self._doing = ""

    def _elsewhere(self, key: Key) -> str | None:
        """The finding with this key that another worker has written meanwhile."""
        return id_of(key) if (self._folder / id_of(key) / FILE).exists() else None

    def _crowd(self, violation: Violation) -> str | None:
        """The first of the findings like this, if there are many."""
        request, outcome = violation.request, violation.outcome
        alike = [
            name for key, name in self._known.items() if (key[0], key[2], key[4]) == (violation.kind, request, outcome)
        ]
        return alike[0] if len(set(alike)) >= _MOST_ALIKE else None

    def _keep(self, quarry: Quarry, met: Violation, at: tuple[float, int]) -> None:
        """Write a finding, unless what it came down to is known."""
        first = quarry.trace.violations[0] if quarry.trace.violations else quarry.violation
        for key in (quarry.violation.key, first.key):
            if (name := self._known.get(key) or self._elsewhere(key)) is not None:
                self._call(met, quarry, name)
                return
        file = self._file(quarry, at, met)
        self._call(met, quarry, file.finding.id)
        write_finding(self._folder, file, Shown(quarry.trace, quarry.violation, self._target.address, quarry.began))
        self._new += 1
        self._tell(Found(file.finding))

    def _file(self, quarry: Quarry, at: tuple[float, int], met: Violation | None = None) -> FindingFile:
        also = () if met is None or met.key == quarry.violation.key else (met.key,)
        finding = self._finding(quarry, at)
        return FindingFile(
            finding=finding, target=self._target_info(), script=quarry.script, before=quarry.before, also=also
        )

    def _call(self, met: Violation, quarry: Quarry, name: str) -> None:
        """Know a finding by what it came down to, and by what was met, unless that may as well be another one."""
        self._times[name] += 1
        self._known[quarry.violation.key] = name
        self._led[met.key] += 1
        if met.kind not in UNSURE or self._led[met.key] >= _MOST_ALIKE:
            self._known[met.key] = name

    def _finding(self, quarry: Quarry, at: tuple[float, int]) -> Finding:
        violation, trace = quarry.violation, quarry.trace
        name = id_of(violation.key)
        return Finding(
            id=name,
            kind=violation.kind,
            title=title_of(violation),
            minimised_bytes=script_size(trace),
            reproducer=os.path.join("findings", name, FILE),  # noqa: PTH118 (a text of the results)
            clause=violation.clause,
            state=violation.state,
            request=violation.request,
            field=violation.field,
            outcome=violation.outcome,
            shown=quarry.shown,
            replays=quarry.replays,
            found_s=round(self._job.earlier_s + at[0], 3),
            found_execution=self._job.earlier_executions + at[1],
            happens=violation.text,
            sent=stimulus_of(trace, violation),
            wire=wire_lines(trace),
            output=trace.output,
        )

    # What is known

    def _replay_known(self) -> None:
        """Take up what an earlier campaign found; the first worker says which of it still shows."""
        for file in read_findings(self._folder):
            if self._job.number == 0 and self._is_fixed(file):
                self._tell(Fixed(file.finding.id))
                continue
            self._known |= dict.fromkeys([file.key, *file.also], file.finding.id)
            self._tell(Found(file.finding, is_new=False))

    def _is_fixed(self, file: FindingFile) -> bool:
        if self._is_stopped():
            return False
        self._doing = f"replaying {file.finding.id}"
        self._progress(force=True)
        if file.finding.kind == "leak":
            found = self._memory.replay(file.finding.request)
        else:
            found = self._hunt.replay(file.script, file.before, violation_of(file.finding), _KNOWN_REPLAYS)
        self._doing = ""
        if found is None:
            return True
        known = msgspec.structs.replace(file.finding, shown=found.shown, replays=found.replays)
        update_finding(self._folder, msgspec.structs.replace(file, finding=known))
        return False

    # Telling and saving

    def _target_info(self) -> TargetInfo:
        job = self._job
        name = job.address or job.launch or "the reference server"
        return TargetInfo(name, job.address or f"{self._target.host}:{self._target.port}", job.launch)

    def _progress(self, *, force: bool = False) -> None:
        if not force and monotonic() < self._told + _TELL_S:
            return
        self._told = monotonic()
        runner = self._runner
        self._tell(
            Progress(
                runs=self._runs,
                executions=runner.executions,
                requests=runner.frames,
                answered=runner.answered,
                refused=dict(runner.refused),
                restarts=runner.restarts,
                triples=[Triple(*triple, times) for triple, times in self._triples.items()],
                times=dict(self._times),
                doing=self._doing,
            )
        )

    def _save(self, corpus: Corpus, *, force: bool = False) -> None:
        if not force and monotonic() < self._saved + _SAVE_S:
            return
        self._saved = monotonic()
        try:
            corpus.save(Path(self._job.corpus))
        except CorpusError as problem:
            self._tell(Missed(str(problem)))


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return "; ".join([lines[-1], *lines[-3:-1]])
