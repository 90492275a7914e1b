#!/usr/bin/env python3
"""page.py KEEL CHECKPOINT IMAGE: the page of keel serve in Debian's Chromium, driven over its debugging protocol.

A person's image is dropped: scores of the labels, sorted, and an overlay appear; a click on a label draws another one; nothing
is fetched from elsewhere and nothing is said on the console. Exits with 77 where there is no Chromium."""
import base64
import http.client
import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds


class Browser:
    """A page of Chromium, by a websocket of the few frames that it takes."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             f"--user-data-dir={folder}/profile", "--remote-debugging-port=0", "about:blank"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            if "DevTools listening on" in line:
                port = int(line.split("127.0.0.1:")[1].split("/")[0])
                break
        else:
            raise SystemExit("chromium did not start")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/json")
        pages = [page for page in json.loads(connection.getresponse().read()) if page["type"] == "page"]
        path = "/" + pages[0]["webSocketDebuggerUrl"].split("/", 3)[3]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.held = b""
        while b"\r\n\r\n" not in self.held:
            self.held += self.socket.recv(4096)
        self.held = self.held.split(b"\r\n\r\n", 1)[1]
        self.events, self.last = [], 0

    def read(self, count):
        while len(self.held) < count:
            more = self.socket.recv(65536)
            if not more:
                raise SystemExit("chromium hung up")
            self.held += more
        data, self.held = self.held[:count], self.held[count:]
        return data

    def message(self):
        text = b""
        while True:
            first, length = self.read(2)
            length &= 127
            if length >= 126:
                length = int.from_bytes(self.read(2 if length == 126 else 8), "big")
            text += self.read(length)
            if first & 128:
                return json.loads(text)

    def call(self, method, **params):
        self.last += 1
        data = json.dumps({"id": self.last, "method": method, "params": params}).encode()
        size = struct.pack("!BB", 129, 128 | len(data)) if len(data) < 126 else (
            struct.pack("!BBH", 129, 254, len(data)) if len(data) < 65536 else struct.pack("!BBQ", 129, 255, len(data)))
        self.socket.sendall(size + bytes(4) + data)  # a mask of zeros
        while True:
            answer = self.message()
            if answer.get("id") == self.last:
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, script):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.05)
        raise SystemExit(f"never came true: {script}; status: {self.evaluate('document.getElementById(`status`).textContent')}")

    def close(self):
        self.process.terminate()
        self.process.wait()


def check(condition, what):
    if not condition:
        raise SystemExit(f"failed: {what}")


def main():
    keel, checkpoint, image = sys.argv[1:4]
    if shutil.which("chromium") is None:
        print("skipped: there is no chromium (Debian: apt-get install chromium)")
        return 77
    server = subprocess.Popen([keel, "serve", f"small={checkpoint}", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    url = next(line for line in server.stderr if "listening on" in line).split("listening on ")[1].strip()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            for domain in ("Page", "Network", "Runtime", "Log"):
                browser.call(f"{domain}.enable")
            browser.call("Page.navigate", url=url + "/")
            browser.wait_for("typeof model !== 'undefined' && model !== null")
            data = base64.b64encode(pathlib.Path(image).read_bytes()).decode()
            drop = (f"(() => {{ const bytes = Uint8Array.from(atob('{data}'), c => c.charCodeAt(0)); const data = new DataTransfer();"
                    "data.items.add(new File([bytes], 'x.png')); document.getElementById('drop').dispatchEvent("
                    "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})); })()")
            browser.evaluate(drop)
            browser.wait_for("document.querySelectorAll('#rows tr').length === model.parameters.labels.length")
            scores = browser.evaluate("[...document.querySelectorAll('#rows tr')].map(r => Number(r.children[2].textContent))")
            check(scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores), f"scores {scores}")
            seen = "document.getElementById('shown')"
            browser.wait_for(f"{seen}.complete && {seen}.naturalWidth > 0")
            first = browser.evaluate(f"{seen}.src")
            check(first.startswith("data:image/png;base64,"), "an overlay")
            browser.evaluate("document.querySelectorAll('#rows button')[2].click()")
            browser.wait_for(f"{seen}.src !== {json.dumps(first)}")
            browser.evaluate("take([new File([new Uint8Array(9)], 'none')])")
            browser.wait_for("document.getElementById('status').className === 'bad'")
            check("image 1" in browser.evaluate("document.getElementById('status').textContent"), "a refusal is shown")
            asked = [event["params"]["request"]["url"] for event in browser.events if event.get("method") == "Network.requestWillBeSent"]
            check(asked and all(address.startswith((url, "data:", "blob:")) for address in asked), f"requests: {asked}")
            words = [event for event in browser.events if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
            check(not words, f"the console: {words}")
        finally:
            browser.close()
            server.send_signal(signal.SIGTERM)
    check(server.wait(60) == 0, "the server's exit code")
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
