"""The `cchatspec` command: one function for each subcommand, which parses its options and hands over.

This module alone may import from every part of the project, and does so inside the functions, so that a subcommand loads no
more than it needs. `run` and `list` stand in `cchatspec.conformance.commands` and `report` in `cchatspec.reports.commands`, which
keep this rule too.
Exit statuses: 0 all is well, 1 something was found, 2 wrong usage or an unreachable target, 3 the program
itself broke.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import click

from cchatspec.conformance.commands import list_command, run_command
from cchatspec.fuzz.commands import fuzz_command, replay_command
from cchatspec.reports.commands import report_command

if TYPE_CHECKING:
    from cchatspec.reference.client.entry import Settings

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_SECONDS = click.FloatRange(0, min_open=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cchatspec", prog_name="cchatspec")
def cli() -> None:
    """Test implementations of the C-Chat network protocol."""


@cli.group("spec")
def spec_group() -> None:
    """Show the protocol's layouts and clauses, and generate code from them."""


@spec_group.command("layouts")
@click.argument("file", type=click.Path(allow_dash=True), required=False)
def spec_layouts(file: str | None) -> None:
    """Print the layouts of FILE, or of PROTOCOL.md, as JSON."""
    from cchatspec.spec.document import load_document, protocol_path
    from cchatspec.spec.notation import DocumentError
    from cchatspec.spec.show import layouts_json

    try:
        document = load_document(file or str(protocol_path()))
    except DocumentError as error:
        _refuse(str(error))
    click.echo(layouts_json(document.layouts))


@spec_group.command("generate")
@click.option("--check", is_flag=True, help="Write nothing; fail and show what differs if anything is stale.")
def spec_generate(check: bool) -> None:
    """Write the Python modules that are generated from PROTOCOL.md."""
    from cchatspec.spec.document import load_document, protocol_path
    from cchatspec.spec.generator import stale, write
    from cchatspec.spec.notation import DocumentError

    try:
        document = load_document(str(protocol_path()))
    except DocumentError as error:
        _refuse(str(error))
    if not check:
        for path in write(document):
            click.echo(f"wrote {path}")
        return
    if diffs := stale(document):
        click.echo("\n".join(diffs.values()))
        click.echo(
            "The generated modules are stale. Run `cchatspec spec generate` and commit what it writes.", err=True
        )
        sys.exit(EXIT_FOUND)


@spec_group.command("vectors")
def spec_vectors() -> None:
    """Print test vectors as JSON: right and wrong frames, and a login."""
    from cchatspec.spec.document import load_document, protocol_path
    from cchatspec.spec.vectors import vectors_text

    click.echo(vectors_text(load_document(str(protocol_path()))), nl=False)


@spec_group.command("clauses")
@click.option("--json", "as_json", is_flag=True, help="All fields of all clauses and open points.")
def spec_clauses(as_json: bool) -> None:
    """List the clauses and open points by family."""
    from cchatspec.spec.show import clauses_json, clauses_text

    click.echo(clauses_json() if as_json else clauses_text())


@cli.command()
@click.argument("clause")
def explain(clause: str) -> None:
    """Say all about a CLAUSE or an open point: text, level, source, why, and the cases that test it."""
    from cchatspec.conformance.catalogue import cases_of
    from cchatspec.spec import CLAUSES, OPEN_POINTS
    from cchatspec.spec.show import clause_text, closest, open_point_text

    name = clause.partition("/")[0]
    # RATE-LIMIT is a clause, and rate-limit an open point.
    found = None if name in OPEN_POINTS else CLAUSES.get(name.upper())
    if found:
        click.echo(clause_text(found, cases_of(found.id)))
    elif point := OPEN_POINTS.get(name.lower()):
        click.echo(open_point_text(point, cases_of(point.id)))
    else:
        _refuse(
            f"The spec has no clause or open point '{clause}'.{closest(name)} `cchatspec spec clauses` lists them all."
        )


@cli.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--hex", "as_hex", is_flag=True, help="FILE is hexadecimal text or a dump by xxd, hexdump -C or Wireshark."
)
def decode(file: BinaryIO, as_hex: bool) -> None:
    """Show captured bytes as frames, field by field, and where and why they go wrong.

    FILE holds what one side sent, or what both did; without one, or with -, standard input is read. Exit status: 0 all of it is
    whole and right frames, 1 something is wrong, 2 wrong usage.
    """
    from cchatspec.spec.hextext import HexError, read_hex
    from cchatspec.spec.show import capture_text

    data = file.read()
    try:
        capture = read_hex(data.decode("utf-8", "replace")) if as_hex else data
    except HexError as error:
        _refuse(f"{getattr(file, 'name', '-')}:{error}")
    right = True
    for text, is_right in capture_text(capture):
        click.echo(text)
        right = right and is_right
    sys.exit(0 if right else EXIT_FOUND)


def _configure(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the values in a configuration file for the options that are not given."""
    from cchatspec.reference.options import OptionError, read_config

    if path is None:
        return
    names = {parameter.name for parameter in context.command.params if parameter.name} - {"config"}
    try:
        context.default_map = read_config(path, names)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


_SECONDS = click.FloatRange(min=0)
_NUMBER = click.IntRange(min=0)
_PORT = click.IntRange(0, 65535)


@cli.command("serve")
@click.option("--config", metavar="FILE", is_eager=True, expose_value=False, callback=_configure,
              help="A TOML file with the names of these options as keys; options that are given win.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option("--port", default=4000, show_default=True, type=_PORT, help="Port; 0 takes a free one.")
@click.option("--store", metavar="FILE", default=":memory:", show_default=True,
              help="Keep users and queued messages in FILE.")  # fmt: skip
@click.option("--fsync/--no-fsync", default=True, show_default=True,
              help="Confirm what is on disk and outlives a power cut, or earlier what outlives the process.")  # fmt: skip
@click.option("--rate", metavar="N/s", show_default="200/s", help="Requests of each connection and user, or 'off'.")
@click.option("--burst", type=_NUMBER, show_default="400", help="Requests that may come at once before --rate counts.")
@click.option("--queue-limit", type=_NUMBER, show_default="1000", help="Messages that are kept for one user.")
@click.option("--queue-total", type=_NUMBER, show_default="256 MiB", help="Bytes of messages that are kept for all.")
@click.option("--max-connections", type=_NUMBER, show_default="20000", help="Connections at a time; 0 is no limit.")
@click.option(
    "--idle-timeout", type=_SECONDS, show_default="3600", help="Seconds without a request or message; 0 is off."
)
@click.option(
    "--frame-timeout", type=_SECONDS, show_default="30", help="Seconds that half a frame may stand; 0 is off."
)
@click.option("--login-timeout", type=_SECONDS, show_default="60", help="Seconds until the login is done; 0 is off.")
@click.option("--stuck-timeout", type=_SECONDS, show_default="30",
              help="Seconds that a peer may leave all unread when much waits for it; 0 is off.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["console", "json"]), show_default="console", help="On standard error.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), show_default="info",
              help="What is logged at least.")  # fmt: skip
@click.option("--metrics-host", show_default="127.0.0.1", help="Address for the metrics.")
@click.option("--metrics-port", type=_PORT, show_default="off", help="Serve Prometheus metrics; 0 takes a free port.")
def serve_command(**given: Any) -> None:
    """Run the reference server until SIGTERM or SIGINT.

    On standard output, the first line is `listening on HOST:PORT`, once it accepts. A second signal ends it at once.
    """
    from cchatspec.reference.options import OptionError, options_of
    from cchatspec.reference.serving import ServeError, serve

    try:
        serve(options_of(given), lambda address: click.echo(f"listening on {address}"))
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    except ServeError as error:
        _refuse(f"cchatspec: {error}")


def _account(command: Callable[..., None]) -> Callable[..., None]:
    """The options with which `chat`, `send` and `recv` say who one is."""
    options = [
        click.argument("target", metavar="HOST:PORT"),
        click.option("--as", "name", metavar="NAME", required=True, help="Your name; it is registered on first use."),
        click.option("--key", "key", metavar="FILE", type=click.Path(path_type=Path), help="Your key file."),
        click.option(
            "--passphrase-file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="The passphrase of the key file is the first line of FILE. Else it is taken from the environment "
            "variable CCHATSPEC_PASSPHRASE, or asked for.",
        ),
        click.option(
            "--home",
            metavar="DIR",
            type=click.Path(path_type=Path),
            envvar="CCHATSPEC_HOME",
            help="Where keys and pins are kept. Default: cchatspec in your configuration folder.",
        ),
        click.option("--sealed", is_flag=True, help="Make and accept sealed boxes, which do not prove their sender."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _settings(
    target: str, name: str, key: Path | None, passphrase_file: Path | None, home: Path | None, sealed: bool
) -> Settings:
    from cchatspec.reference.client.crypto import Scheme
    from cchatspec.reference.client.entry import Settings, parse_address
    from cchatspec.reference.client.pins import default_folder

    try:
        host, port = parse_address(target)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    scheme = Scheme.SEALED if sealed else Scheme.BOX
    return Settings(host, port, name, home or default_folder(), key, passphrase_file, scheme=scheme)


def _remark(text: str) -> None:
    click.echo(f"cchatspec: {text}", err=True)


@cli.command("chat")
@_account
def chat_command(**account: Any) -> None:
    """Chat in the terminal; /help there shows how.

    Exit status: 0 you left, 1 the server refused you, 2 wrong usage, an unusable file or a server that cannot be reached.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _refuse("cchatspec: chat needs a terminal; in scripts, use `cchatspec send` and `cchatspec recv`")
    from cchatspec.reference.client.terminal import chat

    status, line = chat(_settings(**account))
    if line:
        _remark(line)
    sys.exit(status)


@cli.command("send")
@_account
@click.option("--to", "recipient", metavar="NAME", required=True, help="Whom to send it to.")
@click.option("--timeout", type=_SECONDS, default=10.0, show_default=True, help="Seconds to wait for each reply.")
@click.option(
    "--accept-key",
    metavar="FINGERPRINT",
    help="If the recipient's key has changed to the one with this fingerprint, trust it.",
)
def send_command(recipient: str, timeout: float, accept_key: str | None, **account: Any) -> None:
    """Send standard input, byte for byte, as one message.

    Says `delivered ID` or `queued ID`. Exit status: 0 delivered or queued, 1 refused, undelivered or not answered in time,
    2 wrong usage, an unusable file or a server that cannot be reached, 130 interrupted.
    """
    from cchatspec.reference.client.scripts import send

    settings = replace(_settings(**account), deadline=timeout)
    content = sys.stdin.buffer.read()
    status, line = _uninterrupted(lambda: send(settings, recipient, content, accept_key, _remark))
    click.echo(line) if status == 0 else _remark(line)
    sys.exit(status)


@cli.command("recv")
@_account
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End when N messages have come.")
@click.option("--timeout", type=_SECONDS, metavar="S", help="End after S seconds.")
def recv_command(as_json: bool, count: int | None, timeout: float | None, **account: Any) -> None:
    """Show messages: those that were queued, then those that come.

    More than N are shown if the server has handed over more by then, since it keeps them no longer. Exit status: 0 N messages
    came, or no N was given and the time is over, 1 refused or fewer came in time, 2 wrong usage, an unusable file or a server
    that cannot be reached, 130 interrupted.
    """
    from cchatspec.reference.client import scripts

    write = scripts.as_json if as_json else scripts.as_text
    settings = _settings(**account)
    status, line = _uninterrupted(
        lambda: scripts.receive(settings, count, timeout, lambda message: click.echo(write(message)), _remark)
    )
    if line:
        _remark(line)
    sys.exit(status)


def _uninterrupted(work: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    try:
        return work()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED, "interrupted"


def _refuse(problem: str) -> NoReturn:
    """End with one line on what was wrong about the command or what it was given."""
    click.echo(problem, err=True)
    sys.exit(EXIT_USAGE)


@cli.command("probe")
@click.argument("target", metavar="[HOST:PORT]", required=False)
@click.option("--launch", metavar="CMD", help="Start the target by this command; {port} in it becomes a free port.")
@click.option("-o", "--output", metavar="FILE", help="Write the profile to FILE.")
def probe_command(target: str | None, launch: str | None, output: str | None) -> None:
    """Find what a server chose where the protocol leaves a choice, and its limits."""
    if target is not None and launch is not None:
        raise click.UsageError("give HOST:PORT or --launch, not both")
    from cchatspec.conformance.harness.outcomes import TargetError
    from cchatspec.conformance.probe import probe
    from cchatspec.conformance.profile import profile_text

    try:
        profile = probe(target, launch)
    except TargetError as problem:
        _refuse(str(problem))
    text = profile_text(profile, target or launch or "the reference server")
    try:
        if output is not None:
            Path(output).write_text(text, encoding="utf-8")
    except OSError as problem:
        _refuse(f"cannot write {output}: {problem.strerror or problem}")
    click.echo(text, nl=False)
    if output is not None:
        click.echo(f"Written to {output}. 'cchatspec run --profile {output}' holds the target to it.", err=True)
    if not profile.open_points:
        click.echo("Nothing could be observed: 'cchatspec run' says what stands in the way.", err=True)
        sys.exit(EXIT_FOUND)


cli.add_command(run_command)
cli.add_command(list_command)
cli.add_command(fuzz_command)
cli.add_command(replay_command)
cli.add_command(report_command)


def main() -> None:
    """Run the command; an interrupted run ends without a traceback."""
    # A shell that starts us in the background has SIGINT ignored, and whoever sends one by 'kill' still means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cli.main(prog_name="cchatspec")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
