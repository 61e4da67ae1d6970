"""A browser computes what `predict` gives, by the shaders alone and by the page of a network."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser import ask_page
from tests.exported import KINDS_OF_NETWORK, OTHERS, SIZES, assert_close

RUN_TEXTS = (Path(__file__).parent / "run_shaders.js").read_text()


@pytest.mark.needs_chromium
def test_glsl_and_wgsl_in_a_browser(cases, others, tmp_path):
    some = {
        f"{kind} {name}": cases[kind, name]
        for name, kind in zip(
            KINDS_OF_NETWORK, ["image", "image", "audio", "volume", "volume"], strict=True
        )
    } | others
    texts = {}
    for name, (inr, coords, values) in some.items():
        points = np.zeros((1024, 4), "<f4")
        points[: len(coords), : coords.shape[1]] = coords
        sizes = {"num_dims": coords.shape[1], "num_channels": values.shape[1]}
        data = base64.b64encode(points.tobytes()).decode()
        texts[name] = {**sizes, "glsl": inr.to_glsl(), "wgsl": inr.to_wgsl(), "points": data}
    page = f"<!doctype html><script>const cases = {json.dumps(texts)};\n{RUN_TEXTS}</script>"
    answer = ask_page(page, tmp_path)
    assert set(answer) == set(some)
    for name, (_, coords, expected) in some.items():
        for language in ("glsl", "wgsl"):
            text = answer[name][language]
            if text == "no WebGPU" and language == "wgsl":
                continue
            assert re.fullmatch(r"[\w+/=]*", text), f"{name}: {text}"
            values = np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 4)
            assert_close(values[: len(coords), : expected.shape[1]], expected)


PROBE = """<script>
const drawn = async () => {
  await new Promise((later) => setTimeout(later, 50));
  while (canvas.dataset.state === "drawing") await new Promise((later) => setTimeout(later, 50));
  return canvas.toDataURL();
};
(async () => {
  const shown = [await drawn()];
  const menu = document.querySelector("select");
  for (let i = 1; menu && i < menu.length; i++) {
    menu.selectedIndex = i;
    menu.dispatchEvent(new Event("change"));
    shown.push(await drawn());
  }
  let later = null;
  if (facts.time !== null) {
    document.querySelector("button").click();
    await new Promise((later) => setTimeout(later, 500));
    document.querySelector("button").click();
    later = await drawn();
  }
  const values = context ? Array.from(valuesAt(context, POINTS)) : [];
  const problem = document.getElementById("problem").textContent;
  const wide = document.documentElement.scrollWidth > innerWidth;
  fetch("/answer", {method: "POST", body: JSON.stringify({shown, later, values, problem, wide})});
})();
</script>"""


def pixels_of(url):
    shown = Image.open(BytesIO(base64.b64decode(url.split(",")[1])))
    return np.asarray(shown.convert("RGB"), np.float64)


def plane_of(inr, axes, size, time=None):
    """What the network has on a plane through the middle, or at a time, as levels of 255."""
    frame = inr.frame
    coords = np.zeros((*size, frame.num_dims), np.float32)
    for axis, n in enumerate(frame.shape):
        place = float(n // 2 if time is None else time)
        if axis in axes:
            k = axes.index(axis)
            place = (np.arange(size[k]) + 0.5) * n / size[k] - 0.5
            place = place.reshape((-1, 1) if k == 0 else (1, -1))
        coords[..., axis] = 2.0 * place / (n - 1) - 1.0
    low, high = frame.natural_range
    values = (inr.predict(coords) - low) / (high - low)
    values = values if frame.kind in ("image", "video") else values[..., :1]
    return np.broadcast_to(np.clip(255.0 * values, 0.0, 255.0), (*size, 3))


PLANES = {  # what is drawn first, and then by the menu
    "image": [(0, 1)],
    "map": [(0, 1)],
    "video": [(1, 2)],
    "field of vectors in time": [(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)],
}


@pytest.mark.needs_chromium
@pytest.mark.parametrize(
    "name", [*SIZES, "video", "map", "series", "field of vectors in time", "stereo"]
)
def test_the_page_shows_what_render_gives(name, cases, others, tmp_path, monkeypatch):
    inr, coords, expected = others[name] if name in OTHERS else cases[name, "sine"]
    if name in OTHERS:  # drawn small, which is quick
        monkeypatch.setattr("optiinr_jax.inr.exports.page._LONGEST", 160)
    if name == "volume":  # a surface to be seen
        output = {**inr.params["output"], "bias": inr.params["output"]["bias"] + 0.5}
        inr = inr.with_params({**inr.params, "output": output})
        expected = inr.predict(coords)
    page = inr.to_html(tmp_path / "a.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    points = f"Float32Array.from({json.dumps(coords.ravel().astype(float).tolist())})"
    answer = ask_page(page + PROBE.replace("POINTS", points), tmp_path)
    assert answer["problem"] == "" and not answer["wide"]
    assert_close(np.float32(answer["values"]).reshape(expected.shape), expected)
    shown = [pixels_of(url) for url in answer["shown"]]
    if name in PLANES:
        for pixels, axes in zip(shown, PLANES[name], strict=True):
            assert max(pixels.shape) >= 10 * max(inr.frame.shape[axis] for axis in axes)
            time = 0 if name == "video" else None
            assert np.abs(pixels - plane_of(inr, axes, pixels.shape[:2], time)).max() <= 1.0
            assert np.ptp(pixels) > 8
    else:
        (pixels,) = shown
        assert 0.01 < np.mean(np.abs(pixels - pixels[0, 0]).max(axis=-1) > 8) < 0.9
    if name == "video":  # it plays
        assert np.abs(pixels_of(answer["later"]) - shown[0]).max() > 8
    if name == "map":  # a step to the right is 1.5 times one down
        assert shown[0].shape[1] / shown[0].shape[0] == pytest.approx(1.5 * 16 / 12, abs=0.02)
