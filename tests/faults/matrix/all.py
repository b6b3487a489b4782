"""Every fault there is, and which of them make a tier."""

from faults.fault import Fault
from faults.matrix import data, kills, network, servers


def every_fault() -> list[Fault]:
    return [*kills.faults(), *network.faults(), *servers.faults(), *data.faults()]


def ci_tier() -> list[Fault]:
    return [fault for fault in every_fault() if fault.ci]
