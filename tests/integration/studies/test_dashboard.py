"""Optuna's dashboard opens a study of ours."""

import subprocess
import sys

import pytest

import optiinr_jax as oi
from tests.studies import advance

ASK = """
import sys, json, optuna, bottle, io
from optuna_dashboard import wsgi
app = wsgi(optuna.storages.RDBStorage(sys.argv[1]))
def get(path):
    seen = []
    env = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": io.BytesIO()}
    env["wsgi.errors"] = sys.stderr
    body = app(env, lambda status, *more: seen.append(status))
    return seen[0], b"".join(body)
status, body = get("/api/studies"); assert status.startswith("200"), status
number = json.loads(body)["study_summaries"][0]["study_id"]
status, body = get(f"/api/studies/{number}"); assert status.startswith("200"), status
print(len(json.loads(body)["trials"]))
"""


def test_the_dashboard_lists_the_trials(tmp_path):
    pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard")
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = oi.create_study(
        oi.sample_signal(size=8), storage=storage, width=8, depth=1, strategy="random"
    )
    advance(study, 3)
    done = subprocess.run(
        [sys.executable, "-c", ASK, storage], capture_output=True, text=True, check=True
    )
    rows = study.optuna_study.get_trials()  # published networks wait for a larger budget
    assert int(done.stdout) == len(rows) > 3
