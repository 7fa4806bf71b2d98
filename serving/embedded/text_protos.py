"""TF Serving's text protos for batching and TLS, which `tensorflow-serving-api` has no message for.

The fields are those of tensorflow/serving's public files `config/ssl_config.proto` (SSLConfig) and
`servables/tensorflow/session_bundle_config.proto` (BatchingParameters). They live in a pool of
their own: the official package may bring the same names one day.
"""

import difflib
import re
from pathlib import Path

import grpc
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
    text_format,
    wrappers_pb2,
)

from serving.pem import check_certificates, check_identity, check_is_path

_Field = descriptor_pb2.FieldDescriptorProto
_INT64, _STRING = ".google.protobuf.Int64Value", ".google.protobuf.StringValue"

# Message: (field, number, type or message, repeated).
_MESSAGES = {
    "BatchingParameters": [
        ("max_batch_size", 1, _INT64, False),
        ("batch_timeout_micros", 2, _INT64, False),
        ("max_enqueued_batches", 3, _INT64, False),
        ("num_batch_threads", 4, _INT64, False),
        ("thread_pool_name", 5, _STRING, False),
        ("allowed_batch_sizes", 6, _Field.TYPE_INT64, True),
        ("pad_variable_length_inputs", 7, _Field.TYPE_BOOL, False),
    ],
    "SSLConfig": [
        ("server_key", 1, _Field.TYPE_STRING, False),
        ("server_cert", 2, _Field.TYPE_STRING, False),
        ("custom_ca", 3, _Field.TYPE_STRING, False),
        ("client_verify", 4, _Field.TYPE_BOOL, False),
    ],
}


def message_classes(messages: dict[str, list[tuple]]) -> dict[str, type[message.Message]]:
    """Message classes of the package `tensorflow.serving`, from a table of their fields."""
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/embedded/text_protos.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in messages.items():
        descriptor = file.message_type.add(name=name)
        for field_name, number, kind, repeated in fields:
            field = descriptor.field.add(name=field_name, number=number)
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, kind
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
        )
        for name in messages
    }


_CLASSES = message_classes(_MESSAGES)
BatchingParameters = _CLASSES["BatchingParameters"]
SSLConfig = _CLASSES["SSLConfig"]


def read_text_proto(path: Path, kind: type[message.Message]) -> message.Message:
    """Reads a text proto of the message class `kind`.

    Raises:
      ValueError: If the file cannot be read, or is not such a message. What is in it is not
        repeated: it may be a private key.
    """
    name = kind.DESCRIPTOR.name
    check_is_path(path, f"The file of the {name}")
    try:
        text = path.read_text()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot read {path}: it is no text in UTF-8") from error
    try:
        return text_format.Parse(text, kind())
    except (text_format.ParseError, ValueError, RecursionError) as error:
        line = getattr(error, "GetLine", lambda: None)()
        column = getattr(error, "GetColumn", lambda: None)()
        where = f" from line {line}, column {column} on" if line and column else ""
        where += _misspelt(str(error), kind)
        fields = ", ".join(field.name for field in kind.DESCRIPTOR.fields)
    # Out of the `except`: a traceback would show the parser's own message, which quotes the text.
    raise ValueError(f"{path} is not a {name} text proto{where}; its fields are {fields}")


def _misspelt(parsers_words: str, kind: type[message.Message]) -> str:
    """Names the field that is not there, if it is close enough to one that is to be no secret."""
    found = re.search(r'has no field named "(\w+)"', parsers_words)
    known = [field.name for field in kind.DESCRIPTOR.fields]
    if not found or not difflib.get_close_matches(found[1], known, cutoff=0.7):
        return ""
    return f": there is no field named {found[1]!r}"


def server_credentials(path: Path) -> grpc.ServerCredentials:
    """TLS for the server, from an SSLConfig whose fields hold PEM texts as in TF Serving.

    Raises:
      ValueError: If the file is no SSLConfig, or its key, its certificate or the authority that
        `client_verify` needs is missing, damaged or another than it should be.
    """
    config = read_text_proto(path, SSLConfig)
    for name in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, name):
            raise ValueError(f"`{name}` in {path} must be the PEM text itself, not a path to it")
    if config.client_verify and not config.custom_ca:
        raise ValueError(f"`client_verify` in {path} needs `custom_ca`, the clients' authority")
    key, certificate = config.server_key.encode(), config.server_cert.encode()
    check_identity(certificate, key, (f"`server_cert` in {path}", f"`server_key` in {path}"))
    authority = config.custom_ca.encode() or None
    if authority is not None:
        check_certificates(authority, f"`custom_ca` in {path}")
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=authority,
        require_client_auth=config.client_verify,
    )
