"""Inside a container, in its networks: who can be reached."""

import json
import socket

PLACES = {
    "kafka": ("kafka", 9092),
    "minio": ("minio", 9000),
    "postgres": ("postgres", 5432),
    "prometheus": ("prometheus", 9090),
    "loader": ("loader", 8080),
    "Kafka's controller": ("kafka", 9093),
    "the world": ("1.1.1.1", 443),
}


def reach(place: tuple[str, int]) -> str:
    try:
        socket.create_connection(place, timeout=2).close()
    except OSError as error:
        return str(error)
    return "done"


print(json.dumps({name: reach(place) for name, place in PLACES.items()}))
