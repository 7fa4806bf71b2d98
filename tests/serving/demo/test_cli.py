"""The command: its flags, and how it starts and ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from serving.demo import cli
from serving.demo.config import DemoConfig
from tests.source_imports import ROOT


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--port=65536"], "`port` must be an integer from 0 to 65535, got 65536"),
        (["--server="], "`server` must not be empty, got ''"),
        (["--timeout=0"], "`timeout` must be a finite number > 0, got 0.0"),
        (["--directions=http://example.com/a.npz"], "`directions`"),
        (["--max_upload_bytes=0"], "`max_upload_bytes` must be an integer >= 1, got 0"),
    ],
)
def test_a_wrong_flag_is_a_sentence(flags, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(flags)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_wrong_file_of_directions_is_a_sentence(tmp_path, capsys):
    path = tmp_path / "d.npz"
    np.savez(path, latent=np.zeros(3))
    assert cli.main([f"--directions={path}"]) == 1
    assert "has no array 'names': it holds no attribute directions" in capsys.readouterr().err


def test_a_certificate_without_its_key_is_a_sentence(capsys):
    assert cli.main(["--client_certificate=a.pem", "--open_browser=false"]) == 1
    assert "`client_certificate` and `client_key` must be given together" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_sentence(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main([f"--port={port}", "--open_browser=false"]) == 1
    assert f"error: cannot listen at 127.0.0.1:{port}: " in capsys.readouterr().err


def test_it_listens_on_this_machine_alone_unless_told():
    assert DemoConfig().host == "127.0.0.1"


@pytest.mark.slow
def test_the_command_waits_for_a_model_and_ends_on_sigterm():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    script = ROOT / "serving" / "demo.py"
    command = [sys.executable, script, f"--server={address}", "--port=0", "--open_browser=false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        first = process.stdout.readline()
        assert first.startswith("The page is at http://127.0.0.1:")
        assert process.stdout.readline().startswith(f"It waits for the model: {address} is unav")
        with urllib.request.urlopen(first.split()[4], timeout=30) as page:
            assert b"<title>Glow</title>" in page.read()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
