#!/usr/bin/env python3
"""Opens HTML reports in headless Chromium: no console message, nothing wider than the page at 360 and at 1440 pixels.

    tools/check_page.py REPORT.html [...]

Chromium is Debian's package; where it is not there, this script installs it (as root). Both colour schemes are tried.
Exit status 1 if something overflows or is logged.
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WIDTHS = [360, 1440]

WRAPPER = """<!DOCTYPE html><html><body style="margin:0"><iframe id="page" style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>
<script>
addEventListener('load', () => {{
  const page = document.getElementById('page').contentDocument;
  const root = page.documentElement;
  const wide = [...page.querySelectorAll('body *')].filter(e => {{
    if (e.closest('.scroll, pre, svg')) return false;
    return e.getBoundingClientRect().right > root.clientWidth + 1;
  }}).map(e => e.tagName + '.' + e.className).slice(0, 5);
  document.title = JSON.stringify({{scroll: root.scrollWidth, client: root.clientWidth, wide,
    ink: getComputedStyle(page.body).color, paper: getComputedStyle(page.body).backgroundColor}});
}});
</script></body></html>"""


def chromium():
    for name in ["chromium", "chromium-browser", "google-chrome"]:
        if path := shutil.which(name):
            return path
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: Chromium cannot be installed here: {error}")
        sys.exit(0)
    return shutil.which("chromium")


def measure(browser, page, width, dark):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "wrapper.html"
        file.write_text(WRAPPER.format(width=width, page=html.escape(page, quote=True)), encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                   f"--user-data-dir={folder}/profile", "--window-size=1600,1000", "--virtual-time-budget=3000"]
        if dark:
            command.append("--blink-settings=preferredColorScheme=0")
        result = subprocess.run([*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=300)
    title = re.search(r"<title>(.*?)</title></head>", result.stdout, re.S) or re.search(r"<title>(\{.*?\})</title>", result.stdout, re.S)
    logged = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    if not title:
        sys.exit(f"Chromium gave no measurement: {result.stderr[-2000:]}")
    return json.loads(html.unescape(title[1])), logged


def main():
    browser, fine = chromium(), True
    for name in sys.argv[1:]:
        page = pathlib.Path(name).read_text(encoding="utf-8")
        for width in WIDTHS:
            for dark in [False, True]:
                found, logged = measure(browser, page, width, dark)
                good = found["scroll"] <= found["client"] and not found["wide"] and not logged
                fine &= good
                scheme = "dark" if dark else "light"
                print(f"{name} at {width} px, {scheme}: {'fits' if good else 'DOES NOT FIT'} {found} {logged}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
