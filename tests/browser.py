"""A page in Chromium without a window, that sends back what it has found."""

import json
import shutil
import subprocess
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

OPTIONS = [
    *("--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL without a graphics card
    *("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"),
]


def ask_page(page, folder, seconds=240):
    """What a page posts to "/answer", as JSON."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium; install one to run shaders in a browser")
    answers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode() if self.path == "/" else b"")

        def do_POST(self):
            answers.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 5
        command = [chromium, *OPTIONS, f"--user-data-dir={folder / 'user'}"]
        browser = subprocess.Popen(
            [*command, f"http://127.0.0.1:{server.server_port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + seconds
            while not answers and time.monotonic() < end and browser.poll() is None:
                server.handle_request()
        finally:
            browser.terminate()
            browser.wait()
    assert answers, "the page sent nothing"
    return json.loads(answers[0])
