"""Several model servers that answer as one."""

from metier.models.hosts.host import Host, Patience
from metier.models.hosts.pool import HostPool

__all__ = ["Host", "HostPool", "Patience"]
