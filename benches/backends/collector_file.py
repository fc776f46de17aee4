"""The OpenTelemetry Collector that writes what it receives to a file, as JSON: no store, but the floor of its pipeline."""

import re

from backends.started import Started

CONFIG = """
service:
  extensions: []
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file]
  telemetry:
    logs: {{level: warn}}
    metrics:
      level: basic
      readers:
        - pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{otlp}", max_recv_msg_size_mib: 64}}
exporters:
  file:
    path: {data}/traces.json
    append: true
"""
TRACE_ID = re.compile(rb'"traceId":"([0-9a-f]{32})"')


class CollectorFile(Started):
    name = "Collector to file"
    program = "otelcol-file"
    durable = "nothing: lines are in a buffer of the process that is written each second, and never synced"
    remark = "It keeps no index and answers no question; its bytes are those of JSON."
    ports = {"otlp": 4317, "metrics": 8888}
    ready = ("metrics", "/metrics")

    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.counted = {}

    @classmethod
    def files(cls, ports, data):
        return {"collector.yaml": CONFIG.format(data=data, **ports)}

    @classmethod
    def command(cls, ports, data, folder):
        return [f"--config={folder}/collector.yaml"]

    @staticmethod
    def read_version(text):
        return text.split()[-1] if text.split() else ""

    def spans_of(self, trace_id):
        return self.count().get(trace_id.encode(), 0)

    def count(self):
        """Spans of each trace in the file, read again when it grew."""
        path = self.data / "traces.json"
        if not path.exists():
            return {}
        size = path.stat().st_size
        if self.counted.get("size") != size:
            counts = {}
            with open(path, "rb") as lines:
                for line in lines:
                    for found in TRACE_ID.findall(line):
                        counts[found] = counts.get(found, 0) + 1
            self.counted = {"size": size, "counts": counts}
        return self.counted["counts"]
