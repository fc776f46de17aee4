"""Time of each piece of work by itself, by Criterion."""

import json
import os
import pathlib
import subprocess

from server import ROOT

NAME = "pieces"


def measure(bench):
    """Runs `cargo bench -p clew-cost`, which builds what it measures, and reads what Criterion kept."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = ["cargo", "bench", "-q", "-p", "clew-cost", "--bench", "cost", "--"]
    if bench.options.quick:
        command += ["--quick"]
    kept = target / "criterion"
    before = {path: path.stat().st_mtime_ns for path in kept.glob("*/*/new/estimates.json")}
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    rows = []
    for path in sorted(kept.glob("*/*/new/estimates.json")):
        if before.get(path) == path.stat().st_mtime_ns:
            continue
        facts = json.loads(path.with_name("benchmark.json").read_text())
        estimates = json.loads(path.read_text())
        estimate = estimates["slope"] or estimates["mean"]
        count = facts["throughput"]["Elements"]
        rows.append(
            {
                "name": facts["function_id"],
                "unit": facts["group_id"],
                "count": count,
                "ns": estimate["point_estimate"] / count,
                "ns_range": [estimate["confidence_interval"][end] / count for end in ("lower_bound", "upper_bound")],
            }
        )
    return rows


def page(figures):
    rows = "\n".join(
        f"| {row['name']} | {row['unit']} | {row['count']:,} | {row['ns']:,.0f} | {row['ns_range'][0]:,.0f} to {row['ns_range'][1]:,.0f} |"
        for row in figures
    )
    return f"""## Pieces

What one thread takes for each piece of work alone, over the streams in `testdata/`, by Criterion (`cargo bench -p clew-cost`): the estimate and its 95 % interval.

| work | unit | units a round | ns a unit | between |
|---|---|--:|--:|--:|
{rows}
"""


def charts(figures):
    return {}
