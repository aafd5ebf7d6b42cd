"""How fast pages appear and answer to a key, in a real browser: `python -m benchmarks.pages [--rounds N]`.

A site of its own is started; each page of the demo persona is loaded without a cache. Printed are medians of the
largest contentful paint (LCP), the worst layout shift (CLS), and, with a processor four times slower, the longest
key press while an answer is written (an upper bound of INP), as the browser's Event Timing tells them.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.streams import free_port

ROOT = Path(__file__).parents[1]
PAGES = ("write/", "data/", "train/", "chat/", "likeness/", "data/map/")
SLOWER = 4
SETTLED_MS = 700
WATCH = """
window.seen = {lcp: 0, cls: 0, interaction: 0};
new PerformanceObserver(l => { for (const e of l.getEntries()) seen.lcp = e.startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver(l => { for (const e of l.getEntries())
    if (e.interactionId) seen.interaction = Math.max(seen.interaction, e.duration); })
  .observe({type: "event", durationThreshold: 16, buffered: true});
"""


@contextmanager
def site() -> Iterator[str]:
    """The link that opens a site of its own: web server and broker."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"DATA_DIR": folder, "PORT": str(free_port()), "CI": "true"}
        command = [sys.executable, "manage.py", "up", "--no-browser", "--only", "web,valkey"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert process.stdout
            found = (re.search(r"http://\S+/open/\?token=\S+", line) for line in process.stdout)
            yield next(match[0] for match in found if match)
        finally:
            process.terminate()
            process.wait(30)


def loaded(context: Any, address: str) -> dict[str, float]:
    """LCP in ms and CLS of one load without a cache."""
    page = context.new_page()
    page.add_init_script(WATCH)
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(address)
    page.wait_for_timeout(SETTLED_MS)
    seen: dict[str, float] = page.evaluate("seen")
    page.close()
    return seen


def interacted(context: Any, address: str) -> float:
    """The longest key press in ms, up to the next frame, while an answer is written on a slow processor; from 16 on."""
    page = context.new_page()
    page.add_init_script(WATCH)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address)
    text = page.get_by_role("textbox").last
    text.click()
    page.keyboard.type("I was born by the sea, and it was raining. ", delay=60)
    page.wait_for_timeout(SETTLED_MS)
    longest: float = page.evaluate("seen.interaction")
    page.close()
    return longest


def own_portrait(context: Any, start: str) -> str:
    """The writing page of a new persona."""
    page = context.new_page()
    page.goto(start + "/personas/")
    page.get_by_label("Name").fill("Ada")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/write/**")
    address: str = page.url
    page.close()
    return address


def main() -> None:
    """Prints a table in Markdown."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with site() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        start = link.split("/open/")[0]
        page.goto(start + "/personas/")
        demo = page.get_by_role("link", name="Read", exact=True).get_attribute("href").removesuffix("write/")
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Chromium {browser.version}\n")
        print("| page | LCP, ms | CLS |\n|---|---|---|")
        for name in PAGES:
            seen = [loaded(context, start + demo + name) for _ in range(rounds)]
            print(f"| {name} | {median(s['lcp'] for s in seen):.0f} | {max(s['cls'] for s in seen):.3f} |")
        own = own_portrait(context, start)
        longest = [interacted(context, own) for _ in range(rounds)]
        print(f"\nLongest key press while writing, {SLOWER} times slower: {median(longest):.0f} ms (median), ", end="")
        print(f"{max(longest):.0f} ms (worst of {rounds})")
        browser.close()


if __name__ == "__main__":
    main()
