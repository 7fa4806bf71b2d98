"""TLS of the embedded server and of the client: what works, and what is wrong by its name."""

import os
import re
import subprocess
import traceback
from pathlib import Path

import pytest
from google.protobuf import text_format

from serving.client import GlowClient, ServingError, TlsConfig
from serving.client.cli import main
from serving.embedded.config import BatchingConfig
from serving.embedded.text_protos import SSLConfig, read_text_proto, server_credentials

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory):
    """An authority, what it signed for `glow.test` and for a client, and a stranger's pair."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        try:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("no openssl to make certificates with")

    for name in ("ca", "stranger"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    for name, days in (("glow.test", "2"), ("client.test", "2"), ("old.test", "0")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        (folder / "extensions").write_text(f"subjectAltName=DNS:{name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", days, "-extfile", "extensions",
                "-out", f"{name}.pem")  # fmt: skip
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "curve.key")
    openssl("rsa", "-in", "ca.key", "-aes128", "-passout", "pass:x", "-out", "locked.key")
    openssl("rsa", "-in", "ca.key", "-traditional", "-out", "traditional.key")
    lines = (folder / "ca.key").read_text().splitlines()
    (folder / "damaged.key").write_text("\n".join([lines[0], *lines[3:]]))
    lines = (folder / "ca.pem").read_text().splitlines()
    (folder / "damaged.pem").write_text("\n".join([lines[0], *lines[3:]]))
    (folder / "text.txt").write_text("no PEM at all")
    (folder / "empty").write_text("")
    return folder


def write_config(tls_files, path, key="glow.test.key", cert="glow.test.pem", ca=None, verify=False):
    """An SSLConfig of these files."""
    config = SSLConfig(
        server_key=(tls_files / key).read_text(),
        server_cert=(tls_files / cert).read_text(),
        client_verify=verify,
    )
    if ca is not None:
        config.custom_ca = (tls_files / ca).read_text()
    path.write_text(text_format.MessageToString(config))
    return path


def assert_no_secret(tls_files, text):
    """No line of any private key is in `text`."""
    for path in tls_files.glob("*.key"):
        for line in path.read_text().splitlines()[1:-1]:
            assert line not in text and line[:20] not in text


@pytest.fixture(scope="module", params=[False, True], ids=["any client", "known clients"])
def tls_server(request, serve_for_module, toy_base, tls_files):
    path = tls_files / f"ssl_{request.param}.config"
    write_config(tls_files, path, ca="ca.pem", verify=request.param)
    server = serve_for_module(toy_base, ssl_config_file=path)
    server.verifies = request.param
    return server


def trusting(tls_files, client="client.test", **others):
    known = {}
    if client:
        known = {
            "client_certificate": tls_files / f"{client}.pem",
            "client_key": tls_files / f"{client}.key",
        }
    fields = {"ca_certificate": tls_files / "ca.pem", "server_name": "glow.test", **known}
    return TlsConfig(**{**fields, **others})


def test_a_client_that_trusts_and_is_known(tls_server, tls_files):
    with GlowClient(tls_server.address, tls=trusting(tls_files)) as client:
        assert client.sample(1).shape == (1, 4, 4, 3)


def status_error(address, tls):
    with (
        GlowClient(address, tls=tls, retries=0, timeout=20) as client,
        pytest.raises(ServingError) as caught,
    ):
        client.status()
    return str(caught.value)


def test_what_does_not_fit_the_server_is_named(tls_server, tls_files):
    untrusted = "the server's certificate is not trusted: unable to get local issuer certificate"
    cases = [
        (None, "cannot be talked to: the server speaks TLS"),
        (TlsConfig(), untrusted),
        (trusting(tls_files, ca_certificate=tls_files / "stranger.pem"), untrusted),
        (trusting(tls_files, server_name="other.test"), "is that of another name"),
        (trusting(tls_files, server_name=None), "is that of another name"),
    ]
    if tls_server.verifies:
        cases += [
            (trusting(tls_files, client=None), "the server wants a client's certificate"),
            (trusting(tls_files, "stranger"), "does not accept the client's certificate"),
            (trusting(tls_files, "old.test"), "does not accept the client's certificate"),
        ]
    for tls, words in cases:
        assert words in status_error(tls_server.address, tls)


def test_a_certificate_that_has_expired(serve, toy_base, tls_files, tmp_path):
    path = write_config(tls_files, tmp_path / "ssl", key="old.test.key", cert="old.test.pem")
    server = serve(toy_base, ssl_config_file=path)
    tls = trusting(tls_files, server_name="old.test")
    assert "is not trusted: certificate has expired" in status_error(server.address, tls)


def test_a_server_without_tls(server, tls_files):
    assert "the server does not speak TLS" in status_error(server.address, trusting(tls_files))


def test_nobody_there_is_no_fault_of_tls(tls_files):
    assert "refused" in status_error("localhost:1", trusting(tls_files))


PAIRS = [
    ("stranger.key", "glow.test.pem", "{key} is not the key of {cert}"),
    ("curve.key", "glow.test.pem", "{key} is not the key of {cert}"),
    ("glow.test.key", "stranger.pem", "{key} is not the key of {cert}"),
    ("glow.test.pem", "glow.test.key", "{cert} must hold a certificate (PEM), it holds a private"),
    ("glow.test.pem", "glow.test.pem", "{key} must hold a private key (PEM), it holds a cert"),
    ("locked.key", "ca.pem", "{key} is encrypted; gRPC takes keys without a password only"),
    ("damaged.key", "ca.pem", "{key} is a damaged private key"),
    ("ca.key", "damaged.pem", "{cert} is a damaged certificate"),
]


@pytest.mark.parametrize(("key", "cert", "words"), PAIRS)
def test_a_wrong_pair_is_named_by_the_server(tls_files, tmp_path, key, cert, words):
    path = write_config(tls_files, tmp_path / "ssl", key, cert)
    names = {"key": f"`server_key` in {path}", "cert": f"`server_cert` in {path}"}
    with pytest.raises(ValueError, match=re.escape(words.format(**names))) as caught:
        server_credentials(path)
    assert_no_secret(tls_files, "".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize(
    ("key", "cert", "words"),
    [
        *PAIRS,
        ("text.txt", "ca.pem", "{key} must hold a private key (PEM), it holds something else"),
        ("ca.key", "empty", "{cert} must hold a certificate (PEM), it holds something else"),
        ("nowhere", "ca.pem", "cannot read "),
    ],
)
def test_a_wrong_pair_is_named_by_the_client(tls_files, key, cert, words, capsys):
    key, cert = tls_files / key, tls_files / cert
    arguments = ["status", f"--client_key={key}", f"--client_certificate={cert}"]
    assert main(arguments) == 1
    names = {"key": f"`client_key` = {key}", "cert": f"`client_certificate` = {cert}"}
    err = capsys.readouterr().err
    assert words.format(**names) in err and err.count("\n") == 1
    assert_no_secret(tls_files, err)


@pytest.mark.parametrize(
    ("ca", "words"),
    [
        ("ca.key", "must hold a certificate (PEM), it holds a private key"),
        ("damaged.pem", "is a damaged certificate"),
        ("text.txt", "must hold a certificate (PEM), it holds something else"),
    ],
)
def test_a_wrong_authority_is_named_by_both(tls_files, tmp_path, ca, words):
    with pytest.raises(ValueError, match=re.escape(f"`ca_certificate` = {tls_files / ca} {words}")):
        GlowClient(tls=TlsConfig(tls_files / ca))
    path = write_config(tls_files, tmp_path / "ssl", ca=ca)
    with pytest.raises(ValueError, match=re.escape(f"`custom_ca` in {path} {words}")):
        server_credentials(path)


def test_keys_of_other_kinds_are_taken(tls_files, tmp_path):
    server_credentials(write_config(tls_files, tmp_path / "ssl", "traditional.key", "ca.pem"))


def _unclosed(text):
    return text.replace('"\n', "\n", 1)


def _without_quotes(text):
    return text.replace('"', "").replace("\\n", "\n")


def _other_field(text):
    return text.replace("server_key", "key")


def _the_key_alone(text):
    return text[text.index('"') + 1 :].replace("\\n", "\n")


def _twice(text):
    return text + text


@pytest.mark.parametrize("kind", [SSLConfig, None], ids=["tls", "batching"])
@pytest.mark.parametrize(
    "spoil", [_unclosed, _without_quotes, _other_field, _the_key_alone, _twice]
)
def test_a_text_that_cannot_be_parsed_is_not_repeated(tls_files, tmp_path, spoil, kind):
    path = write_config(tls_files, tmp_path / "ssl")
    path.write_text(spoil(path.read_text()))
    with pytest.raises(ValueError, match=r"is not a \w+ text proto.*; its fields are ") as caught:
        if kind is None:  # A file that was given for another.
            BatchingConfig.read(path)
        else:
            read_text_proto(path, kind)
    assert "line" in str(caught.value)
    assert_no_secret(tls_files, "".join(traceback.format_exception(caught.value)))


def test_a_key_in_place_of_a_path_is_not_repeated(tls_files):
    text = (tls_files / "ca.key").read_text()
    for make in (
        lambda: server_credentials(Path(text)),
        lambda: BatchingConfig.read(Path(text)),
        lambda: TlsConfig(Path(text)),
        lambda: TlsConfig(client_key=Path(text)),
        lambda: TlsConfig(client_certificate=Path(text), client_key=Path(text)),
    ):
        with pytest.raises(ValueError, match="must be the path of a file, got a text of") as caught:
            make()
        assert_no_secret(tls_files, "".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server_key: '/etc/key.pem'", "`server_key` in .* must be the PEM text itself"),
        ("server_key: '-----BEGIN' server_cert: '-----BEGIN' client_verify: true", "custom_ca"),
        ("certificate: ''", "not a SSLConfig text proto from line 1, column 1 on"),
        ("\xff", "it is no text in UTF-8"),
    ],
)
def test_a_wrong_ssl_config_is_refused(serve, toy_base, tmp_path, text, message):
    path = tmp_path / "ssl.config"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        serve(toy_base, ssl_config_file=path)


@pytest.mark.parametrize(
    ("host", "words"),
    [("203.0.113.1", "Cannot assign requested address"), ("no-such-host.invalid", "Name or")],
)
def test_an_address_that_is_not_ours_is_no_taken_port(serve, toy_base, host, words):
    with pytest.raises(ValueError, match=f"cannot listen on {host}:0; ") as caught:
        serve(toy_base, host=host)
    assert words in str(caught.value) or "resolution" in str(caught.value)


def test_tls_files_are_checked(tmp_path):
    with pytest.raises(ValueError, match="must be given together, got only `client_key`"):
        TlsConfig(client_key=tmp_path)
    with pytest.raises(ValueError, match="cannot read /nowhere, `ca_certificate`: No such file"):
        GlowClient(tls=TlsConfig(Path("/nowhere")))
    with pytest.raises(ValueError, match="Is a directory"):
        GlowClient(tls=TlsConfig(tmp_path))
    assert os.listdir(tmp_path) == []
