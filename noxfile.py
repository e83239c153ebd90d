"""The sessions: `nox -l` lists them, `nox` runs those that a change has to pass, `nox -s NAME` runs one."""

from __future__ import annotations

import shutil

import nox

PYTHONS = [version for version in ("3.11", "3.12", "3.13") if shutil.which(f"python{version}")]

nox.options.sessions = ["lint", "types", "imports", "generated", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and layout of the source."""
    session.install("ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Types, as strictly as mypy can."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("mypy", "bench/server.py")
    session.run("mypy", "fuzz/planted/server.py")


@nox.session
def imports(session: nox.Session) -> None:
    """Who may import whom."""
    session.install("-e", ".[dev]")
    session.run("lint-imports", "--no-cache")


@nox.session
def generated(session: nox.Session) -> None:
    """The generated modules are what PROTOCOL.md gives."""
    session.install("-e", ".")
    session.run("cchatspec", "spec", "generate", "--check")


@nox.session(python=PYTHONS or None)
def tests(session: nox.Session) -> None:
    """All tests, against the installed package."""
    session.install(".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines and branches the tests never reach."""
    session.install("-e", ".[dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report", "--skip-covered", "--show-missing")


@nox.session
def conformance(session: nox.Session) -> None:
    """The suite against the reference server, or against what is given behind `--`."""
    session.install(".")
    session.run("cchatspec", "run", *session.posargs)


@nox.session
def allure(session: nox.Session) -> None:
    """The Allure report tool, from npm, reads what is written for it."""
    session.install("-e", ".[dev]")
    folder = session.create_tmp()
    session.run("npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "allure@3", external=True)
    session.run("pytest", "tests/reports/test_allure.py", env={"ALLURE_TOOL": f"{folder}/node_modules/.bin/allure"})


@nox.session
def kill(session: nox.Session) -> None:
    """The suite against every seeded fault; takes some twenty-five minutes and writes the kill matrix."""
    session.install("-e", ".")
    session.run("python", "conformance/seeded/kill.py", *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """The suite against mutants of two right servers, drawn by a seed, for some twenty minutes."""
    session.install("-e", ".")
    session.run("python", "conformance/seeded/mutate.py", *session.posargs)


@nox.session
def stability(session: nox.Session) -> None:
    """The suite forty times, alone and in workers, on an idle and on a busy machine: the verdicts must be the same."""
    session.install("-e", ".")
    session.run("python", "conformance/seeded/stability.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The codec against Construct and a hand-written one."""
    session.install(".")
    session.run("python", "bench/codec.py", *session.posargs)


@nox.session(name="fuzz-bench")
def fuzz_bench(session: nox.Session) -> None:
    """The fuzzer and boofuzz against every planted bug, and the fuzzer against the right server; takes about an hour."""
    session.install("-e", ".[fuzz]", "-r", "bench/boofuzz-requirements.txt")
    session.run("python", "fuzz/planted/proving.py", *session.posargs)


@nox.session
def atheris(session: nox.Session) -> None:
    """Coverage-guided fuzzing of the codec and of the reference server's core, a minute each, where atheris installs."""
    session.install("-e", ".")
    session.run_install("pip", "install", "--quiet", "atheris>=3.0", success_codes=[0, 1])
    if session.run("python", "-c", "import atheris; atheris.Setup", silent=True, success_codes=[0, 1]):
        session.skip("atheris does not install here")
    for target in ("parser", "core"):
        session.run(
            "python", f"fuzz/coverage/{target}_target.py", "-max_total_time=60", "-len_control=0", *session.posargs
        )
