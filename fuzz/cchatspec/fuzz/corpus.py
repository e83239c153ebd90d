"""Scripts worth changing: each showed something that none before it had shown.

What a script shows are triples of state, request and shape of the reply. For each triple the corpus keeps the script that showed
it with the least effort, so it stays small as long as the target does not show ever more, and its scripts become shorter. Scripts
that it begins with are tried as they are first; then they stay by the same rule.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cchatspec.fuzz.bounds import check, size
from cchatspec.fuzz.dice import Dice
from cchatspec.fuzz.script import Script, ScriptError, Send, read_script, script_json
from cchatspec.fuzz.trace import Trace

Triple = tuple[str, str, str]

#: A corpus holds no more scripts than this.
MOST_SCRIPTS: Final = 2000

#: What a step, a frame and so many bytes more cost, so that the cheaper of two scripts is known.
_STEP, _FRAME, _BYTES = 2, 3, 100


class CorpusError(Exception):
    """A corpus cannot be read or written; the text says which file is wrong, why, and what to do."""


@dataclass(slots=True, eq=False)
class Entry:
    """A script of the corpus, what it costs to run, and the triples that none does more cheaply."""

    script: Script
    cost: int
    triples: set[Triple] = field(default_factory=set)


class Corpus:
    """The scripts of a campaign.

    Args:
        scripts: what it begins with; the cheapest are tried first.
        most: how many scripts it holds.
    """

    def __init__(self, scripts: Iterable[Script] = (), most: int = MOST_SCRIPTS) -> None:
        self._untried = sorted(scripts, key=cost_of, reverse=True)
        self._best: dict[Triple, Entry] = {}
        self._entries: list[Entry] = []
        self._most = most
        self._written: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def scripts(self) -> list[Script]:
        """The scripts that showed something, oldest first."""
        return [entry.script for entry in self._entries]

    @property
    def triples(self) -> frozenset[Triple]:
        """All that was shown."""
        return frozenset(self._best)

    def untried(self) -> Script | None:
        """The next of the scripts that it began with and that have not been run, each once."""
        return self._untried.pop() if self._untried else None

    def choose(self, dice: Dice) -> Script | None:
        """A script to change, or None while there is none: a new one in one case of three, else the cheaper of two."""
        entries = self._entries
        if not entries:
            return None
        if dice.chance(33):
            newest = min(len(entries), 20)
            return entries[len(entries) - 1 - dice.below(newest)].script
        one, other = dice.one(entries), dice.one(entries)
        return (one if one.cost <= other.cost else other).script

    def take(self, trace: Trace) -> bool:
        """Keep the script of a trace if it shows something new, or shows it more cheaply; say whether it was new."""
        if not trace.triples:
            return False
        entry: Entry | None = None
        found = False
        for triple in dict.fromkeys(trace.triples):
            best = self._best.get(triple)
            if best is not None and trace.script is best.script:
                continue
            entry = entry or Entry(trace.script, cost_of(trace.script))
            if best is None or entry.cost < best.cost:
                found = found or best is None
                self._keep(triple, entry, best)
        self._bound()
        return found

    def _keep(self, triple: Triple, entry: Entry, before: Entry | None) -> None:
        if not entry.triples:
            self._entries.append(entry)
        entry.triples.add(triple)
        self._best[triple] = entry
        if before:
            before.triples.discard(triple)
            if not before.triples and before in self._entries:
                self._entries.remove(before)

    def _bound(self) -> None:
        """Let go of the costliest; what they showed stays known, so they do not come back."""
        while len(self._entries) > self._most:
            costliest = max(self._entries, key=lambda entry: entry.cost)
            self._entries.remove(costliest)

    # --- Files.

    def save(self, folder: Path) -> None:
        """Write each script as a file of its own; what this corpus wrote before and has let go is removed.

        Raises:
            CorpusError: the folder cannot be written.
        """
        files = {name_of(script): script for script in self.scripts + self._untried}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in sorted(files.keys() - self._written):
                if not (folder / name).exists():
                    _write(folder / name, script_json(files[name]))
                    self._written.add(name)
            for name in sorted(self._written - files.keys()):
                (folder / name).unlink(missing_ok=True)
                self._written.discard(name)
        except OSError as problem:
            raise CorpusError(f"{folder}: the corpus cannot be written, {problem.strerror}") from None


def cost_of(script: Script) -> int:
    """What it takes to run a script, in no unit."""
    frames = sum(len(step.frames) for step in script.steps if isinstance(step, Send))
    return _STEP * len(script.steps) + _FRAME * frames + size(script) // _BYTES


def name_of(script: Script) -> str:
    """The name of a script's file, by what is in it."""
    return f"{blake2b(script_json(script), digest_size=8).hexdigest()}.json"


def shipped_folder() -> Path:
    """Where the corpus is that comes along: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "corpus"
    return installed if installed.is_dir() else package.parents[1] / "corpus"


def load(folder: Path, most: int = MOST_SCRIPTS) -> list[Script]:
    """The scripts of a folder in the order of their names; of more than `most`, the cheapest.

    Raises:
        CorpusError: the folder or a file cannot be read, or a file holds no script that can be run.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as problem:
        raise CorpusError(f"{folder}: expected a folder of scripts, {problem.strerror}") from None
    scripts = [_read(path) for path in files]
    if len(scripts) > most:
        cheapest = sorted(range(len(scripts)), key=lambda place: cost_of(scripts[place]))[:most]
        scripts = [scripts[place] for place in sorted(cheapest)]
    return scripts


def _read(path: Path) -> Script:
    try:
        script = read_script(path.read_bytes())
        check(script)
    except OSError as problem:
        raise CorpusError(f"{path}: cannot be read, {problem.strerror}") from None
    except ScriptError as problem:
        raise CorpusError(f"{path}: {problem}; mend the file or take it out of the folder") from None
    return script


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as part:
        part.write(data)
    try:
        Path(part.name).replace(path)
    except OSError:
        Path(part.name).unlink()
        raise
