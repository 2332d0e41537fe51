#!/usr/bin/env python3
"""A headless Chromium that does STEPS with a page and tells what came of them.

usage: browse.py [--size WIDTHxHEIGHT] [--dark] PAGE < STEPS

One step a line:
  eval EXPRESSION    prints its value as a line of JSON
  key NAME           a key, as in n, Enter, ArrowDown or Shift+Enter
  type TEXT          text into what has the focus
  point SELECTOR     moves the mouse over the middle of the element, without a press
  click SELECTOR     moves there and clicks
  shot FILE          a picture of the window
  pdf FILE           the page as it is printed

Fails when the page asks for anything but itself, breaks its own policy, or has an error.
"""

import argparse
import base64
import json
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "system"))
from browser import Browser  # noqa: E402 (it lies there)

KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Page(Browser):
    """One page, with all that the browser told of it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.events, self.session = [], None

    def next(self):
        message = super().next()
        self.events.append(message)
        return message

    def do(self, method, **parameters):
        return self.call(method, self.session, **parameters)

    def open(self, page, width, height, dark):
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(domain + ".enable")
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.do("Page.navigate", url=pathlib.Path(page).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.next()

    def evaluate(self, expression):
        answer = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{expression}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def painted(self):
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def point(self, selector):
        box = self.evaluate(f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                            "return [box.left + box.width / 2, box.top + box.height / 2]; })()")
        self.do("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
        return {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}

    def click(self, selector):
        where = self.point(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, **where)

    def key(self, name):
        *modifiers, name = name.split("+") if name != "+" else ["+"]
        event = {"key": name, "modifiers": 8 if "Shift" in modifiers else 0, "windowsVirtualKeyCode": KEYS.get(name, ord(name[0].upper()))}
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        self.do("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.do("Input.dispatchKeyEvent", type="keyUp", **event)

    def complaints(self, page):
        own = (pathlib.Path(page).resolve().as_uri(), "data:", "about:blank")
        for event in self.events:
            parameters, method = event.get("params", {}), event.get("method")
            if method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(own):
                yield "asked for " + parameters["request"]["url"]
            if method == "Runtime.exceptionThrown":
                yield parameters["exceptionDetails"]["exception"].get("description", "an exception")
            if method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                yield parameters["entry"]["text"]


def take_step(browser, step):
    name, _, rest = step.partition(" ")
    if name == "eval":
        print(json.dumps(browser.evaluate(rest), ensure_ascii=False))
    elif name == "type":
        browser.do("Input.insertText", text=rest)
    elif name == "shot":
        pathlib.Path(rest).write_bytes(base64.b64decode(browser.do("Page.captureScreenshot")["data"]))
    elif name == "pdf":
        pathlib.Path(rest).write_bytes(base64.b64decode(browser.do("Page.printToPDF", printBackground=True)["data"]))
    elif name in ("key", "point", "click"):
        getattr(browser, name)(rest)
    else:
        sys.exit(f"no step: {step}")
    browser.painted()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("page")
    parser.add_argument("--size", default="1400x900")
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Page(folder)
        try:
            browser.open(given.page, *map(int, given.size.split("x")), given.dark)
            browser.painted()
            for step in sys.stdin.read().splitlines():
                if step.strip():
                    take_step(browser, step.strip())
            complaints = list(browser.complaints(given.page))
        finally:
            browser.process.kill()
            browser.process.wait()
    sys.exit("\n".join(complaints) if complaints else 0)


main()
