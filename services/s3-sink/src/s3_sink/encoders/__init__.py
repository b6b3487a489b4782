"""Records to the bytes of one object, a chunk at a time, in a thread."""

from s3_sink.encoders.encoder import Encoder, MakeEncoder, Refused
from s3_sink.encoders.json_lines import JsonLines
from s3_sink.encoders.packing import packing

__all__ = ["Encoder", "MakeEncoder", "Refused", "encoder_for"]


def encoder_for(form: str, compression: str) -> MakeEncoder:
    """Makes an encoder a file, for a form and a compression of the settings."""
    return lambda: JsonLines(packing(compression))
