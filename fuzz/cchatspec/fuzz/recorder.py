"""Puts together what sessions tell, as the results of one campaign, and writes them down now and then."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import msgspec

from cchatspec.fuzz.events import Done, Event, Fixed, Found, Missed, Opened, Progress
from cchatspec.reports.campaign import Campaign, Finding, Sample, Triple
from cchatspec.reports.results import TargetInfo, Tool, write_results

_WRITE_S = 2.0
_MOST_SAMPLES = 400

#: A campaign of which less than this part was answered proves nothing.
_LEAST_ANSWERED = 0.05
_MOST_REFUSED = 0.9


@dataclass(slots=True)
class Recorder:
    """The campaign so far.

    Attributes:
        target: what is fuzzed; its address is known when a session has begun.
        seed, workers: those of the campaign.
        path: where the results go, and `out` the folder of the campaign.
        earlier: the results of an earlier campaign in the same folder, which go on here.
    """

    target: TargetInfo
    seed: int
    workers: int
    path: Path
    out: Path
    earlier: Campaign | None = None
    complete: bool = True
    findings: dict[str, Finding] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)
    gone: list[str] = field(default_factory=list)
    ended: bool = False
    opened: bool = False
    _progress: dict[int, Progress] = field(default_factory=dict)
    _began: float = field(default_factory=monotonic)
    _started: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _samples: list[Sample] = field(default_factory=list)
    _written: float = 0.0

    def __post_init__(self) -> None:
        if self.earlier is not None:
            self._samples = list(self.earlier.samples)

    # What is told

    def take(self, worker: int, event: Event) -> None:
        """Take in what a session tells."""
        match event:
            case Opened(address=address):
                self.opened = True
                self.target = msgspec.structs.replace(self.target, address=address)
            case Progress():
                self._progress[worker] = event
                self._sample()
            case Found(finding=finding, is_new=is_new):
                self._found(finding, is_new=is_new)
            case Fixed(id=name):
                self.fixed.append(name)
                self.findings.pop(name, None)
            case Missed(text=text):
                self.missed[text] += 1
            case Done(complete=complete, note=note, broken=broken):
                self.complete = self.complete and complete
                self.gone += [note] if note else []
                self.broken += [broken] if broken else []
            case _:
                pass
        self._write_now_and_then(force=isinstance(event, Found | Fixed | Done))

    def _found(self, finding: Finding, *, is_new: bool) -> None:
        if finding.id in self.findings or finding.id in self.fixed:
            return
        path = os.path.relpath(self.out / finding.reproducer, self.path.parent)
        self.findings[finding.id] = msgspec.structs.replace(finding, reproducer=path)
        if is_new:
            self.new.append(finding.id)

    def _sample(self) -> None:
        s = round(self.duration_s, 3)
        if self._samples and s < self._samples[-1].s + max(1.0, s / _MOST_SAMPLES * 2):
            return
        self._samples.append(Sample(s, self.executions, len(self.triples), len(self.findings)))

    # Figures

    @property
    def current(self) -> Progress:
        """What all sessions have done by now."""
        refused: Counter[str] = Counter()
        times: Counter[str] = Counter()
        triples: Counter[tuple[str, str, str]] = Counter()
        for one in self._progress.values():
            refused.update(one.refused)
            times.update(one.times)
            triples.update({(triple.state, triple.request, triple.reply): triple.times for triple in one.triples})
        parts = list(self._progress.values())
        return Progress(
            runs=sum(one.runs for one in parts),
            executions=sum(one.executions for one in parts),
            requests=sum(one.requests for one in parts),
            answered=sum(one.answered for one in parts),
            refused=dict(refused),
            restarts=sum(one.restarts for one in parts),
            triples=[Triple(*triple, count) for triple, count in sorted(triples.items())],
            times=dict(times),
            doing=next((one.doing for one in parts if one.doing), ""),
        )

    @property
    def seconds(self) -> float:
        """Since this campaign began, without an earlier one."""
        return monotonic() - self._began

    @property
    def duration_s(self) -> float:
        """Since it began, with the earlier one that it goes on with."""
        return self.seconds + (self.earlier.duration_s if self.earlier else 0.0)

    @property
    def executions(self) -> int:
        """All that were delivered and answered, with those of an earlier campaign."""
        return self.current.executions + (self.earlier.executions if self.earlier else 0)

    @property
    def triples(self) -> list[Triple]:
        """All that was seen, with what an earlier campaign saw."""
        seen: Counter[tuple[str, str, str]] = Counter()
        for triple in [*self.current.triples, *(self.earlier.triples if self.earlier else [])]:
            seen[triple.state, triple.request, triple.reply] += triple.times
        return [Triple(*triple, count) for triple, count in sorted(seen.items())]

    # Results

    def results(self) -> Campaign:
        """The results by now."""
        now, before = self.current, self.earlier
        refused = Counter(now.refused)
        if before is not None:
            refused.update(before.refused)
        duration, executions = self.duration_s, self.executions
        return Campaign(
            tool=Tool("cchatspec", version("cchatspec")),
            target=self.target,
            started=before.started if before else self._started,
            duration_s=round(duration, 3),
            complete=self.ended and self.complete,
            seed=self.seed,
            workers=self.workers,
            executions=executions,
            executions_per_s=round(executions / duration, 1) if duration else 0.0,
            requests=now.requests + (before.requests if before else 0),
            answered=now.answered + (before.answered if before else 0),
            refused=dict(refused.most_common()),
            restarts=now.restarts + (before.restarts if before else 0),
            findings=[self._counted(finding, now) for finding in self.findings.values()],
            triples=self.triples,
            samples=[
                *self._samples[:-1],
                Sample(round(duration, 3), executions, len(self.triples), len(self.findings)),
            ],
            hollow=self._hollow(now),
            broken=self.broken,
            notes=self._notes(),
        )

    def _counted(self, finding: Finding, now: Progress) -> Finding:
        old = next((one.times for one in (self.earlier.findings if self.earlier else []) if one.id == finding.id), 0)
        return msgspec.structs.replace(finding, times=max(old + now.times.get(finding.id, 0), 1))

    def _hollow(self, now: Progress) -> str | None:
        """Why what was run proves nothing, if so."""
        if self.findings or not now.runs:
            return None if self.findings else "not one script was run"
        most = max(now.refused.items(), key=lambda item: item[1], default=("", 0))
        if not now.executions or now.executions < (1 - _MOST_REFUSED) * now.runs:
            because = f", most often by '{most[0]}' ({most[1]:,} times)" if most[1] else ""
            return f"of {now.runs:,} scripts, {now.executions:,} were delivered and answered{because}"
        if now.answered < _LEAST_ANSWERED * now.requests:
            return f"of {now.requests:,} requests, the target is known to have read {now.answered:,}"
        return None

    def _notes(self) -> list[str]:
        notes = []
        if self.earlier is not None:
            known = len([name for name in self.findings if name not in self.new])
            still = f"; {known} known finding{'s' * (known != 1)} still shown" if known else ""
            notes.append(f"This goes on with the campaign in {self.out}{still}.")
        notes += [f"{name} no longer shows; its folder is kept." for name in self.fixed]
        notes += list(dict.fromkeys(self.gone))
        notes += [
            f"Met {times} time{'s' * (times > 1)}, but in no replay: {text}" for text, times in self.missed.items()
        ]
        return notes

    @property
    def status(self) -> int:
        """What the campaign means to a script.

        3 the fuzzer broke, 1 something was found or nothing is proved, 2 the target has gone before the end, else 0.
        """
        if self.broken:
            return 3
        results = self.results()
        return 1 if results.findings or results.hollow else 2 if self.gone else 0

    def end(self) -> Campaign:
        """Write the results for the last time, and give them back.

        Raises:
            OSError: they cannot be written.
        """
        self.ended = True
        results = self.results()
        self._write(results)
        return results

    def _write_now_and_then(self, *, force: bool) -> None:
        if self.opened and (force or monotonic() > self._written + _WRITE_S):
            self._written = monotonic()
            self._write(self.results())

    def _write(self, results: Campaign) -> None:
        """Where the user wants them, and in the campaign's folder, by which it can be taken up again."""
        write_results(results, self.path)
        if (kept := self.out / "results.json").absolute() != self.path.absolute():
            write_results(results, kept)
