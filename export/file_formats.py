"""What a model can be published as; `export.writers` writes it."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.saved_model import Functions

LITERT_FILE = "glow.tflite"

# What other runtimes compute: TensorFlow's random numbers and its PNGs are its own.
_MAPS = ("encode", "decode")
# A protocol buffer and a flatbuffer hold less than 2 GiB; what is no weight takes a little of it.
_LARGEST = 2**31 - 2**26


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """A kind of files that a model is published as, in a folder a version."""

    # By its name in `FILE_FORMATS`.
    name: str
    # The file by which one knows a version of this format.
    marker: str
    # Where in that folder the records are written, as JSON.
    records: str = ""
    # The signatures that it holds; none for all.
    signatures: tuple[str, ...] = ()
    # The package that converts, and the extra that brings it; "" if TensorFlow does it.
    converter: str = ""

    def check_precision(self, precision: str) -> None:
        """Refuses arithmetic that the format's runtimes do not have.

        Raises:
          ValueError: If they do not.
        """
        if self.signatures and precision != "float32":
            raise ValueError(
                f"--format={self.name} takes --precision=float32, got {precision!r}: the runtimes "
                "of these files have no such convolutions, or choose their arithmetic themselves."
            )

    def check_signature(self, name: str, flag: str) -> None:
        """Refuses a flag that asks for a signature which the format does not hold.

        Raises:
          ValueError: If it does not.
        """
        if self.signatures and name not in self.signatures:
            raise ValueError(
                f"{flag} is for the signature `{name}`, which --format={self.name} does not hold: "
                f"its files are {' and '.join(self.signatures)} alone."
            )

    def check_converter(self) -> None:
        """Looks for the package that converts.

        Raises:
          ValueError: If it is not installed.
        """
        if self.converter and importlib.util.find_spec(self.converter) is None:
            raise ValueError(
                f"--format={self.name} needs {self.converter}, which is not installed; "
                f"pip install -e '.[serving,{self.name}]' brings it."
            )

    def check_base(self, base: Path) -> None:
        """Refuses to publish among versions of another format.

        Raises:
          ValueError: If there is one in `base`.
        """
        for other in FILE_FORMATS.values():
            found = sorted(base.glob(f"[0-9]*/{other.marker}"))
            if found and other.name != self.name:
                raise ValueError(
                    f"{str(base)!r} holds versions of the format {other.name}, such as "
                    f"{found[0].parent.name!r}, and a server of them would try this one too: give "
                    f"--format={self.name} an --export_dir of its own."
                )

    def check_size(self, functions: "Functions") -> None:
        """Refuses functions whose weights are larger than what a file can hold.

        Raises:
          ValueError: If they are.
        """
        weights = {v.ref(): v for function in functions.values() for v in function.variables}
        size = sum(v.dtype.size * v.shape.num_elements() for v in weights.values())
        if self.signatures and size > _LARGEST:
            raise ValueError(
                f"--format={self.name} writes files of less than 2 GiB; the weights of this model "
                f"take {size / 2**30:.2f} GiB."
            )


FILE_FORMATS = {
    file_format.name: file_format
    for file_format in (
        # TF Serving looks for extra files there.
        FileFormat("saved_model", "saved_model.pb", records="assets.extra"),
        FileFormat("onnx", "decode.onnx", signatures=_MAPS, converter="tf2onnx"),
        FileFormat("litert", LITERT_FILE, signatures=_MAPS),
    )
}
