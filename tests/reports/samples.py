"""Results for the tests of all forms of report: one case of each verdict, a campaign, and text from a hostile target."""

from __future__ import annotations

from cchatspec.reports.campaign import Campaign, Finding, Sample, Triple
from cchatspec.reports.results import (
    CaseResult,
    ClauseResult,
    LevelName,
    OpenPointResult,
    Results,
    Stimulus,
    TargetInfo,
    Tool,
    Verdict,
    WireLine,
    judge_clauses,
    summarise,
)

STARTED = "2026-01-02T03:04:05Z"
SENT = Stimulus(1, "SET_STATUS status=9", 6, "000000010609", ["  00000005  09                       status: 9"])
WIRE = [
    WireLine(0.1, 1, "event", "connect (alice)"),
    WireLine(0.2, 1, "sent", "REGISTER_USER username='alice'", 5, "0000000001", "registration"),
    WireLine(0.3, 1, "received", "REGISTER_RESPONSE success=1", 6, "000000018101", "registration"),
    WireLine(0.4, 1, "sent", "SET_STATUS status=9", 6, "000000010609", "stimulus"),
    WireLine(0.5, 1, "received", "ERROR 05", 8, "0000000388050000"),
]
#: What a server may put into names, errors and bodies to harm who reads a report.
HOSTILE = (
    "<script>alert(1)</script> ]]> </details></pre> `code` ``` | [x](http://evil.example/) ![i](//evil.example/i.png) "
    "@everyone #1 www.evil.example \x1b[31mred\x1b]8;;http://evil.example\x07 \x00 \x08 \x9b31m \u202egnirts\u202c \u2066 \ufeff "
    "\ufffe \uffff \u2028 [bold]x[/bold] [/x] {0} %s &amp; \r\n\n# head\n- item\n```\n~~~\n\ud800 " + "long " * 13_200
)


def case(
    clause: str, verdict: Verdict, name: str = "x", level: LevelName = "MUST", said: str = "it is so"
) -> CaseResult:
    broken = verdict in ("fail", "warn")
    return CaseResult(
        f"{clause}/{name}",
        f"The title of {name}",
        [clause],
        level,
        verdict,
        None if verdict == "pass" else said,
        "LOGIN-PROOF" if verdict == "inconclusive" else None,
        0.25,
        f"cchatspec run 127.0.0.1:4000 --select {clause}/{name}",
        expected="ERROR 05" if broken else None,
        came=said if broken else None,
        wire=WIRE if verdict != "pass" else [],
        sent=SENT if broken else None,
    )


#: One case of each verdict, in three families.
EACH = (
    case("REG-OK", "pass"),
    case("FRAME-LAYOUT", "fail"),
    case("LOGIN-BURN", "warn", level="SHOULD"),
    case("REG-KEY", "inconclusive"),
    case("REG-ALIAS", "skip"),
)


def results(
    *cases: CaseResult, target: str = "127.0.0.1:4000", started: str = STARTED, complete: bool = True
) -> Results:
    levels = {clause: case.level for case in cases for clause in case.clauses}
    return Results(
        tool=Tool("cchatspec", "0.1.0"),
        target=TargetInfo(target, "127.0.0.1:4000"),
        started=started,
        duration_s=1.5,
        complete=complete,
        summary=summarise(cases),
        open_points={"queued-delivery": OpenPointResult("poll")},
        cases=list(cases),
        clauses=judge_clauses(list(cases), levels),
    )


FINDING = Finding(
    id="crash-1a2b3c",
    kind="crash",
    title="The target dies after LOGIN_USER",
    minimised_bytes=87,
    reproducer="findings/crash-1a2b3c/finding.json",
    clause="ROBUST-ALIVE",
    state="challenged",
    request="LOGIN_USER",
    field="username_length",
    outcome="closed without ERROR",
    shown=3,
    replays=3,
    times=12,
    found_s=4.2,
    found_execution=812,
    happens="The process ends with SIGSEGV.",
    sent=SENT,
    wire=WIRE,
    output="Segmentation fault",
)


def campaign(*findings: Finding, hollow: str | None = None, executions: int = 6000, complete: bool = True) -> Campaign:
    return Campaign(
        tool=Tool("cchatspec", "0.1.0"),
        target=TargetInfo("./server {port}", "127.0.0.1:4000", "./server {port}"),
        started=STARTED,
        duration_s=60.0,
        complete=complete,
        seed=7,
        executions=executions,
        executions_per_s=executions / 60,
        requests=30_000,
        answered=27_000,
        refused={"ERROR 06": 12, "connection refused": 3},
        restarts=2,
        findings=list(findings),
        triples=[Triple("in", "LIST_USERS", "USER_LIST_RESPONSE", 40), Triple("new", "LIST_USERS", "ERROR 04", 2)],
        samples=[Sample(1.0, 100, 2, 0)],
        hollow=hollow,
    )


def hostile_results(text: str = HOSTILE) -> Results:
    """A run in which every text that can come from elsewhere is hostile."""
    sent = Stimulus(1, text, 6, "00", [text])
    wire = [WireLine(0.1, 1, "received", text, 6, "00"), WireLine(0.2, 1, "sent", text, 6, "00", "login")]
    bad = CaseResult(
        f"REG-OK/{text}", text, ["REG-OK"], "MUST", "fail", text, None, 0.0, text, text, text, wire, sent, None
    )
    odd = CaseResult(f"{text}/y", text, [text], "SHOULD", "inconclusive", text, text, 0.0, text)
    known = CaseResult("REG-KEY/z", text, ["REG-KEY"], "MUST", "warn", text, None, 0.0, text, known=text)
    return Results(
        tool=Tool(text, text),
        target=TargetInfo(text, text, text),
        started=STARTED,
        duration_s=1.0,
        complete=False,
        broken=[text],
        notes=[text],
        baseline=[text],
        summary=summarise([bad, odd, known]),
        open_points={text: OpenPointResult(text, text)},
        cases=[bad, odd, known],
        clauses=[
            ClauseResult("REG-OK", "MUST", "fail", [text], text, text),
            ClauseResult(text, "MUST", "warn", [], text),
        ],
    )


def hostile_campaign(text: str = HOSTILE) -> Campaign:
    """A campaign of the same kind."""
    finding = Finding(
        id=text,
        kind="leak",
        title=text,
        minimised_bytes=1,
        reproducer=text,
        clause=text,
        state=text,
        request=text,
        field=text,
        outcome=text,
        happens=text,
        sent=Stimulus(1, text, 6, "00", [text]),
        wire=[WireLine(0.1, 1, "received", text, 6, "00")],
        output=text,
    )
    return Campaign(
        tool=Tool(text, text),
        target=TargetInfo(text, text, text),
        started=STARTED,
        duration_s=1.0,
        complete=False,
        seed=1,
        executions=1,
        executions_per_s=1.0,
        refused={text: 1},
        findings=[finding],
        triples=[Triple(text, text, text, 1)],
        hollow=text,
        broken=[text],
        notes=[text],
    )
