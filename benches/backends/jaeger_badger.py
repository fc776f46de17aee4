"""Jaeger v2 with its Badger storage: as its example configuration has it, and with durable replies."""

from backends.peer import spans_by_jaeger
from backends.started import Started

CONFIG = """
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [{processors}]
      exporters: [jaeger_storage_exporter]
  telemetry:
    metrics: {{level: none}}
    logs: {{level: warn}}
extensions:
  healthcheckv2:
    use_v2: true
    http: {{endpoint: "127.0.0.1:{health}"}}
  jaeger_query:
    storage: {{traces: badger}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
    http: {{endpoint: "127.0.0.1:{http}"}}
  jaeger_storage:
    backends:
      badger:
        badger:
          directories: {{keys: {data}/keys, values: {data}/values}}
          ephemeral: false
          consistency: {consistency}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{otlp}", max_recv_msg_size_mib: 64}}
processors:
  batch:
exporters:
  jaeger_storage_exporter:
    trace_storage: badger
"""


class JaegerBadger(Started):
    name = "Jaeger, Badger"
    program = "jaeger"
    durable = "nothing: the batch processor answers before the storage has the spans, and Badger does not sync"
    remark = "Processors and storage as in Jaeger's example for Badger. Memory includes the files that Badger maps."
    ports = {"otlp": 4317, "http": 16686, "grpc": 16685, "health": 13133}
    ready = ("health", "/status")
    version_arguments = ["version"]
    processors = "batch"
    consistency = "false"

    @staticmethod
    def read_version(text):
        fields = dict(part.split("=", 1) for part in text.replace(",", " ").split() if "=" in part)
        return fields.get("git-version", text.strip())

    @classmethod
    def files(cls, ports, data):
        return {"jaeger.yaml": CONFIG.format(data=data, processors=cls.processors, consistency=cls.consistency, **ports)}

    @classmethod
    def command(cls, ports, data, folder):
        return ["--config", f"{folder}/jaeger.yaml"]

    def spans_of(self, trace_id):
        return spans_by_jaeger(self.url("http"), trace_id)


class JaegerBadgerDurable(JaegerBadger):
    name = "Jaeger, Badger, durable"
    durable = "every span: no batch processor, so the storage has answered, and `consistency: true` syncs each write of Badger"
    processors = ""
    consistency = "true"
