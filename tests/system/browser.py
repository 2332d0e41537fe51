#!/usr/bin/env python3
"""A page in a real browser, by the browser's own protocol on two descriptors. Python's standard library only.

usage: browser.py URL WIDTH HEIGHT SCREENSHOT EXPRESSION

Opens URL in Chromium on a screen of that size (a phone's when it is narrow), waits until EXPRESSION is true there, makes a
picture of the whole page, and prints {"value": its value, "overflow": pixels by which the page is wider than the screen,
"small": controls that a finger would miss, "console": what went wrong}. What is not true in 20 s is an error.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# WCAG 2.2, 2.5.8: 24 by 24 CSS pixels; links in running text are free of it.
SMALL = """[...document.querySelectorAll('button, summary, input, select')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && (box.width < 24 || box.height < 24);
}).map(e => e.outerHTML.slice(0, 80))"""


class Browser:
    def __init__(self, folder):
        to_read, self.to = os.pipe()
        self.answers, answers_write = os.pipe()
        self.rest, self.number, self.console = b"", 0, []

        def descriptors():
            os.dup2(to_read, 13), os.dup2(answers_write, 14)
            os.dup2(13, 3), os.dup2(14, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             f"--user-data-dir={folder}", "--remote-debugging-pipe"],
            preexec_fn=descriptors, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read), os.close(answers_write)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]

    def next(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 1 << 16)
            if not piece:
                sys.exit("the browser ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(parameters["exceptionDetails"]["exception"].get("description", "exception"))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.console.append(parameters["entry"]["text"])
        return message


def main(url, width, height, screenshot, expression):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder: # the browser may still write
        browser = Browser(folder)
        try:
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

            def evaluate(text):
                result = browser.call("Runtime.evaluate", session, expression=text, returnByValue=True)
                return result["result"].get("value")

            for domain in ("Page", "Runtime", "Log"):
                browser.call(domain + ".enable", session)
            browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=height, deviceScaleFactor=2,
                         mobile=width < 600)
            browser.call("Page.navigate", session, url=url)
            end = time.monotonic() + 20
            while not (value := evaluate(expression)):
                if time.monotonic() > end:
                    sys.exit(f"{url}: not true in 20 s: {expression}; {browser.console}")
                time.sleep(0.1)
            answer = {"value": value, "overflow": evaluate(OVERFLOW), "small": evaluate(SMALL), "console": browser.console}
            picture = browser.call("Page.captureScreenshot", session, captureBeyondViewport=True)
            with open(screenshot, "wb") as file:
                file.write(base64.b64decode(picture["data"]))
            print(json.dumps(answer))
        finally:
            browser.process.kill()
            browser.process.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
