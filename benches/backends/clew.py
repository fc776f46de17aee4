"""Clew with its defaults."""

from backends.peer import spans_by_jaeger
from backends.started import Started


class Clew(Started):
    name = "Clew"
    program = "clew"
    durable = "everything: the request is in the write-ahead log and fdatasync returned"
    remark = "Start-up settings are the defaults."
    ports = {"otlp": 4317, "http": 16686}
    ready = ("http", "/health/ready")

    @classmethod
    def command(cls, ports, data, folder):
        others = [f"--ports-{name}=off" for name in ("otlp-http", "zipkin", "sampling", "grpc")]
        return ["serve", f"--data-dir={data}", f"--ports-otlp-grpc={ports['otlp']}", f"--ports-http={ports['http']}", *others]

    def spans_of(self, trace_id):
        return spans_by_jaeger(self.url("http"), trace_id)
