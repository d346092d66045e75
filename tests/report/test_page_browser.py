"""The report page in a real browser: what it draws, what its controls do, and that it asks for nothing."""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pictures import network_points, point
from reported import LAYERS, accuracies, write_run

from ibtrain.config import ObjectiveConfig, RunConfig
from ibtrain.mi.result import FLAGS
from ibtrain.report.page import save_page

webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = pytest.mark.slow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS_OF_CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
HOSTILE = "</script><img src=x onerror=document.title='hurt'><b>bold</b>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium with its chromedriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS_OF_CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the page did not change"
        time.sleep(0.05)
    return value


def opened(browser: Any, path: Path) -> Callable[[str], Any]:
    """Opens a page; returns a function that runs a script in it, after the frame in which it draws."""
    for log in ("browser", "performance"):
        # what the browser itself asked for at its start
        browser.get_log(log)
    browser.get(path.as_uri())
    until(
        lambda: browser.execute_script(
            "return document.documentElement.dataset.drawn || document.getElementById('failure').textContent"
        )
    )

    def script(code: str) -> Any:
        frame = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done("
        return browser.execute_async_script(f"{frame}(() => {{ {code} }})())));")

    assert script("return document.getElementById('failure').textContent") == ""
    return script


def check_quiet(browser: Any) -> None:
    """Checks that there was no message on the console, and no request but for the page itself."""
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    # the browser's own start page, of chrome: and chrome-untrusted:, may still be loading on a slow machine
    urls = [r["request"]["url"] for r in requests if not r["documentURL"].startswith("chrome")]
    assert any(url.startswith("file:") for url in urls)
    assert {url.partition(":")[0] for url in urls} <= {"file", "data", "blob"}


def choose(script: Callable[[str], Any], selector: str, value: Any = None) -> None:
    """Sets a control as a user does, or clicks it if there is no value."""
    change = f"e.value = {json.dumps(value)};" if value is not None else ""
    event = (
        "e.click()"
        if value is None
        else "['input', 'change'].forEach((k) => e.dispatchEvent(new Event(k)))"
    )
    script(f"const e = document.querySelector({json.dumps(selector)}); {change} {event};")


def paths(script: Callable[[str], Any], method: str = "layerwise") -> list[dict[str, Any]]:
    """The paths that are drawn on a plane."""
    traces: list[dict[str, Any]] = script(
        f"return document.querySelector('#plane-{method} .plot').data.map(({{x, y, name, text, mode, marker, line}}) =>"
        "({x, y, name, text, mode, marker, line}))"
    )
    return [
        trace for trace in traces if trace["mode"] == "lines+markers" and trace["name"] != "audit"
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two seeds with both methods; the second one has a flag."""
    folder = tmp_path_factory.mktemp("page")
    config = RunConfig(seeds=(0, 1))
    points = network_points(LAYERS, 2)
    points += [replace(p, method="end_to_end") for p in points]
    flagged = [point(0, 30, 5.0, 1.0, "overfit"), point(1, 30, 5.0)]
    other = replace(config, objective=ObjectiveConfig(beta=(0.01,)))
    runs = [
        write_run(
            folder / "one", config, points=points, results=accuracies([0.9, 0.91], [0.8, 0.82])
        ),
        write_run(
            folder / "two",
            other,
            points=[*points, *flagged],
            results=accuracies([0.92, 0.94], [0.8, 0.82]),
        ),
    ]
    save_page(runs, folder / "page.html")
    return folder / "page.html"


def test_the_page_draws_both_runs_and_asks_for_nothing(browser: Any, page: Path) -> None:
    script = opened(browser, page)
    drawn = paths(script)
    assert [trace["name"] for trace in drawn] == [*LAYERS, *LAYERS]
    assert [trace["line"]["dash"] for trace in drawn] == ["solid", "solid", "dash", "dash"]
    assert drawn[0]["x"][-1] == pytest.approx(6 + 0.03 * 20 - 0.05)
    assert "exact for these N samples" in script(
        "return document.querySelector('#plane-layerwise h3').textContent"
    )
    rows = script(
        "return [...document.querySelectorAll('#summary tbody tr')].map((r) => r.innerText)"
    )
    assert rows[0].split("\t")[:3] == ["one", "layer-wise", "90.50 ± 0.71"]
    differences = script("return document.getElementById('differences').innerText")
    assert (
        "two − one\tlayer-wise\t+2.50 [-3.85, 8.85]\t0.13\tpaired\t2\tundecided: 2 seeds can't tell"
        in differences
    )
    parameters = script("return document.getElementById('parameters').innerText")
    assert "objective.beta\t0.0001\t0.01" in parameters
    check_quiet(browser)


def test_strokes_mark_the_starts_below_the_points(browser: Any, page: Path) -> None:
    script = opened(browser, page)
    order = script(
        "return document.querySelector('#plane-layerwise .plot').data.map(({name, marker}) => [name, marker.symbol])"
    )
    assert order[0] == ["start", "y-down"]
    assert order[1][0] == LAYERS[0]
    assert "three strokes: start" in script("return document.getElementById('key').textContent")
    choose(script, "#epoch", 0)
    starts = script(
        "return document.querySelector('#plane-layerwise .plot').data.filter(({name}) => name === 'start').length"
    )
    assert starts == 0


def test_the_slider_and_the_player_show_epochs(browser: Any, page: Path) -> None:
    script = opened(browser, page)
    choose(script, "#epoch", 2)
    assert script("return document.getElementById('epoch-value').textContent") == "2"
    assert [len(trace["x"]) for trace in paths(script)] == [3] * 4
    marks = script(
        "return document.querySelector('#information-x-layerwise .plot').layout.shapes.map((s) => s.x0)"
    )
    assert marks[-1] == pytest.approx(1.0986, abs=1e-3)
    choose(script, "#play")
    until(lambda: script("return document.getElementById('epoch-value').textContent") == "30")
    until(lambda: script("return document.getElementById('play').textContent") == "Play")
    assert [len(trace["x"]) for trace in paths(script)] == [5, 5, 6, 5]
    check_quiet(browser)


def test_every_control_changes_what_is_drawn(browser: Any, page: Path) -> None:
    script = opened(browser, page)
    before = paths(script)[0]["x"][-1]
    choose(script, "input[value=bits]")
    assert paths(script)[0]["x"][-1] == pytest.approx(before / 0.693147, rel=1e-4)
    assert "log2 N" in script(
        "return document.querySelector('#plane-layerwise .plot').layout.annotations[0].text"
    )
    assert "Information in bits" in script(
        "return document.getElementById('table-note').textContent"
    )
    choose(script, "input[value=nats]")
    choose(script, "#seed", "1")
    assert paths(script)[0]["x"][-1] == pytest.approx(before - 0.05)
    choose(script, "#seed", "all")
    assert len(paths(script)) == 8
    choose(script, "#seed", "mean")
    choose(script, "#measure", "mine")
    assert "MINE" in script("return document.querySelector('#plane-layerwise h3').textContent")
    choose(script, "#methods input[value=end_to_end]")
    assert script("return document.getElementById('plane-end_to_end')") is None
    choose(script, "#runs input[value='1']")
    assert len(paths(script)) == 2
    choose(script, "#layers button")
    assert [trace["name"] for trace in paths(script)] == ["output"]
    assert (
        script("return document.querySelector('#layers button').getAttribute('aria-pressed')")
        == "false"
    )
    check_quiet(browser)


def test_hover_and_tables_tell_value_error_ceiling_and_flags(browser: Any, page: Path) -> None:
    script = opened(browser, page)
    choose(script, "#measure", "mine")
    choose(script, "#seed", "0")
    text = paths(script)[2]["text"][-1]
    lines = text.replace("<br>", "\n")
    assert "epoch 30" in lines
    assert "I(X; T) = 5.00 ± 0.01 nats (at most 8.00)" in lines
    assert FLAGS["overfit"] in " ".join(lines.split())
    flags = script("return document.getElementById('flags').innerText")
    assert f"overfit\t{FLAGS['overfit']}\tI(X; T)\thidden1" in flags
    assert "mine: overfit" in script("return document.getElementById('table').innerText")
    (browser_x, browser_y) = script(
        "const p = document.querySelector('#plane-layerwise .plot'); p.scrollIntoView({block: 'center'});"
        "const a = p._fullLayout, r = p.getBoundingClientRect(), t = p.data.filter((d) => d.name === 'hidden1').at(-1);"
        "return [r.left + a.xaxis._offset + a.xaxis.d2p(t.x.at(-1)), r.top + a.yaxis._offset + a.yaxis.d2p(t.y.at(-1))]"
    )
    for x in (browser_x - 30, browser_x):
        browser.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": browser_y}
        )
    hover = until(
        lambda: script("return document.querySelector('#plane-layerwise .hoverlayer')?.textContent")
    )
    assert "at most 8.00" in hover
    check_quiet(browser)


def test_the_table_is_sorted_and_saved(browser: Any, page: Path, tmp_path: Path) -> None:
    script = opened(browser, page)
    browser.execute_cdp_cmd(
        "Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    heading = "[...document.querySelectorAll('#table th button')].find((b) => b.textContent === 'I(X;T) exact').click()"
    for direction in ("ascending", "descending"):
        script(heading)
        cells = script(
            "return [...document.querySelectorAll('#table tbody tr')].map((r) => parseFloat(r.cells[7].innerText))"
        )
        assert cells == sorted(cells, reverse=direction == "descending")
        assert (
            script(
                "return document.querySelector('#table th[aria-sort]').getAttribute('aria-sort')"
            )
            == direction
        )
    choose(script, "input[value=bits]")
    choose(script, "#download-table")
    file = tmp_path / "layers.csv"
    until(file.exists)
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert len(rows) == 8
    row = next(
        r for r in rows if (r["run"], r["method"], r["layer"]) == ("one", "layer-wise", "output")
    )
    assert float(row["mi_xt_channel [bits]"]) == pytest.approx(
        (6 - 0.4 + 0.6 - 0.05) / 0.693147, rel=1e-4
    )
    assert float(row["mi_xt_channel_ceiling"]) == pytest.approx(8 / 0.693147, rel=1e-4)
    flagged = next(
        r for r in rows if (r["run"], r["layer"], r["method"]) == ("two", "hidden1", "layer-wise")
    )
    assert flagged["mi_xt_flags"] == "overfit"
    check_quiet(browser)


def test_hostile_names_are_shown_as_text(browser: Any, tmp_path: Path) -> None:
    config = RunConfig(seeds=(0,), dataset=f"npz:{HOSTILE}")
    save_page(
        [write_run(tmp_path / "run", config, points=network_points([HOSTILE]))],
        tmp_path / "page.html",
    )
    script = opened(browser, tmp_path / "page.html")
    assert script("return document.querySelector('#layers button').textContent") == HOSTILE
    assert HOSTILE in script("return document.getElementById('subtitle').textContent")
    assert script("return document.title") == "run - ibtrain report"
    assert script("return document.querySelectorAll('img, b').length") == 0
    check_quiet(browser)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_the_page_fits_every_screen(browser: Any, page: Path, scheme: str, width: int) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    script = opened(browser, page)
    assert script("return document.documentElement.scrollWidth") <= width
    backs = script(
        "const back = getComputedStyle(document.body).backgroundColor;"
        "return [back, getComputedStyle(document.querySelector('#plane-layerwise .main-svg')).backgroundColor]"
    )
    assert backs == ["rgb(20, 23, 28)" if scheme == "dark" else "rgb(255, 255, 255)"] * 2
    wide = script(
        "return [...document.querySelectorAll('.main-svg')].filter((s) => s.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0
    check_quiet(browser)


def test_runs_without_a_plane_have_no_empty_parts(browser: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", points=[], results=accuracies([0.9, 0.8], [0.8, 0.7]))
    save_page([run], tmp_path / "page.html")
    script = opened(browser, tmp_path / "page.html")
    hidden = script(
        "return [...document.querySelectorAll('section')].filter((s) => s.hidden).length"
    )
    shown = script(
        "return [...document.querySelectorAll('section:not([hidden]) h2')].map((h) => h.textContent)"
    )
    assert hidden >= 3
    assert "Training" in shown
    assert not {"Information plane", "Information by epoch"} & {*shown}
    check_quiet(browser)
