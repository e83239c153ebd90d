"""The page: which sections it has, what it may load, and how the templates come to it.

The page loads nothing: its policy forbids every address, and allows its own style and scripts by their hashes. What is too much
for one page to hold at once is packed, and unpacked by the reader's browser when it is opened.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cchatspec.reports.campaign import Campaign
from cchatspec.reports.html.compare import changes, matrix, points, traces
from cchatspec.reports.html.conformance import Detail, RunView, run_view
from cchatspec.reports.html.frames import FIELDS
from cchatspec.reports.html.fuzzing import CampaignView, FindingView, campaign_view
from cchatspec.reports.html.words import MARKS, MEANINGS, address, clean, memo, plural, shown, verb, visible
from cchatspec.reports.results import Results
from cchatspec.reports.text import cut

_BRIEF = 400


@dataclass(slots=True)
class _Packer:
    """Renders the body of a failure, into the page or into the pack."""

    environment: Environment
    left: int
    packed: list[str] = field(default_factory=list)

    def __call__(self, one: Detail | FindingView) -> Markup:
        parts = self.environment.get_template("parts.html.j2").module
        body: Markup = parts.case_body(one) if isinstance(one, Detail) else parts.finding_body(one)  # type: ignore[attr-defined]
        if len(body) <= self.left:
            self.left -= len(body)
            return body
        self.packed.append(str(body))
        place = '<div data-packed="{}"><p class="body soft">This part needs JavaScript; it is in the results file too.</p></div>'
        return Markup(place).format(len(self.packed) - 1)  # noqa: S704  a constant, filled in with a number

    def text(self) -> Markup:
        """What was packed, or nothing."""
        if not self.packed:
            return Markup("")
        data = json.dumps(self.packed, ensure_ascii=False).encode()
        return Markup(base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode())  # noqa: S704  letters and digits


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=clean,
        undefined=StrictUndefined,
        loader=PackageLoader("cchatspec.reports.html"),
        auto_reload=False,
    )
    environment.filters |= {
        "address": address,
        "shown": shown,
        "visible": memo(visible),
        "brief": lambda text: visible(cut(text, _BRIEF)),
        "plural": plural,
        "moment": _moment,
    }
    environment.globals |= {"marks": MARKS, "meanings": MEANINGS}
    return environment


def _moment(started: str) -> Markup:
    """A time as people write it; what is none is shown as it is."""
    try:
        return visible(f"{datetime.fromisoformat(started):%Y-%m-%d %H:%M:%S %Z}".rstrip())
    except ValueError:
        return visible(cut(started, 40))


def page_text(reports: Sequence[Results | Campaign], plain_budget: int) -> str:
    """The whole page."""
    runs, campaigns = _views(reports)
    environment = _environment()
    style = Markup(environment.get_template("style.css").render(fields=FIELDS))  # noqa: S704  our own
    theme, script = (_source(environment, name) for name in ("theme.js", "script.js"))
    sentence, verdict = _answer(runs, campaigns)
    template = environment.get_template("page.html.j2")
    return template.render(
        runs=runs,
        campaigns=campaigns,
        answer=sentence,
        verdict=verdict,
        title=_title(sentence, runs, campaigns),
        families=traces(runs),
        matrix=matrix(runs),
        changes=changes(runs),
        points=points(runs),
        sections=_sections(runs, campaigns),
        pack=_Packer(environment, plain_budget),
        policy=_policy(style, theme, script),
        style=style,
        theme=theme,
        script=script,
    )


def _views(reports: Sequence[Results | Campaign]) -> tuple[list[RunView], list[CampaignView]]:
    alone = len(reports) == 1
    runs: list[RunView] = []
    campaigns: list[CampaignView] = []
    for number, report in enumerate(reports, 1):
        if isinstance(report, Campaign):
            campaigns.append(campaign_view(report, number, alone=alone))
        else:
            runs.append(run_view(report, number, alone=alone))
    return runs, campaigns


def _answer(runs: Sequence[RunView], campaigns: Sequence[CampaignView]) -> tuple[str, str]:
    """What all reports together say, and the gravest of their verdicts."""
    verdicts = [*(run.verdict for run in runs), *(campaign.verdict for campaign in campaigns)]
    worst = min(verdicts, key=list(MARKS).index, default="unrun")
    told = []
    if runs:
        broken = sum(run.verdict == "fail" for run in runs)
        doubtful = sum(run.verdict == "inconclusive" for run in runs)
        told.append(_runs_answer(len(runs), broken, doubtful))
    if campaigns:
        found = sum(len(view.findings) for view in campaigns)
        told.append(f"The fuzzer found {plural(found, 'fault')}." if found else "The fuzzer found nothing.")
    return " ".join(told), worst


def _runs_answer(runs: int, broken: int, doubtful: int) -> str:
    if not broken:
        return f"None of {plural(runs, 'run')} shows a broken MUST" + (
            f"; {doubtful} could not decide all." if doubtful else "."
        )
    return f"{broken} of {plural(runs, 'run')} {verb(broken, 'shows', 'show')} a broken MUST."


def _title(sentence: str, runs: Sequence[RunView], campaigns: Sequence[CampaignView]) -> str:
    said = [*((run.label, run.answer) for run in runs), *((view.label, view.answer) for view in campaigns)]
    return ": ".join(said[0]) if len(said) == 1 else sentence or "No results"


def _sections(runs: Sequence[RunView], campaigns: Sequence[CampaignView]) -> list[tuple[str, str]]:
    """The links at the top, by id."""
    several = len(runs) + len(campaigns) > 1
    one = runs[0] if len(runs) == 1 and not several else None
    asked = [
        ("map", "Clauses", one is not None),
        ("failures", "Broken", one is not None and bool(one.groups)),
        ("undecided", "Not decided", one is not None and bool(one.blocked)),
        ("implementations", "Implementations", bool(runs) and several),
        ("changes", "Changes", bool(changes(runs))),
        ("matrix", "Matrix", len(runs) > 1),
        ("findings", "Findings", not several and any(view.findings for view in campaigns)),
        ("coverage", "States", not several and any(view.coverage for view in campaigns)),
        ("time", "Over time", not several and any(view.charts for view in campaigns)),
        *((f"report-{view.number}", "Fuzzing", several) for view in campaigns[:1]),
        ("points", "Open points", bool(points(runs))),
        ("traces", "All cases", bool(runs)),
    ]
    return [(id_, name) for id_, name, there in asked if there]


def _source(environment: Environment, name: str) -> Markup:
    return Markup(environment.get_template(name).render())  # noqa: S704  our own


def _policy(style: str, *scripts: str) -> str:
    """A content security policy under which nothing is fetched, and nothing runs but our own scripts."""
    allowed = " ".join(_digest(script) for script in scripts)
    rules = ("default-src 'none'", "img-src data:", f"style-src {_digest(style)}", f"script-src {allowed}")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
