"""Publications while the server is at full load."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from dns_load import write_queries
from dns_servers import Ours


def _show(what: str, got: dict) -> None:
    print(f"{what:42} " + "  ".join(f"{name} {got['ms'][name]:7.2f}" for name in ("p50", "p90", "p99", "max")) +
          f"   building p50 {got['build_ms']['p50']:.2f}   processor time p50 "
          f"{got['cpu_ms']['p50']:.2f} p99 {got['cpu_ms']['p99']:.2f}   of {2 * got['pairs']:,} questions: {got['lost']} lost, "
          f"{got['mixed']} mixed, {got['back'] + got['late']} stale")


def publish(bench: Any, programs: Path, names: int, count: int, limit: float) -> None:
    """Times count publications at rest and count under load, with two workers on two cores."""
    queries = write_queries(bench.folder / f"publish-{names}", names)
    ours = Ours(programs, bench.ports.take(), names, cpus="0,1", options=("--workers=2",))
    print(f"\npublications with {names:,} live names, ms")
    rest = ours.command(f"publish {count}")
    _show("at rest", rest)
    load = subprocess.Popen(["dnsperf", "-s", "127.0.0.1", "-p", str(ours.port), "-d", str(queries), "-l", "600", "-q",
                             "300", "-c", "16", "-b", "2000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    before = ours.command("stats")["queries"]
    busy = ours.command(f"publish {count}")
    asked = ours.command("stats")["queries"] - before
    load.send_signal(2)
    out = load.communicate()[0]
    _show("under full load", busy)
    lost = re.search(r"Queries lost:\s+(\d+)", out)
    dropped = re.search(r"Queries interrupted:\s+(\d+)", out)
    print(f"the load: {asked:,} questions answered meanwhile; lost {lost[1] if lost else '?'}"
          f"{f', still under way when it was stopped: {dropped[1]}' if dropped else ''}")
    ours.stop()
    bench.demands.at_most(f"publication, {names:,} names, full load, p99", busy["ms"]["p99"], limit, "ms")
    bench.demands.at_most("  its processor time, without what it waited for a core", busy["cpu_ms"]["p99"], limit, "ms")
    bench.demands.at_most("  at rest, p99", rest["ms"]["p99"], limit, "ms")
    wrong = sum(got[key] for got in (rest, busy) for key in ("lost", "mixed", "back", "late"))
    bench.demands.at_most("  answers lost, mixed or stale", wrong + (int(lost[1]) if lost else 0), 0)
