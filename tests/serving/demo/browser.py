"""A real browser for the tests of the page: Debian's chromium, without a window."""

import base64
import contextlib
import shutil

import numpy as np
import pytest

from tests.serving.demo.conftest import read_png

# No window, no sandbox (tests may run as root), no GPU, and no talk with anybody but the page.
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1120,860",
)
_SECONDS = 60

# The page's picture as the browser shows it, pixel by pixel, once it is there.
_PIXELS = """
const image = arguments[0];
if (!image.complete || !image.naturalWidth) return null;
const canvas = document.createElement("canvas");
canvas.width = image.naturalWidth;
canvas.height = image.naturalHeight;
const context = canvas.getContext("2d");
context.drawImage(image, 0, 0);
return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
"""


@contextlib.contextmanager
def open_browser(profile):
    """A `Browser` with a fresh profile; skips where there is none, and installs nothing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("no browser: Debian's packages chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    connection = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(connection)
    finally:
        connection.quit()


class Browser:
    """What a person does with the page, and sees of it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        """Loads a page anew."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def all(self, selector):
        """The elements of a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        """The first of them."""
        return self.driver.find_element("css selector", selector)

    def run(self, script, *arguments):
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def tab(self, name):
        """Opens a tab."""
        self.one(f"#tab-{name}").click()

    def slide(self, element, value):
        """Moves a slider, as a hand on the mouse does."""
        self.run(
            "arguments[0].value = arguments[1];"
            "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
            element,
            str(value),
        )

    def wait(self, condition):
        """The first true value of a function; elements may be replaced meanwhile."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        ignored = [StaleElementReferenceException, IndexError]
        wait = WebDriverWait(self.driver, _SECONDS, 0.05, ignored_exceptions=ignored)
        return wait.until(lambda _: condition())

    def text(self, selector, wanted):
        """Waits until an element's visible text has `wanted` in it; returns the text."""
        self.wait(lambda: wanted in self.one(selector).text)
        return self.one(selector).text

    def png(self, image):
        """The picture of an <img>, uint8 [H, W, C], by the bytes of its PNG."""
        return read_png(image.get_attribute("src").removeprefix("data:image/png;base64,"))

    def pixels(self, image):
        """The same as it is on the screen, uint8 [H, W, 3]."""
        flat = self.wait(lambda: self.run(_PIXELS, image))
        height = int(image.get_property("naturalHeight"))
        return np.array(flat, np.uint8).reshape(height, -1, 4)[..., :3]

    def drop(self, selector, name, content):
        """Drops a file onto an element."""
        self.run(
            """
            const bytes = Uint8Array.from(atob(arguments[2]), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], arguments[1]));
            for (const kind of ["dragenter", "dragover", "drop"]) {
              const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
              document.querySelector(arguments[0]).dispatchEvent(new DragEvent(kind, options));
            }
            """,
            selector,
            name,
            base64.b64encode(content).decode(),
        )

    def complaints(self):
        """What the browser's console has of errors, since it was last asked, but failed calls."""
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        return [message for message in messages if "Failed to load resource" not in message]
