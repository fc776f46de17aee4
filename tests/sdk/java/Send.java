// Sends the known trace through the Java SDK, once per exporter; see ../README.md.

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.exporter.zipkin.ZipkinSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.concurrent.TimeUnit;

final class Send {
  private static final long START = 1_790_000_000_123_456_789L;

  public static void main(String[] args) {
    String http = System.getenv("CLEW_OTLP_HTTP") + "/v1/traces";
    send("otlp-grpc", OtlpGrpcSpanExporter.builder().setEndpoint(System.getenv("CLEW_OTLP_GRPC")).build());
    send("otlp-http", OtlpHttpSpanExporter.builder().setEndpoint(http).build());
    send("otlp-http-gzip", OtlpHttpSpanExporter.builder().setEndpoint(http).setCompression("gzip").build());
    String zipkin = System.getenv("CLEW_ZIPKIN") + "/api/v2/spans";
    send("zipkin", ZipkinSpanExporter.builder().setEndpoint(zipkin).build());
  }

  private static void send(String protocol, SpanExporter exporter) {
    Attributes resource = Attributes.builder()
        .put("service.name", "sdk-java").put("team", "tracing").put("shard", 7L).build();
    SdkTracerProvider provider = SdkTracerProvider.builder()
        .setResource(Resource.create(resource))
        .addSpanProcessor(BatchSpanProcessor.builder(exporter).build())
        .build();
    Tracer tracer = provider.tracerBuilder("known")
        .setInstrumentationVersion("1.2.3")
        .setSchemaUrl("https://opentelemetry.io/schemas/1.30.0")
        .build();
    SpanContext remote = SpanContext.createFromRemoteParent(
        "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", TraceFlags.getSampled(),
        TraceState.builder().put("vendor", "x").build());
    Span root = tracer.spanBuilder("checkout ☕")
        .setSpanKind(SpanKind.SERVER)
        .setStartTimestamp(START, TimeUnit.NANOSECONDS)
        .addLink(remote, Attributes.of(AttributeKey.stringKey("why"), "retry"))
        .setAttribute("text", "naïve café 😀")
        .setAttribute("yes", true)
        .setAttribute("no", false)
        .setAttribute("big", 9_007_199_254_740_991L)
        .setAttribute("huge", Long.MIN_VALUE)
        .setAttribute("double", 0.1)
        .setAllAttributes(Attributes.builder()
            .put("texts", "a", "ü").put("ints", 1L, 2L).put("doubles", 0.5, 1.5).put("bools", true, false)
            .build())
        .startSpan();
    root.addEvent("cache miss", Attributes.builder().put("key", "k1").put("hit", false).build(),
        START + 1_000_000, TimeUnit.NANOSECONDS);
    root.addEvent("exception", Attributes.builder()
            .put("exception.type", "java.lang.IllegalStateException")
            .put("exception.message", "bad ☠ value").build(),
        START + 2_000_000, TimeUnit.NANOSECONDS);
    root.setStatus(StatusCode.ERROR, "boom");
    Span child = tracer.spanBuilder("query items")
        .setParent(Context.root().with(root))
        .setSpanKind(SpanKind.CLIENT)
        .setStartTimestamp(START + 3_000_001, TimeUnit.NANOSECONDS)
        .setAttribute("db.query.text", "SELECT *\nFROM items")
        .startSpan();
    child.setStatus(StatusCode.OK);
    child.end(START + 5_000_003, TimeUnit.NANOSECONDS);
    root.end(START + 1_500_000_000, TimeUnit.NANOSECONDS);
    if (!provider.forceFlush().join(30, TimeUnit.SECONDS).isSuccess()) {
      throw new IllegalStateException(protocol + ": the spans were not sent");
    }
    provider.close();
    System.out.printf("{\"protocol\": \"%s\", \"trace_id\": \"%s\"}%n",
        protocol, root.getSpanContext().getTraceId());
  }
}
