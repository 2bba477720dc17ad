"""The proxy's own metrics, in Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable

from .faults import DIRECTIONS, FAULTS
from .link import Link
from .proxy import Proxy

_PER_LINK: tuple[tuple[str, str, str, Callable[[Link], int]], ...] = (
    ("links_connections_active", "gauge", "Open connections.", lambda link: len(link.connections)),
    ("links_connections_total", "counter", "Connections accepted.", lambda link: link.stats.connections),
    ("links_resets_total", "counter", "Connections ended with a reset.", lambda link: link.stats.resets),
    ("links_upstream_errors_total", "counter", "Upstream not reached.", lambda link: link.stats.upstream_errors),
)


def render_metrics(proxy: Proxy) -> str:
    """The present values of all metrics."""
    lines: list[str] = []

    def family(name: str, kind: str, text: str) -> None:
        lines.extend((f"# HELP {name} {text}", f"# TYPE {name} {kind}"))

    for name, kind, text, value in _PER_LINK:
        family(name, kind, text)
        lines.extend(f'{name}{{link="{link.name}"}} {value(link)}' for link in proxy.links.values())
    family("links_bytes_total", "counter", "Bytes passed on.")
    for link in proxy.links.values():
        for direction in DIRECTIONS:
            labels = f'link="{link.name}",direction="{direction}"'
            lines.append(f"links_bytes_total{{{labels}}} {link.traffic[direction].bytes}")
    family("links_fault_active", "gauge", "1 while a fault is active.")
    for link in proxy.links.values():
        for fault in FAULTS:
            lines.append(f'links_fault_active{{link="{link.name}",fault="{fault}"}} {int(fault in link.faults)}')
    family("links_leases_expired_total", "counter", "Faults reverted because nobody renewed them.")
    lines.append(f"links_leases_expired_total {proxy.expired_count}")
    return "\n".join(lines) + "\n"
