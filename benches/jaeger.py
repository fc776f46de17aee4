"""The data set of the search benchmark in a server: that of Jaeger's published benchmark, and incidents.

`clew-loadgen --jaeger` makes 200,000 spans a pass. They are uniform: each value occurs in one span of 8,818, none is rare, no span
has an event. So one trace in a thousand is added that has what people look for: an *incident*, of ten spans like the others, with a
value that no other trace has, an exception, resource attributes, and, in every tenth, nine calls of one operation.
"""

import http.client
import json
import pathlib
import random
import subprocess
import time

PASS_SPANS = 200_000
TRACE_SPANS = 10
KEYS = 97
VALUES = 1_000
SERVICES = 10
OPERATIONS = 10
ATTRIBUTES = 11
#: Incidents are sent in between, so that they lie in several segments.
PARTS_MAX = 10
#: How often a request that was refused for overload is sent again.
ATTEMPTS = 60
#: Hosts and users of incidents.
HOSTS = 100
USERS = 200
EXCEPTIONS = ["TimeoutError", "ConnectionResetError", "ValidationError", "OutOfStock"]


def load(server, loadgen, spans, sample):
    """Loads `spans` spans, rounded up to whole passes, and as many incidents as belong to them; what was loaded."""
    passes = -(-spans // PASS_SPANS)
    parts = min(PARTS_MAX, passes)
    incidents = passes * PASS_SPANS // TRACE_SPANS // 1_000
    trace_ids, sent, started = [], 0, time.monotonic()
    for part in range(parts):
        share = passes * (part + 1) // parts - passes * part // parts
        endpoint = f"http://{server.addresses['otlp_grpc']}"
        command = [loadgen, "--jaeger", "--endpoint", endpoint, "--passes", str(share), "--seed", str(part + 1)]
        answer = json.loads(subprocess.run([*command, "--sample-ids", sample], check=True, stdout=subprocess.PIPE).stdout)
        if answer["errors"] or answer["spans_rejected"]:
            raise SystemExit(f"{' '.join(command)}: {answer['errors']}, {answer['spans_rejected']} rejected")
        sent += answer["spans_acknowledged"]
        trace_ids += pathlib.Path(sample).read_text().split()
        of_part = range(incidents * part // parts, incidents * (part + 1) // parts)
        sent += send_incidents(server.addresses["otlp_http"], of_part)
    load_seconds = time.monotonic() - started
    server.wait_until_flushed()
    stored = int(server.sql("SELECT count(*) FROM spans")[0][0])
    if stored != sent:
        raise SystemExit(f"{sent} spans sent, {stored} stored")
    return {"spans": sent, "incidents": incidents, "load_seconds": load_seconds, "trace_ids": trace_ids}


def send_incidents(address, numbers):
    """Sends incidents as OTLP/JSON; the number of their spans."""
    connection = http.client.HTTPConnection(address, timeout=120)
    sent = 0
    for first in range(numbers.start, numbers.stop, 50):
        body = {"resourceSpans": [spans for n in range(first, min(first + 50, numbers.stop)) for spans in incident(n)]}
        post(connection, json.dumps(body))
        sent += sum(len(of["scopeSpans"][0]["spans"]) for of in body["resourceSpans"])
    connection.close()
    return sent


def post(connection, body):
    """Sends a request until it is taken: a server that is overloaded says when to come again."""
    for _ in range(ATTEMPTS):
        connection.request("POST", "/v1/traces", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status == 200 and b"rejectedSpans" not in text:
            return
        if answer.status not in (429, 503):
            break
        time.sleep(float(answer.getheader("retry-after") or 1))
    raise SystemExit(f"incidents were refused: {answer.status} {text.decode()}")


def incident(number):
    """The `resourceSpans` of incident `number`."""
    dice = random.Random(number)
    trace_id, start = f"{dice.getrandbits(127) + 1:032x}", time.time_ns() - dice.randrange(20_000_000_000)
    repeated = number % 10 == 0
    whole, parents = [], []
    for place in range(TRACE_SPANS):
        service = min(place, 1) if repeated else place
        parent = (parents[0] if repeated else dice.choice(parents)) if parents else ""
        attributes = [text("user.id", f"user-{number % USERS}"), integer("http.status_code", dice.choice([200, 200, 404, 500, 503]))]
        for key in dice.sample(range(KEYS), ATTRIBUTES - 2):
            attributes.append(text(f"attribute.{key}", f"value-{dice.randrange(VALUES)}"))
        at = start + place * 10_000
        span = {
            "traceId": trace_id,
            "spanId": f"{dice.getrandbits(63) + 1:016x}",
            "parentSpanId": parent,
            "name": "operation-3" if repeated and parents else f"operation-{dice.randrange(OPERATIONS)}",
            "kind": 3 if parents else 2,
            "startTimeUnixNano": str(at),
            "endTimeUnixNano": str(at + 1_000 + dice.randrange(1_000_000_000)),
            "attributes": attributes,
            "status": {"code": 2} if place == 5 else {},
        }
        if place == 5:
            attributes.append(text("incident.id", f"incident-{number}"))
            message = f"no answer from 10.0.{number % 7}.{number % 251} in {dice.randrange(100)} s"
            exception = [text("exception.type", EXCEPTIONS[number % len(EXCEPTIONS)]), text("exception.message", message)]
            span["events"] = [{"timeUnixNano": str(at + 500), "name": "exception", "attributes": exception}]
        parents.append(span["spanId"])
        resource = [
            text("service.name", f"service-{service}"),
            text("service.version", f"1.{number % 2}"),
            text("service.instance.id", f"service-{service}-{number % 3}"),
            text("host.name", f"host-{number % HOSTS}"),
        ]
        whole.append({"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]})
    return whole


def text(key, value):
    return {"key": key, "value": {"stringValue": value}}


def integer(key, value):
    return {"key": key, "value": {"intValue": str(value)}}
