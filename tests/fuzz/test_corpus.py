from __future__ import annotations

from pathlib import Path

import pytest

from cchatspec.fuzz.bounds import check
from cchatspec.fuzz.corpus import Corpus, CorpusError, Triple, load, name_of, shipped_folder
from cchatspec.fuzz.dice import SeededDice
from cchatspec.fuzz.frames import LIST, POLL
from cchatspec.fuzz.script import Connect, Fence, Script, Send, script_json
from cchatspec.fuzz.trace import Trace

ONE: Triple = ("new", "LIST_USERS", "ERROR 04")
OTHER: Triple = ("new", "GET_MESSAGES", "ERROR 04")


def script(frames: int = 1) -> Script:
    return Script(steps=(Connect(0), Send(0, (POLL, *[LIST] * (frames - 1))), Fence(0)))


def trace(frames: int, *triples: Triple) -> Trace:
    return Trace(script(frames), triples=list(triples))


def test_a_script_that_shows_something_new_is_kept() -> None:
    corpus = Corpus()

    assert corpus.take(trace(1, ONE))
    assert corpus.scripts == [script(1)]


def test_a_script_that_shows_nothing_new_is_not_kept() -> None:
    corpus = Corpus()
    corpus.take(trace(1, ONE))

    assert not corpus.take(trace(2, ONE))
    assert corpus.scripts == [script(1)]


def test_a_script_that_shows_nothing_at_all_is_not_kept() -> None:
    assert not Corpus().take(trace(1))


def test_a_cheaper_script_takes_the_place_of_one_that_shows_the_same() -> None:
    corpus = Corpus()
    corpus.take(trace(5, ONE))

    assert not corpus.take(trace(2, ONE))
    assert corpus.scripts == [script(2)]


def test_a_script_stays_for_what_no_other_shows() -> None:
    corpus = Corpus()
    corpus.take(trace(5, ONE, OTHER))
    corpus.take(trace(2, ONE))

    assert corpus.scripts == [script(5), script(2)]


def test_what_was_shown_is_known() -> None:
    corpus = Corpus()
    corpus.take(trace(5, ONE, OTHER, ONE))

    assert corpus.triples == {ONE, OTHER}


def test_a_full_corpus_lets_go_of_the_costliest() -> None:
    corpus = Corpus(most=2)
    for frames in (9, 3, 5):
        corpus.take(trace(frames, ("in", "SEND_MESSAGE", str(frames))))

    assert corpus.scripts == [script(3), script(5)]


def test_what_was_let_go_can_be_shown_again_more_cheaply() -> None:
    corpus = Corpus(most=1)
    corpus.take(trace(9, ONE))
    corpus.take(trace(3, OTHER))

    assert not corpus.take(trace(2, ONE))
    assert corpus.scripts == [script(2)]


def test_each_script_it_begins_with_is_tried_once_and_the_cheapest_first() -> None:
    corpus = Corpus([script(2), script(1)])

    assert [corpus.untried() for _ in range(3)] == [script(1), script(2), None]


def test_an_empty_corpus_has_nothing_to_choose() -> None:
    assert Corpus([script(1)]).choose(SeededDice(1)) is None


def test_every_script_is_chosen_now_and_then_and_cheap_ones_more_often() -> None:
    corpus, dice = Corpus(), SeededDice(1)
    for frames in range(1, 61):
        corpus.take(trace(frames, ("in", "SEND_MESSAGE", str(frames))))

    chosen = [corpus.choose(dice) for _ in range(5000)]

    assert set(map(repr, chosen)) == set(map(repr, corpus.scripts))
    assert chosen.count(script(1)) > 2 * chosen.count(script(40))


def test_a_corpus_is_saved_and_loaded(tmp_path: Path) -> None:
    corpus = Corpus()
    corpus.take(trace(3, ONE))
    corpus.take(trace(5, OTHER))
    corpus.save(tmp_path / "corpus")

    assert sorted(load(tmp_path / "corpus"), key=repr) == sorted(corpus.scripts, key=repr)


def test_what_was_not_tried_yet_is_saved_too(tmp_path: Path) -> None:
    Corpus([script(4)]).save(tmp_path)

    assert load(tmp_path) == [script(4)]


def test_saving_again_removes_what_was_let_go_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_bytes(script_json(script(7)))
    corpus = Corpus()
    corpus.take(trace(5, ONE))
    corpus.save(tmp_path)
    corpus.take(trace(2, ONE))
    corpus.save(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"own.json", name_of(script(2))}


def test_saving_leaves_no_half_written_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    corpus = Corpus([script(4)])

    with pytest.raises(CorpusError, match="cannot be written, No space left on device"):
        corpus.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_of_a_large_folder_the_cheapest_are_loaded(tmp_path: Path) -> None:
    for frames in (9, 1, 5):
        (tmp_path / f"{frames}.json").write_bytes(script_json(script(frames)))

    assert load(tmp_path, most=2) == [script(1), script(5)]


def test_files_of_other_kinds_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("notes")

    assert load(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no cchatspec-script/1 script"),
        ('{"schema": "other", "steps": []}', "no cchatspec-script/1 script"),
        ('{"steps": [{"do": "fence", "connection": 3}]}', "step 1: connection 3 is not open"),
        (
            '{"steps": [{"do": "connect", "connection": 0}, {"do": "connect", "connection": 0}]}',
            "step 2: .* open already",
        ),
        (
            '{"steps": [{"do": "connect", "connection": 0}, {"do": "send", "connection": 0, "frames": [{"kind": 999}]}]}',
            "step 2: frame of type 999: a message type is a number from 0 to 255",
        ),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "bad.json").write_text(text)

    with pytest.raises(CorpusError, match=f"bad.json: .*{problem}.*; mend the file or take it out of the folder"):
        load(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: expected a folder of scripts, No such file or directory"):
        load(tmp_path / "nowhere")


def test_the_corpus_that_comes_along_can_be_run() -> None:
    scripts = load(shipped_folder())

    assert len(scripts) >= 50
    for one in scripts:
        check(one)
