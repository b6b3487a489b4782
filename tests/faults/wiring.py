"""Which service talks to which server, and the links that lie between them."""

from faults.link import Link
from salespipe.embedded import ports
from salespipe.state import HOST, StackState

LINKED = {
    "generator": ("kafka",),
    "s3-sink": ("kafka", "s3"),
    "loader": ("kafka", "s3", "postgres"),
    "transformer": ("kafka", "postgres"),
}


def links(stack: StackState) -> dict[str, Link]:
    """A port for each link; Kafka's have a listener of their own behind them."""
    taken = list(stack.ports.values())
    found = {}
    for service, servers in LINKED.items():
        for server in servers:
            port = ports.free(taken)
            taken.append(port)
            if server == "kafka":
                target = ports.free(taken)
                taken.append(target)
            else:
                target = stack.ports[{"s3": "s3", "postgres": "pg"}[server]]
            found[f"{service}-{server}"] = Link(port, target)
    return found


def listeners(stack: StackState, links: dict[str, Link]) -> dict[str, str]:
    """A listener for each link to Kafka, advertised as the link: else clients would pass it by."""
    kafka = {
        name.removesuffix("-kafka").replace("-", "").upper(): link
        for name, link in links.items()
        if name.endswith("-kafka")
    }
    usual = f"PLAINTEXT://{HOST}:{stack.ports['kafka']}"
    inner = [f"{name}://{HOST}:{link.target}" for name, link in kafka.items()]
    outer = [f"{name}://{HOST}:{link.port}" for name, link in kafka.items()]
    names = ("PLAINTEXT", "CONTROLLER", *kafka)
    return {
        "listeners": ",".join([usual, f"CONTROLLER://{HOST}:{stack.ports['controller']}", *inner]),
        "advertised.listeners": ",".join([usual, *outer]),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
    }
