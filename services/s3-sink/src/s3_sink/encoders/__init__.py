"""Records to the bytes of one object, a chunk at a time, in a thread."""

from s3_sink.encoders.encoder import Encoder, MakeEncoder, Refused
from s3_sink.encoders.packing import packing

__all__ = ["Encoder", "MakeEncoder", "Refused", "encoder_for"]


def encoder_for(form: str, compression: str) -> MakeEncoder:
    """Makes an encoder a file, for a form and a compression of the settings. May take seconds: who
    has no need of a form does not pay for what it loads."""
    packed = packing(compression)
    if form == "json":
        # its compiled loop: 75 MB
        from s3_sink.encoders.json_lines import JsonLines
        from s3_sink.plain_lines import prepare

        prepare()
        return lambda: JsonLines(packed)
    if form == "csv":
        from s3_sink.encoders.csv_rows import CsvRows

        return lambda: CsvRows(packed)
    # pyarrow: 60 MB and a second
    from s3_sink.encoders.parquet_rows import ParquetRows

    return lambda: ParquetRows(compression)
