"""VictoriaTraces, single node."""

from backends.peer import spans_by_jaeger
from backends.started import Started


class VictoriaTraces(Started):
    name = "VictoriaTraces"
    program = "victoria-traces"
    protocol = "http"
    durable = "nothing: spans are in memory, and are written down and synced within 5 s (`-inmemoryDataFlushInterval`, 1 s at least)"
    remark = "Measured over OTLP/HTTP, which every version has."
    ports = {"otlp": 10428}
    ready = ("otlp", "/health")
    version_arguments = ["-version"]

    @classmethod
    def command(cls, ports, data, folder):
        return [f"-storageDataPath={data}", f"-httpListenAddr=127.0.0.1:{ports['otlp']}", "-loggerLevel=WARN"]

    @property
    def endpoint(self):
        return self.url("otlp", "/insert/opentelemetry/v1/traces")

    def spans_of(self, trace_id):
        return spans_by_jaeger(self.url("otlp", "/select/jaeger"), trace_id)
