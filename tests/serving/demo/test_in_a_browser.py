"""The page in a real browser, on a trained model: its pictures are those of `glow.decode`."""

import re

import numpy as np
import pytest

import tfglow
from serving.client import GlowClient
from tests.serving.demo.browser import open_browser
from tests.serving.demo.conftest import write_png
from tests.serving.toy_glow import IMAGE_SHAPE
from tfglow.latents import AttributeDirections, between

pytestmark = pytest.mark.slow

TEMPERATURE = 0.7
# A class: the run of one epoch has the digits' ten.
LABEL = 3


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def console(browser):
    """No test leaves an error in the browser's console."""
    yield
    assert browser.complaints() == []


@pytest.fixture(scope="module")
def glow(one_epoch):
    return tfglow.load_glow(one_epoch)


@pytest.fixture(scope="module")
def address(browser, one_epoch, made_once, serve_for_module):
    # After `browser`, which may skip. Here: the tests of the toys do without the export.
    from export.exporting import export_run

    return serve_for_module(made_once("exports", lambda base: export_run(one_epoch, base))).address


@pytest.fixture(scope="module")
def latents(address):
    """The latents of seeds 1 and 2 as the page draws them."""
    with GlowClient(address) as client:
        inputs = {"seed": [1, 2], "temperature": [TEMPERATURE] * 2}
        return client.predict("sample", inputs, LABEL)["latent"]


@pytest.fixture(scope="module")
def directions(glow, tmp_path_factory):
    dims = glow.config.num_dims
    vectors = np.random.default_rng(0).normal(scale=0.2, size=(2, dims))
    directions = AttributeDirections(("old", "<b>young</b>"), vectors)
    directions.save(tmp_path_factory.mktemp("directions") / "directions.npz")
    return directions


@pytest.fixture(scope="module")
def trained_page(address, open_page, directions, tmp_path_factory):
    path = tmp_path_factory.mktemp("directions") / "directions.npz"
    directions.save(path)
    return open_page(address, directions=path)


@pytest.fixture
def trained(browser, trained_page):
    """The browser with the page of the trained model, newly opened, at the class LABEL."""
    browser.open(trained_page.url)
    browser.text("#model", "glow, version")
    choose_class(browser, "#label")
    return browser


def choose_class(browser, selector):
    element = browser.one(selector)
    browser.wait(lambda: len(element.find_elements("css selector", "option")) == 10)
    browser.run(
        "arguments[0].value = arguments[1];"
        "for (const kind of ['input', 'change'])"
        "  arguments[0].dispatchEvent(new Event(kind, {bubbles: true}))",
        element,
        str(LABEL),
    )


def in_class(browser, part):
    """Chooses LABEL in a slot, and waits for its picture."""
    choose_class(browser, f"{part} select")
    browser.text(f"{part} figcaption", f"class {LABEL}")


def assert_same(got, want, glow):
    """A picture is that of `glow.decode`: float32's rounding may move a value by a level."""
    difference = np.abs(got.astype(int) - np.asarray(want))
    assert difference.max() <= 2 ** (8 - glow.config.num_bits)
    assert np.mean(difference > 0) < 0.05


def test_samples_are_those_of_glow(trained, glow, latents):
    trained.wait(lambda: trained.one("#grid").get_attribute("aria-busy") == "false")
    trained.wait(lambda: f"class {LABEL}" in trained.one("#grid img").get_attribute("alt"))
    tiles = trained.all("#grid .tile")
    assert [tile.text for tile in tiles] == [str(seed) for seed in range(1, 41)]
    want = glow.decode(latents, np.array([LABEL] * 2))
    for tile, picture in zip(tiles, want.numpy(), strict=False):
        image = tile.find_element("css selector", "img")
        assert_same(trained.png(image), picture, glow)
        shown = trained.pixels(image)
        np.testing.assert_array_equal(shown, np.broadcast_to(trained.png(image), shown.shape))


def test_a_sample_is_taken_elsewhere(trained, glow, latents):
    trained.wait(lambda: f"class {LABEL}" in trained.all("#grid img")[1].get_attribute("alt"))
    trained.wait(lambda: trained.all("#grid .tile")[1]).click()
    assert trained.one("#taken-title").text == f"seed 2 · temperature {TEMPERATURE} · class {LABEL}"
    trained.one("[data-to=between-second]").click()
    assert trained.one("#tab-between").get_attribute("aria-selected") == "true"
    trained.text(
        "#between-second figcaption", f"seed 2 · temperature {TEMPERATURE} · class {LABEL}"
    )
    picture = trained.png(trained.one("#between-second img"))
    assert_same(picture, glow.decode(latents[1:], np.array([LABEL]))[0], glow)


def test_between_two_samples(trained, glow, latents):
    trained.tab("between")
    for part in ("#between-first", "#between-second"):
        in_class(trained, part)
    for path, position in (("linear", 0.25), ("spherical", 0.8)):
        trained.one(f"input[value={path}]").click()
        trained.slide(trained.one("#position"), position)
        trained.text("#between-caption", f"{position:.2f} of the way, {path}")
        want = glow.decode(between(*latents, [position], path), np.array([LABEL]))[0]
        assert_same(trained.png(trained.one("#between-picture")), want, glow)
    trained.wait(lambda: len(trained.all("#strip img")) == 9)


def test_attributes_of_a_sample(trained, glow, latents, directions):
    trained.tab("attributes")
    in_class(trained, "#attributes-slot")
    labels = trained.wait(lambda: trained.all("#sliders label"))
    # A name from a file is text, whatever it says.
    assert [label.text.split("\n")[0] for label in labels] == ["old", "<b>young</b>"]
    sliders = trained.all("#sliders input")
    trained.slide(sliders[0], 1.5)
    trained.slide(sliders[1], -0.5)
    trained.text("#attributes-caption", "old +1.50 · <b>young</b> −0.50")
    latent = latents[0] + 1.5 * directions["old"] - 0.5 * directions["<b>young</b>"]
    want = glow.decode(latent[None].astype(np.float32), np.array([LABEL]))[0]
    assert_same(trained.png(trained.one("#attributes-picture")), want, glow)
    trained.one("#attributes-reset").click()
    trained.text("#attributes-caption", "unchanged")


def test_look_at_a_file(trained, glow, tmp_path):
    shape = glow.config.image_shape
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    file = tmp_path / "noise.png"
    file.write_bytes(write_png(image))
    trained.tab("look")
    in_class(trained, "#look-slot")
    trained.one("#look-slot input[type=file]").send_keys(str(file))
    trained.text("#look-slot figcaption", f"noise.png · class {LABEL}")
    np.testing.assert_array_equal(trained.png(trained.one("#look-slot img")), image)
    bits = glow.bits_per_dim(image[None], np.array([LABEL]), noise=np.full((1, *shape), 0.5))
    facts = trained.text("#facts", f"Bits per dimension\n{float(bits[0]):.2f}")
    assert re.search(r"Reconstruction\nexact\nEvery value comes back, in the \d bits", facts)
    top = image & (256 - 2 ** (8 - glow.config.num_bits))
    np.testing.assert_array_equal(trained.png(trained.one("#look-picture")), top)


def test_look_shows_the_detectors_p_value(browser, open_page, scored_server, detector):
    with GlowClient(scored_server.address) as client:
        image = client.predict("sample", {"seed": [1], "temperature": [TEMPERATURE]}, 0)["image"]
    expected = detector.score(image, [0])
    browser.open(open_page(scored_server.address).url)
    browser.tab("look")
    facts = browser.text("#facts", f"p-value\n{expected['p_value'][0]:.3f}")
    assert "Detector" not in facts
    browser.one("#facts summary").click()
    shown = browser.text("#facts table", "typicality")
    assert f"p_value_density {expected['p_value_density'][0]:.3f}" in shown
    assert "bits_per_dim_error" not in shown


def test_a_bad_file_is_a_sentence_and_the_next_is_shown(trained):
    name = "<img src=x onerror=alert(1)>.png"
    trained.tab("look")
    shown = trained.text("#look-slot figcaption", "seed 1")
    trained.drop("#look-slot .frame", name, b"no picture at all")
    error = trained.text("#look-slot .error", "The file cannot be read as a picture")
    assert error.startswith(f"{name}: ")
    assert trained.one("#look-slot figcaption").text == shown
    assert trained.all("[onerror]") == []
    trained.drop("#look-slot .frame", "large.png", write_png(np.zeros([30, 50], np.uint8)))
    trained.text("#look-slot figcaption", "large.png")
    trained.text("#look-slot .hint", "Fitted from 50 × 30 to 8 × 8 pixels.")
    assert not trained.one("#look-slot .error").is_displayed()


def test_what_is_refused_at_once_is_said_after_what_is_under_way(trained):
    idle = "return document.getElementById('grid').getAttribute('aria-busy') === 'false'"
    trained.wait(lambda: trained.run(idle))
    for value in ("77", "1.5"):
        trained.slide(trained.one("#seed"), value)
    trained.text("#sample-error", "A seed is a whole number")
    trained.wait(lambda: trained.run(idle))
    assert trained.one("#sample-error").is_displayed()
    trained.slide(trained.one("#seed"), "78")
    trained.wait(lambda: [tile.text for tile in trained.all("#grid .tile")][39] == "117")
    assert not trained.one("#sample-error").is_displayed()

    trained.tab("look")
    trained.text("#look-slot figcaption", "seed 1")
    trained.run(
        """
        const frame = document.querySelector("#look-slot .frame");
        document.querySelector("#look-slot figure button").click();
        frame.dispatchEvent(new DragEvent("drop", {dataTransfer: new DataTransfer()}));
        """
    )
    trained.text("#look-slot .error", "That was no file")
    trained.wait(lambda: "seed 1 " not in trained.one("#look-slot figcaption").text)
    assert trained.one("#look-slot .error").is_displayed()


def test_of_many_moves_the_last_is_shown_and_most_are_never_asked_for(trained):
    trained.tab("between")
    trained.text("#between-caption", "0.50 of the way")
    trained.wait(lambda: len(trained.all("#strip img")) == 9)
    calls = "return performance.getEntriesByName(location.origin + '/api/between').length"
    before = trained.run(calls)
    trained.run(
        """
        const slider = document.getElementById("position");
        for (let i = 0; i <= 100; i++) {
          slider.value = i / 100;
          slider.dispatchEvent(new Event("input", {bubbles: true}));
        }
        """
    )
    trained.text("#between-caption", "1.00 of the way")
    # All within a moment: one that is under way, and the last.
    assert trained.run(calls) - before <= 3


def test_all_comes_from_the_page_itself(trained, trained_page):
    for tab in ("between", "attributes", "look", "sample"):
        trained.tab(tab)
    trained.wait(lambda: trained.all("#grid .tile"))
    names = trained.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert len(names) > 10
    assert [n for n in names if not n.startswith((trained_page.url, "data:"))] == []
    # And nothing that it is told becomes HTML.
    message = trained.run(
        "try { document.body.innerHTML = '<b>x</b>'; return 'let through'; }"
        "catch (error) { return error.name; }"
    )
    assert message == "TypeError"
    trained.complaints()  # The browser's word of it.


def test_by_keyboard(trained):
    from selenium.webdriver.common.keys import Keys

    trained.one("#tab-sample").send_keys(Keys.ARROW_RIGHT)
    assert trained.run("return document.activeElement.id") == "tab-between"
    assert trained.one("#between").is_displayed()
    assert not trained.one("#sample").is_displayed()
    trained.one("#tab-between").send_keys(Keys.END)
    assert trained.run("return location.hash") == "#/look"
    trained.tab("attributes")
    # Whatever takes the focus has a name.
    shown = [e for e in trained.all("button, input, select, a") if e.is_displayed()]
    assert len(shown) > 7
    assert [e.get_attribute("outerHTML") for e in shown if not e.accessible_name] == []


def test_a_server_that_goes_away_and_comes_back(browser, serve, toy_base, open_page):
    # What a server says is text, whatever it is.
    name = "<img src=x onerror=alert(1)>"
    server = serve(toy_base, model_name=name)
    page = open_page(server.address, model_name=name)
    browser.open(page.url)
    browser.text("#model", name)
    assert browser.all("[onerror]") == []
    browser.tab("between")
    browser.text("#between-caption", "0.50 of the way, linear")
    image = np.random.default_rng(3).integers(0, 256, IMAGE_SHAPE, np.uint8)
    browser.drop("#between-first .frame", "mine.png", write_png(image))
    browser.text("#between-first figcaption", "mine.png")
    server.stop(1.0)
    browser.slide(browser.one("#position"), 0.0)
    browser.text("#notice", f"{server.address} is unavailable")
    serve(toy_base, model_name=name, port=int(server.address.rpartition(":")[2]))
    browser.text("#between-caption", "0.00 of the way, linear")
    browser.wait(lambda: not browser.one("#notice").is_displayed())
    np.testing.assert_array_equal(browser.png(browser.one("#between-picture")), image)


def test_what_the_page_shows_follows_a_new_version(browser, serve, tmp_path, open_page):
    from tests.serving.toy_glow import ToyGlow

    ToyGlow().save(tmp_path, 1)
    page = open_page(serve(tmp_path).address)
    browser.open(page.url)
    browser.text("#model", "version 1")
    before = browser.png(browser.wait(lambda: browser.all("#grid img"))[0]).astype(int)
    ToyGlow(tint=9).save(tmp_path, 2)
    browser.text("#model", "version 2")

    def shifted():
        after = browser.png(browser.all("#grid img")[0])
        inside = (after > 0) & (after < 255) & (before > 0)
        return inside.any() and np.all((after - before)[inside] == 9)

    browser.wait(shifted)
