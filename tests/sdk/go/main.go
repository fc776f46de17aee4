// Sends the known trace through the Go SDK, once per exporter; see ../README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var start = time.Unix(1_790_000_000, 123_456_789)

func send(ctx context.Context, exporter sdk.SpanExporter) (string, error) {
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "sdk-go"),
			attribute.String("team", "tracing"),
			attribute.Int("shard", 7),
		)),
	)
	tracer := provider.Tracer("known",
		trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL("https://opentelemetry.io/schemas/1.30.0"),
		trace.WithInstrumentationAttributes(attribute.String("library", "yes")),
	)
	traceID, _ := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	spanID, _ := trace.SpanIDFromHex("b7ad6b7169203331")
	state, _ := trace.ParseTraceState("vendor=x")
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
	rootCtx, root := tracer.Start(ctx, "checkout ☕",
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(start),
		trace.WithLinks(trace.Link{SpanContext: remote, Attributes: []attribute.KeyValue{attribute.String("why", "retry")}}),
		trace.WithAttributes(
			attribute.String("text", "naïve café 😀"),
			attribute.Bool("yes", true),
			attribute.Bool("no", false),
			attribute.Int64("big", 9_007_199_254_740_991),
			attribute.Int64("huge", math.MinInt64),
			attribute.Float64("double", 0.1),
			attribute.StringSlice("texts", []string{"a", "ü"}),
			attribute.Int64Slice("ints", []int64{1, 2}),
			attribute.Float64Slice("doubles", []float64{0.5, 1.5}),
			attribute.BoolSlice("bools", []bool{true, false}),
		),
	)
	root.AddEvent("cache miss", trace.WithTimestamp(start.Add(time.Millisecond)),
		trace.WithAttributes(attribute.String("key", "k1"), attribute.Bool("hit", false)))
	root.RecordError(errors.New("bad ☠ value"), trace.WithTimestamp(start.Add(2*time.Millisecond)))
	root.SetStatus(codes.Error, "boom")
	_, child := tracer.Start(rootCtx, "query items",
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(start.Add(3_000_001)),
		trace.WithAttributes(attribute.String("db.query.text", "SELECT *\nFROM items")),
	)
	child.SetStatus(codes.Ok, "")
	child.End(trace.WithTimestamp(start.Add(5_000_003)))
	root.End(trace.WithTimestamp(start.Add(1_500_000_000)))
	if err := provider.ForceFlush(ctx); err != nil {
		return "", err
	}
	return root.SpanContext().TraceID().String(), provider.Shutdown(ctx)
}

func run(ctx context.Context) error {
	grpcURL, err := url.Parse(os.Getenv("CLEW_OTLP_GRPC"))
	if err != nil {
		return err
	}
	overGRPC, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpoint(grpcURL.Host), otlptracegrpc.WithInsecure())
	if err != nil {
		return err
	}
	overGRPCGzip, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpoint(grpcURL.Host), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
	if err != nil {
		return err
	}
	overHTTP, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(os.Getenv("CLEW_OTLP_HTTP")+"/v1/traces"))
	if err != nil {
		return err
	}
	for _, each := range []struct {
		protocol string
		exporter sdk.SpanExporter
	}{{"otlp-grpc", overGRPC}, {"otlp-grpc-gzip", overGRPCGzip}, {"otlp-http", overHTTP}} {
		id, err := send(ctx, each.exporter)
		if err != nil {
			return fmt.Errorf("%s: %w", each.protocol, err)
		}
		fmt.Printf("{\"protocol\": %q, \"trace_id\": %q}\n", each.protocol, id)
	}
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
