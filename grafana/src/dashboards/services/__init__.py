"""One dashboard a service, for whoever looks for a fault: what all share, then its own series."""

from dashboards.services import generator, loader, s3_sink, transformer

DASHBOARDS = (
    generator.DASHBOARD,
    s3_sink.DASHBOARD,
    loader.DASHBOARD,
    transformer.DASHBOARD,
)
