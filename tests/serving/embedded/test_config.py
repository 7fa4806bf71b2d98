import pytest

from serving.embedded.config import BatchingConfig, ServerConfig
from serving.embedded.flags import parse_server_flags
from tfglow import fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_batch_size": 0}, "`max_batch_size` must be an integer >= 1, got 0"),
        ({"num_batch_threads": -1}, "`num_batch_threads` must be an integer >= 1, got -1"),
        ({"batch_timeout_micros": -1}, "`batch_timeout_micros` must be an integer >= 0, got -1"),
        ({"allowed_batch_sizes": (1, 2)}, r"`max_batch_size` = 64, got \[1, 2\]"),
        ({"allowed_batch_sizes": (2, 1, 64)}, r"got \[2, 1, 64\]"),
        ({"allowed_batch_sizes": (0, 64)}, r"a sequence of integers >= 1, got \(0, 64\)"),
    ],
)
def test_batching_is_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        BatchingConfig(**fields)


def test_batching_parameters_are_read(tmp_path):
    path = tmp_path / "parameters.txt"
    path.write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 0 } thread_pool_name"
        " { value: 'x' } allowed_batch_sizes: 4 allowed_batch_sizes: 8"
    )
    config = BatchingConfig.read(path)
    assert (config.max_batch_size, config.batch_timeout_micros) == (8, 0)
    assert config.allowed_batch_sizes == (4, 8)
    assert config.max_enqueued_batches == BatchingConfig().max_enqueued_batches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 8", "not a BatchingParameters text proto"),
        ("max_bach_size { value: 8 }", "no field named"),
        ("max_batch_size { value: 0 }", "`max_batch_size` must be an integer >= 1, got 0"),
        ("\xff\xfe", "not a BatchingParameters text proto"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "parameters.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        BatchingConfig.read(path)


def test_flags_of_tf_serving_are_understood(tmp_path):
    (tmp_path / "parameters.txt").write_text("max_batch_size { value: 32 }")
    config = parse_server_flags(
        [
            f"--model_base_path={tmp_path}",
            "--port=0",
            "--enable_batching=true",
            f"--batching_parameters_file={tmp_path}/parameters.txt",
            "--enable_model_warmup=false",
            "--file_system_poll_wait_seconds=2",
            "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.primary_user_agent=x",
        ]
    )
    assert config.batching.max_batch_size == 32
    assert not config.enable_model_warmup
    assert config.grpc_channel_arguments == (
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.primary_user_agent", "x"),
    )
    assert config.host == "127.0.0.1"
    defaults = parse_server_flags([f"--model_base_path={tmp_path}"])
    assert defaults == ServerConfig(tmp_path)
    assert parse_server_flags([f"--model_base_path={tmp_path}", "--enable_batching"]).batching


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--model_base_path"),
        (["--model_base_path=/nowhere"], "`model_base_path` must be a folder, got '/nowhere'"),
        (["--model_base_path={base}/version"], "is itself a version; give the folder above"),
        (
            ["--model_base_path={base}", "--port=70000"],
            "`port` must be an integer from 0 to 65535, got 70000.",
        ),
        (["--model_base_path={base}", "--model_name="], "`model_name` must not be empty, got ''."),
        (
            ["--model_base_path={base}", "--enable_batching=maybe"],
            "argument --enable_batching: expected true or false, got 'maybe'",
        ),
        (["--model_base_path={base}", "--batching_parameters_file=x"], "--enable_batching"),
        (["--model_base_path={base}", "--grpc_channel_arguments=x"], "'x' is not KEY=VALUE"),
        (
            ["--model_base_path={base}", "--max_request_rows=0"],
            "`max_request_rows` must be an integer >= 1, got 0",
        ),
        (
            ["--model_base_path={base}", "--shutdown_grace_seconds=-1"],
            "`shutdown_grace_seconds` must be a finite number >= 0, got -1",
        ),
        (["--model_base_path={base}", "--unheard_of"], "unheard_of"),
    ],
)
def test_bad_flags_are_one_sentence(tmp_path, capsys, flags, message):
    (tmp_path / "version").mkdir()
    (tmp_path / "version" / "saved_model.pb").touch()
    with pytest.raises(SystemExit) as caught:
        parse_server_flags([flag.format(base=tmp_path) for flag in flags])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_help_says_what_production_is(capsys):
    with pytest.raises(SystemExit):
        parse_server_flags(["--help"])
    assert "Production is TF Serving" in capsys.readouterr().out


def test_every_field_is_a_flag_with_its_help_and_default(capsys):
    with pytest.raises(SystemExit):
        parse_server_flags(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, field in fields.fields(ServerConfig).items():
        if name != "batching":
            assert f"--{name} " in text
            assert field.help[:-1] in text
    assert "--port N The gRPC port; 0 takes a free one (default: 8500)." in text
    assert "(default: true)" in text
    assert "--enable_batching [true|false] Runs requests that arrive together" in text
