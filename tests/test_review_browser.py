"""The review page in a real browser: Debian's chromium, headless, spoken to over its debugging pipe (file descriptors 3 and 4)."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagger.corrections import read_corrections
from tests.review_samples import EVIL, SDG, write_sample

pytest.importorskip("fastapi", reason="needs the extra [review]")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0

# Puts the ends of two pipes where the browser looks for them, and becomes the browser.
LAUNCH = """
import os, sys
read, write = int(sys.argv[1]), int(sys.argv[2])
read, write = os.dup(read), os.dup(write)  # neither is 3 or 4 now, or it is the one that is wanted there
high = [os.dup2(fd, 20 + n) for n, fd in enumerate((read, write))]
os.dup2(high[0], 3); os.dup2(high[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One page of the browser."""

    def __init__(self, process: subprocess.Popen[bytes], to_browser: int, from_browser: int) -> None:
        self._process, self._to, self._from = process, to_browser, from_browser
        self._n, self._pending, self._session = 0, b"", None  # type: int, bytes, str | None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.faults: list[str] = []

    def call(self, method: str, **parameters: Any) -> Any:
        self._n += 1
        message: dict[str, Any] = {"id": self._n, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            while b"\0" not in self._pending:
                if not select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0]:
                    raise TimeoutError(method)
                chunk = os.read(self._from, 1 << 16)
                if not chunk:
                    raise RuntimeError(f"the browser has gone: {self._process.poll()}")
                self._pending += chunk
            raw, _, self._pending = self._pending.partition(b"\0")
            answer = json.loads(raw)
            if answer.get("method") == "Runtime.exceptionThrown":
                self.faults.append(json.dumps(answer["params"]["exceptionDetails"])[:300])
            if answer.get("id") == self._n:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def value(self, script: str) -> Any:
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, script: str) -> Any:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if value := self.value(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}; the page says {self.value('document.body.innerText')}")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def press(self, key: str, *, modifiers: int = 0) -> None:
        named = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38}
        text = "\r" if key == "Enter" else key if key not in named else None
        event: dict[str, Any] = {"key": key, "modifiers": modifiers}
        if key in named:
            event |= {"windowsVirtualKeyCode": named[key], "code": key}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **down, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def text(self, id_: str) -> str:
        return str(self.value(f"document.getElementById({id_!r}).textContent"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    tagged = write_sample(tmp_path)
    command = [sys.executable, "-m", "tagger", "review", "serve", str(tagged), "--db", str(tmp_path / "r.sqlite")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--port", "0", "--no-neighbours"], stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if match := re.search(r"http://127\.0\.0\.1:\d+/", line):
                yield match[0], tmp_path
                break
        else:
            raise AssertionError(said)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    assert CHROMIUM is not None
    down, up = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-pipe", "about:blank"]
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(down[0]), str(up[1]), CHROMIUM, *options],
        pass_fds=(down[0], up[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(down[0])
    os.close(up[1])
    try:
        yield Page(process, down[1], up[0])
    finally:
        os.close(down[1])
        os.close(up[0])
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def test_a_reviewer_works_with_the_keyboard(service: tuple[str, Path], page: Page) -> None:
    url, folder = service
    page.open(url)
    page.wait("document.querySelector('#name-dialog[open]') !== null")
    page.type("Ann Ångström")
    page.press("Enter")
    page.wait("document.querySelector('#card:not([hidden])') !== null")
    assert "reviewer=Ann" in page.value("document.cookie") and page.text("rename") == "Ann Ångström"

    def item() -> str:
        return str(page.value("document.getElementById('card').dataset.item"))

    first = item()
    assert page.value("document.querySelector('#outcome mark').textContent") == "wastewater"
    page.press("j")
    page.wait(f"document.getElementById('card').dataset.item !== {first!r}")
    page.press("k")
    page.wait(f"document.getElementById('card').dataset.item === {first!r}")

    page.press("a")  # accept, and on to the next
    page.wait(f"document.getElementById('card').dataset.item !== {first!r}")
    assert page.text("progress").startswith("1 of 6 decided, serving 2 of 7")
    second = item()
    page.press("r")
    page.wait(f"document.getElementById('card').dataset.item !== {second!r}")
    page.press("u")
    page.wait(f"document.getElementById('card').dataset.item === {second!r}")
    assert page.text("progress").startswith("1 of 6") and page.text("verdict") == ""

    page.press("m")
    page.type("r is typed here, not pressed")
    page.press("Escape")
    page.press("c")
    page.wait("document.querySelectorAll('#concepts li').length > 3")
    page.type("climate")
    page.wait("document.querySelectorAll('#concepts li').length === 1")
    page.press("Enter")
    page.wait(f"document.getElementById('card').dataset.item !== {second!r}")
    page.press("k")
    page.wait(f"document.getElementById('card').dataset.item === {second!r}")
    assert page.text("verdict") == "You: change to 13 Climate action (r is typed here, not pressed)"

    page.press("?")
    assert page.wait("document.querySelector('#help-dialog[open]') !== null")
    page.press("Escape")
    page.wait("document.querySelector('dialog[open]') === null")

    lines = page.value("fetch('/api/corrections.jsonl').then((answer) => answer.text())")
    (folder / "c.jsonl").write_text(lines, encoding="utf-8")
    said = {(c.decision, c.concept, c.reviewer) for c in read_corrections(folder / "c.jsonl")}
    assert {("accept", SDG + "6", "Ann Ångström"), ("add", SDG + "13", "Ann Ångström")} <= said
    assert page.faults == []

    page.open(url)  # the name is known, and the decisions are there
    page.wait("document.getElementById('progress').textContent.startsWith('2 of 6 decided')")
    assert page.value("document.querySelector('dialog[open]') === null")


def test_text_of_the_catalogue_runs_nothing(service: tuple[str, Path], page: Page) -> None:
    url, _ = service
    page.open(f"{url}?reviewer=%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D1%3E")
    page.wait("document.querySelector('#card:not([hidden])') !== null")
    page.value(
        "(document.getElementById('q').value = 'onerror', document.getElementById('q').dispatchEvent(new Event('input', {bubbles: true})))"
    )
    page.wait("document.getElementById('total').textContent === '1 question'")
    assert page.text("outcome") == EVIL
    assert page.text("title") == "<b>Déjà vu</b>"
    assert page.value("document.querySelectorAll('main img, main b, main script').length") == 0
    assert page.value("document.title") == "Review of tags"
    refused = page.value("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"  # by the page's policy, with or without a network
    assert page.faults == []
