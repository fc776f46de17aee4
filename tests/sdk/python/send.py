"""Sends the known trace through the Python SDK, once per exporter; see ../README.md."""

import json
import os
import urllib.request

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState
from py_zipkin import Encoding
from py_zipkin.zipkin import ZipkinAttrs, zipkin_span

START = 1_790_000_000_123_456_789


def send(exporter):
    resource = Resource({"service.name": "sdk-python", "team": "tracing", "shard": 7})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("known", "1.2.3", schema_url="https://opentelemetry.io/schemas/1.30.0")
    remote = SpanContext(
        0x0AF7651916CD43DD8448EB211C80319C,
        0xB7AD6B7169203331,
        is_remote=True,
        trace_flags=TraceFlags(1),
        trace_state=TraceState([("vendor", "x")]),
    )
    root = tracer.start_span(
        "checkout ☕",
        kind=SpanKind.SERVER,
        start_time=START,
        links=[Link(remote, {"why": "retry"})],
        attributes={
            "text": "naïve café 😀",
            "yes": True,
            "no": False,
            "big": 9_007_199_254_740_991,
            "huge": -(2**63),
            "double": 0.1,
            "texts": ["a", "ü"],
            "ints": [1, 2],
            "doubles": [0.5, 1.5],
            "bools": [True, False],
        },
    )
    root.add_event("cache miss", {"key": "k1", "hit": False}, timestamp=START + 1_000_000)
    root.record_exception(ValueError("bad ☠ value"), timestamp=START + 2_000_000)
    root.set_status(Status(StatusCode.ERROR, "boom"))
    with trace.use_span(root):
        child = tracer.start_span("query items", kind=SpanKind.CLIENT, start_time=START + 3_000_001)
        child.set_attribute("db.query.text", "SELECT *\nFROM items")
        child.set_status(Status(StatusCode.OK))
        child.end(START + 5_000_003)
    root.end(START + 1_500_000_000)
    assert provider.force_flush()
    provider.shutdown()
    return format(root.get_span_context().trace_id, "032x")


def send_py_zipkin(encoding, path, content_type):
    def transport(body):
        body = body if isinstance(body, bytes) else body.encode()
        request = urllib.request.Request(
            os.environ["CLEW_ZIPKIN"] + path, body, {"content-type": content_type}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202, answer.status

    trace_id = os.urandom(16).hex()
    with zipkin_span(
        service_name="sdk-py-zipkin",
        span_name="report ☕",
        transport_handler=transport,
        port=8080,
        host="127.0.0.1",
        encoding=encoding,
        zipkin_attrs=ZipkinAttrs(trace_id, os.urandom(8).hex(), None, None, True),
    ) as root:
        root.update_binary_annotations({"text": "naïve café 😀", "error": "boom"})
        with zipkin_span(service_name="sdk-py-zipkin", span_name="inner") as inner:
            inner.add_annotation("half way", 1_790_000_000.25)
    return trace_id


def main():
    http = os.environ["CLEW_OTLP_HTTP"] + "/v1/traces"
    zipkin = os.environ["CLEW_ZIPKIN"] + "/api/v2/spans"
    sent = {
        "otlp-grpc": send(GrpcExporter(os.environ["CLEW_OTLP_GRPC"], insecure=True)),
        "otlp-http": send(HttpExporter(http)),
        "otlp-http-gzip": send(HttpExporter(http, compression=Compression.Gzip)),
        "otlp-http-deflate": send(HttpExporter(http, compression=Compression.Deflate)),
        "zipkin": send(ZipkinExporter(endpoint=zipkin)),
        "py-zipkin-v1-json": send_py_zipkin(Encoding.V1_JSON, "/api/v1/spans", "application/json"),
        "py-zipkin-v2-json": send_py_zipkin(Encoding.V2_JSON, "/api/v2/spans", "application/json"),
        "py-zipkin-v2-proto": send_py_zipkin(Encoding.V2_PROTO3, "/api/v2/spans", "application/x-protobuf"),
    }
    for protocol, trace_id in sent.items():
        print(json.dumps({"protocol": protocol, "trace_id": trace_id}))


main()
