#!/usr/bin/env python3
"""A headless Chromium that does STEPS with a page and tells what came of them.

usage: browser.py [--size WIDTHxHEIGHT] [--dark] PAGE < STEPS

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
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Browser:
    """The browser's own protocol over two pipes; see chromedevtools.github.io/devtools-protocol."""

    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()

        def pipes():  # the browser expects them as 3 and 4
            os.dup2(os.dup(theirs_in), 3)
            os.dup2(os.dup(theirs_out), 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", f"--user-data-dir={folder}",
                 "--remote-debugging-pipe", "about:blank"]
        fds = dict.fromkeys([theirs_in, theirs_out, 3, 4])
        self.process = subprocess.Popen(["chromium", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=pipes, pass_fds=tuple(fds))
        os.close(theirs_in)
        os.close(theirs_out)
        self.number, self.rest, self.events, self.session = 0, b"", [], None

    def receive(self):
        while b"\0" not in self.rest:
            piece = os.read(self.back, 1 << 20)
            if not piece:
                sys.exit("the browser went away")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page, width, height, dark):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.call("Page.navigate", url=pathlib.Path(page).resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{expression}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def painted(self):
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def point(self, selector):
        box = self.evaluate(f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                            "return [box.left + box.width / 2, box.top + box.height / 2]; })()")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
        return {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}

    def click(self, selector):
        where = self.point(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def key(self, name):
        *modifiers, name = name.split("+") if name != "+" else ["+"]
        event = {"key": name, "modifiers": 8 if "Shift" in modifiers else 0, "windowsVirtualKeyCode": KEYS.get(name, ord(name[0].upper()))}
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def complaints(self, page):
        own = (pathlib.Path(page).resolve().as_uri(), "data:", "about:blank")
        for event in self.events:
            parameters = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(own):
                yield "asked for " + parameters["request"]["url"]
            if event["method"] == "Runtime.exceptionThrown":
                yield parameters["exceptionDetails"]["exception"].get("description", "an exception")
            if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                yield parameters["entry"]["text"]

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(20)


def do(browser, step):
    name, _, rest = step.partition(" ")
    if name == "eval":
        print(json.dumps(browser.evaluate(rest), ensure_ascii=False))
    elif name == "type":
        browser.call("Input.insertText", text=rest)
    elif name == "shot":
        pathlib.Path(rest).write_bytes(base64.b64decode(browser.call("Page.captureScreenshot")["data"]))
    elif name == "pdf":
        pathlib.Path(rest).write_bytes(base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"]))
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
    folder = tempfile.mkdtemp(prefix="browser.")
    browser = Browser(folder)
    try:
        browser.open(given.page, *map(int, given.size.split("x")), given.dark)
        browser.painted()
        for step in sys.stdin.read().splitlines():
            if step.strip():
                do(browser, step.strip())
        complaints = list(browser.complaints(given.page))
        browser.close()
    finally:
        if browser.process.poll() is None:
            browser.process.kill()
            browser.process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit("\n".join(complaints) if complaints else 0)


main()
