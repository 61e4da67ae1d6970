"""What a person sees who works in a notebook: a real kernel, asked cell by cell."""

import queue

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.slow

AGAIN = 5.0  # seconds until an interrupt is sent once more

SETUP = """
import warnings
import optiinr_jax as oi
signal = oi.sample_signal("image", size=24)
small = {"width": 8, "depth": 1}
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def outputs_of(client, code, interrupt=None, after=""):
    """Messages of a cell that has run, interrupted once it has said some word."""
    request = client.execute(code)
    messages, begun = [], False
    while True:
        try:
            message = client.get_iopub_msg(timeout=AGAIN if begun else 120)
        except queue.Empty:
            if not begun:
                raise
            interrupt()  # one that meets the compiler is lost: a person presses again
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            return messages
        messages.append((kind, content))
        is_shown = kind in ("display_data", "update_display_data")
        if interrupt is not None and not begun and is_shown:
            begun = after in content["data"].get("text/plain", "")
            if begun:
                interrupt()


def texts(messages, kind):
    return [content["data"].get("text/plain", "") for k, content in messages if k == kind]


def test_a_search_fills_one_line_and_what_is_left_is_kept(kernel):
    """Interrupted, it returns the study; nothing of a traceback, nothing line by line."""
    manager, client = kernel
    assert not [m for m in outputs_of(client, SETUP) if m[0] == "error"]
    code = "study = oi.search(signal, num_trials=400, num_steps=500, **small)"
    messages = outputs_of(client, code, manager.interrupt_kernel, after="trial   6")
    assert not [content for kind, content in messages if kind == "error"]
    assert len(texts(messages, "display_data")) == 1  # one line, which changes
    assert len(texts(messages, "update_display_data")) >= 1
    said = "".join(content["text"] for kind, content in messages if kind == "stream")
    assert "search: interrupted after" in said and said.count("\n") == 1
    shown = outputs_of(
        client, "print(study.is_interrupted, len(study.trials) > 1, study.best_score > 0)"
    )
    assert shown[-1][1]["text"].split() == ["True"] * 3


def test_an_interrupted_fit_is_a_network(kernel):
    manager, client = kernel
    outputs_of(client, SETUP)
    code = "inr = oi.fit(signal, oi.preset('siren', width=64), num_steps=10**6)"
    messages = outputs_of(client, code, manager.interrupt_kernel, after="loss")
    assert not [content for kind, content in messages if kind == "error"]
    shown = outputs_of(
        client,
        "print(inr.info['interrupted'], 0 < inr.num_steps == len(inr.history) < 10**6)\n"
        "print(inr.score > 10)",
    )
    assert shown[-1][1]["text"].split() == ["True"] * 3


def test_values_show_themselves(kernel):
    """A signal, a network and a study are pictures; their text is short."""
    _, client = kernel
    outputs_of(client, SETUP)
    outputs_of(
        client,
        "study = oi.search(signal, num_trials=3, num_steps=300, progress=False, **small)\n"
        "inr = study.best_inr\n"
        "comparison = oi.compare(study, num_seeds=1, progress=False)\n",
    )
    for name, sign in (
        ("signal", "<img"),
        ("inr", "<img"),
        ("study", "<svg"),
        ("comparison", "<table"),
    ):
        (shown,) = [c for kind, c in outputs_of(client, name) if kind == "execute_result"]
        assert sign in shown["data"]["text/html"]
        assert len(shown["data"]["text/plain"]) < 250
    (shown,) = [c for kind, c in outputs_of(client, "study.trials") if kind == "execute_result"]
    assert len(shown["data"]["text/plain"]) < 600
    (shown,) = [
        content
        for kind, content in outputs_of(
            client,
            "from optiinr_jax.report import show_report\nshow_report(study, comparison)",
        )
        if kind == "execute_result"
    ]
    assert shown["data"]["text/html"].startswith("<iframe srcdoc=")
    for code in ("study.plot();", "inr.plot(signal);"):
        messages = outputs_of(client, f"%matplotlib inline\n{code}")
        assert any(
            "image/png" in c.get("data", {}) for kind, c in messages if kind == "display_data"
        )
