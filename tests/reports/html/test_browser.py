"""The page in a real browser: what it loads and says, how it is used, and who can use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.reports.html.conftest import Opener, written
from tests.reports.samples import FINDING, campaign, hostile_campaign, hostile_results

from cchatspec.reports.campaign import Campaign, Sample
from cchatspec.reports.digest import Report
from cchatspec.reports.results import Results, changed

BROKEN = "REG-DUPLICATE/other-key"
LISTED = "#traces .cases li:not([hidden])"
PAGES = ("reference", "faulty", "both", "fuzz", "hostile")


@pytest.fixture(scope="session")
def fuzz_page(fuzz_run: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), fuzz_run)


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), hostile_results(), hostile_campaign())


@pytest.fixture(params=PAGES)
def any_page(request: pytest.FixtureRequest) -> Path:
    path = request.getfixturevalue(f"{request.param}_page")
    assert isinstance(path, Path)
    return path


def shown(page: Page, selector: str) -> int:
    return sum(one.is_visible() for one in page.locator(selector).all())


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def test_nothing_is_fetched_and_nothing_is_said(any_page: Path, show: Opener) -> None:
    opened = show.watch(any_page)
    open_all(opened.page)
    opened.page.wait_for_load_state("networkidle")

    assert (opened.said, [url for url in opened.asked if not url.startswith(("file:", "data:,"))]) == ([], [])


def violations(page: Page, axe: str, options: str) -> list[tuple[str, str]]:
    """What the checker calls serious or critical, with an example of each."""
    for name in ("case", "trace", "fam", "fold", "report"):
        page.evaluate(f"(document.querySelector('details.{name}') ?? {{}}).open = true")
    found: dict[str, Any] = page.evaluate(f"{axe};\naxe.run({{ resultTypes: ['violations'], {options} }})")
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in grave]


def test_the_accessibility_checker_finds_nothing_serious(any_page: Path, show: Opener, axe: str) -> None:
    assert violations(show(any_page), axe, "") == []


@pytest.mark.parametrize("name", ["faulty", "both", "fuzz"])
def test_in_the_dark_all_can_be_read(request: pytest.FixtureRequest, name: str, show: Opener, axe: str) -> None:
    page = show(request.getfixturevalue(f"{name}_page"), scheme="dark")

    assert violations(page, axe, "runOnly: ['color-contrast', 'link-in-text-block']") == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_never_wider_than_the_window(any_page: Path, show: Opener, width: int) -> None:
    page = show(any_page, width=width)
    open_all(page)

    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_first_thing_on_the_page_is_the_answer(faulty_page: Path, show: Opener) -> None:
    expect(show(faulty_page).get_by_role("heading", level=1)).to_contain_text(
        "MUSTs are broken: FRAME-LAYOUT, REG-DUPLICATE"
    )


def test_a_verdict_filters_cases_and_clauses(faulty_page: Path, show: Opener, faulty_run: Results) -> None:
    page = show(faulty_page)
    page.locator("#filters label", has_text="warn").click()
    warned = sum(case.verdict == "warn" for case in faulty_run.cases)

    assert (shown(page, "#failures .case"), page.locator(LISTED).count(), warned > 0) == (warned, warned, True)


def test_a_level_a_family_and_words_filter_together(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    page.get_by_label("Level").select_option("MUST")
    page.get_by_label("Family").select_option("REG")
    page.get_by_label("Words to filter by").fill("second key opens")
    page.wait_for_function("document.getElementById('shown').textContent.includes(' of ')")

    assert str(page.locator("#shown").text_content()).startswith("1 of ")


def test_a_filter_that_nothing_fits_says_so(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    page.get_by_label("Words to filter by").fill("no such words")

    expect(page.get_by_text("Nothing fits.")).to_be_visible()


def test_all_is_shown_again_at_a_click(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    before = shown(page, ".tile")
    page.get_by_label("Words to filter by").fill("duplicate")
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.getElementById('reset').hidden")

    assert shown(page, ".tile") == before


def test_a_failure_has_an_address(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)

    expect(page.locator(f"[id='{BROKEN}'] .facts")).to_be_in_viewport()


def test_a_clause_that_holds_has_an_address_too(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, "KEY-FOUND")

    expect(page.locator("#KEY-FOUND .cases")).to_be_in_viewport()


def test_an_address_is_shown_though_a_filter_hid_it(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    page.get_by_label("Words to filter by").fill("unknown")
    page.evaluate(f"location.hash = '#{BROKEN}'")

    expect(page.locator(f"[id='{BROKEN}'] .facts")).to_be_in_viewport()


def lit(page: Page, within: str) -> set[str]:
    """The names of the fields, and the bytes, that have the colour of the accent."""
    script = """(within) => {
        const colour = (one) => getComputedStyle(one).backgroundColor;
        const probe = document.body.appendChild(document.createElement("b"));
        probe.style.background = "var(--accent)";
        const accent = colour(probe);
        probe.remove();
        return [...document.querySelectorAll(`${within} :is(.dump i, .tree li)`)].filter((one) => colour(one) === accent)
            .map((one) => one.querySelector("b")?.textContent ?? one.textContent);
    }"""
    return set(page.evaluate(script, within))


FRAME = f"[id='{BROKEN}'] .frame"


def test_a_field_lights_up_with_its_bytes(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)
    page.locator(f"{FRAME} .tree li").nth(1).hover()

    assert lit(page, FRAME) == {"message_type", "01"}


def test_bytes_light_up_with_their_field(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)
    page.locator(f"{FRAME} .dump i").first.hover()

    assert {"message_length"} < lit(page, FRAME)


def test_a_field_lights_up_from_the_keyboard(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)
    page.locator(f"{FRAME} .tree").first.focus()
    page.keyboard.press("Tab")

    assert {"message_length"} < lit(page, FRAME)


def test_a_failure_opens_from_the_keyboard(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    page.locator(f"[id='{BROKEN}'] > summary").focus()
    page.keyboard.press("Enter")

    expect(page.locator(f"[id='{BROKEN}'] .facts")).to_be_visible()


def test_the_diagram_has_an_arrow_for_each_frame(faulty_page: Path, show: Opener, faulty_run: Results) -> None:
    wire = next(case.wire for case in faulty_run.cases if case.id == BROKEN)
    frames = sum(line.direction != "event" and line.part not in ("registration", "login") for line in wire)
    page = show(faulty_page, BROKEN)

    assert (page.locator(f"[id='{BROKEN}'] .seq line.a").count(), frames > 1) == (frames, True)


def test_the_diagram_can_be_read_out(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)

    expect(page.locator(f"[id='{BROKEN}']").get_by_role("img")).to_have_accessible_name(
        "Sequence of 2 frames between 1 peer and the target"
    )


def test_a_cell_of_the_matrix_leads_to_the_failures(both_page: Path, show: Opener) -> None:
    page = show(both_page)
    page.locator("#matrix a.cell.v-fail").last.click()

    expect(page.locator("[id='2:REG-DUPLICATE'] .sentence")).to_be_in_viewport()


def test_the_matrix_has_a_cell_for_each_clause_and_run(both_page: Path, show: Opener) -> None:
    page = show(both_page)
    rows = page.locator("#matrix tr.fil")

    assert page.locator("#matrix .cell").count() == 2 * rows.count()


def test_what_changed_from_run_to_run_is_told(faulty_run: Results, show: Opener, tmp_path: Path) -> None:
    cases = [changed(case, verdict="pass") if case.id == BROKEN else case for case in faulty_run.cases]
    mended = type(faulty_run)(
        **{name: getattr(faulty_run, name) for name in faulty_run.__struct_fields__}
        | {"cases": cases, "started": "2099-01-01T00:00:00Z"}
    )
    page = show(written(tmp_path, faulty_run, mended), "changes")

    expect(page.locator("#changes")).to_contain_text("0 cases worse, 1 better.")


def test_what_was_packed_is_unpacked_when_opened(faulty_run: Report, show: Opener, tmp_path: Path) -> None:
    page = show(written(tmp_path, faulty_run, plain_budget=0), BROKEN)

    expect(page.locator(f"[id='{BROKEN}'] .dump").first).to_be_visible()


def test_without_script_everything_is_there(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, script=False)
    page.locator(f"[id='{BROKEN}'] > summary").click()

    expect(page.locator(f"[id='{BROKEN}'] .dump").first).to_be_visible()


def test_the_colours_follow_the_button_and_are_kept(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, scheme="dark")
    page.get_by_role("button", name="Switch to light colours").click()
    page.reload()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 245)"


def test_the_command_can_be_copied(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page, BROKEN)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"[id='{BROKEN}'] .copy").click()
    expect(page.locator(f"[id='{BROKEN}'] .copy")).to_have_text("Copied")

    assert page.evaluate("navigator.clipboard.readText()").endswith(f"--select {BROKEN}")


def test_on_paper_every_failure_is_open(faulty_page: Path, show: Opener) -> None:
    page = show(faulty_page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.locator(".case:not([open])").count() == 0


def test_findings_have_addresses_and_a_command(fuzz_run: Campaign, fuzz_page: Path, show: Opener) -> None:
    (finding,) = fuzz_run.findings
    page = show(fuzz_page, f"{finding.kind}/{finding.id}")

    expect(page.locator(".replay code")).to_contain_text(f"cchatspec replay {finding.reproducer} --launch ")


def test_executions_over_time_are_drawn(show: Opener, tmp_path: Path) -> None:
    found = campaign(FINDING)
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    samples = [Sample(float(s), 100 * s, s // 2, 0) for s in range(60)]
    page = show(written(tmp_path, Campaign(**fields | {"samples": samples})))

    expect(page.get_by_role("img", name="Executions over time")).to_be_visible()


def test_coverage_counts_what_was_met(fuzz_run: Campaign, fuzz_page: Path, show: Opener) -> None:
    cells = show(fuzz_page).locator("#coverage .matrix td").all_text_contents()

    assert sum(int(cell.replace(",", "")) for cell in cells if cell[0].isdigit()) == sum(
        triple.times for triple in fuzz_run.triples
    )


def test_a_hostile_text_brings_no_element_of_its_own(hostile_page: Path, show: Opener) -> None:
    page = show(hostile_page)
    counted = {tag: page.locator(tag).count() for tag in ("script", "img", "iframe", "link", "a[href^='http']")}

    assert counted == {"script": 2, "img": 0, "iframe": 0, "link": 1, "a[href^='http']": 0}


def test_a_long_text_is_shown_in_full_at_a_click(hostile_page: Path, show: Opener) -> None:
    page = show(hostile_page, "report-1")
    page.locator("#report-1 .notes .more > summary").first.click()

    expect(page.locator("#report-1 .notes .more").first).to_contain_text("more characters are in the results file")


def test_the_policy_forbids_what_was_not_foreseen(faulty_page: Path, show: Opener) -> None:
    opened = show.watch(faulty_page)
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=https://evil.example/x.png>')")
    opened.page.wait_for_function("document.images[0].complete")

    assert "Content Security Policy" in json.dumps(opened.said)
