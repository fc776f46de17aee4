"""The kinds of search that are measured: requests to Clew, and the same condition for the other engines.

A search asks for the 20 newest traces in which one span meets the condition. Its condition in SQL is a template: `{key}` stands for
what reads an attribute, as in `{attribute:user.id}` and `{resource:host.name}`.
"""

import json
import random
import urllib.parse

import jaeger

LIMIT = 20


class Kind:
    """One row of the page: `make` gives a request and a condition in SQL, or None where there is none."""

    def __init__(self, name, target_ms, make, counted=True, complete=False):
        self.name = name
        self.target_ms = target_ms
        self.make = make
        #: The number of all matching traces can be asked for.
        self.counted = counted
        #: The first answers are labelled as incomplete, while the server reads what it keeps from then on.
        self.complete = complete


def search(condition, **parameters):
    parameters["limit"] = LIMIT
    return "/api/clew/v1/search?" + urllib.parse.urlencode(parameters), condition


def by_key(dice, key, value):
    """A search for a value of a key at any level, as the query bar makes it."""
    return search(f"{{attribute:{key}}} = '{value}'", q=f"{key}={value}")


def kinds(loaded):
    """All kinds for what was loaded; `make` takes a source of random numbers."""
    ids, incidents = loaded["trace_ids"], loaded["incidents"]
    earliest, latest = loaded["start_time"]

    def service(dice):
        return dice.randrange(jaeger.SERVICES)

    def key(dice):
        return f"attribute.{dice.randrange(jaeger.KEYS)}"

    def value(dice):
        return f"value-{dice.randrange(jaeger.VALUES)}"

    def window(dice, length_ns):
        start = dice.randrange(earliest, max(earliest + 1, latest - length_ns))
        return start, start + length_ns

    def by_service(dice):
        name = f"service-{service(dice)}"
        return search(f"service_name = '{name}'", service=name)

    def by_operation(dice):
        name, operation = f"service-{service(dice)}", f"operation-{dice.randrange(jaeger.OPERATIONS)}"
        return search(f"service_name = '{name}' AND name = '{operation}'", service=name, operation=operation)

    def by_duration(dice):
        least = dice.randrange(500_000_000, 999_000_000)
        return search(f"duration_ns >= {least}", min_duration_ns=least)

    def by_narrow_duration(dice):
        least = dice.randrange(1_000, 999_000_000)
        most = least + 20_000
        return search(f"duration_ns BETWEEN {least} AND {most}", min_duration_ns=least, max_duration_ns=most)

    def by_time(dice):
        start, end = window(dice, 10_000_000)
        return search(f"start_ns >= {start} AND start_ns < {end}", start=start, end=end)

    def everything(dice):
        name, operation = f"service-{service(dice)}", f"operation-{dice.randrange(jaeger.OPERATIONS)}"
        attribute, wanted = key(dice), value(dice)
        least = dice.randrange(1_000, 500_000_000)
        start, end = window(dice, (latest - earliest) // 2)
        condition = (
            f"service_name = '{name}' AND name = '{operation}' AND duration_ns >= {least} AND start_ns >= {start} AND "
            f"start_ns < {end} AND {{attribute:{attribute}}} = '{wanted}'"
        )
        tags = json.dumps({attribute: wanted})
        return search(
            condition, service=name, operation=operation, min_duration_ns=least, start=start, end=end, tags=tags
        )

    def rare(dice):
        return by_key(dice, "incident.id", f"incident-{dice.randrange(incidents)}")

    def host(dice):
        name = f"host-{dice.randrange(min(jaeger.HOSTS, incidents))}"
        return search(f"{{resource:host.name}} = '{name}'", q=f"resource.host.name={name}")

    def resource_service(dice):
        name = f"service-{service(dice)}"
        return search(f"service_name = '{name}'", q=f"resource.service.name={name}")

    def having(dice):
        name = key(dice)
        return search(f"{{has:{name}}}", q=f"has:{name}")

    def operations(dice):
        return f"/api/clew/v1/operations?service=service-{service(dice)}", None

    def values(dice):
        return f"/api/clew/v1/values?key={key(dice)}&prefix=", None

    return [
        Kind("trace by id, OTLP JSON", 20, lambda dice: (f"/api/v3/traces/{dice.choice(ids)}", None), False),
        Kind("trace by id, skeleton as JSON", 20, lambda dice: (f"/api/clew/v1/traces/{dice.choice(ids)}", None), False),
        Kind("service", 30, by_service),
        Kind("service and operation", 30, by_operation),
        Kind("duration, at least half a second", 30, by_duration),
        Kind("duration, within 20 us", 30, by_narrow_duration),
        Kind("time, within 10 ms", 30, by_time),
        Kind("attribute, the key is there (11 % of spans)", 50, having),
        Kind("attribute, a value in 1 of 8,818 spans", 50, lambda dice: by_key(dice, key(dice), value(dice))),
        Kind("attribute, a value in one trace of all", 50, rare),
        Kind("attribute, a value that is nowhere", 50, lambda dice: by_key(dice, key(dice), f"nowhere-{value(dice)}")),
        Kind("attribute, a key that is nowhere", 50, lambda dice: by_key(dice, f"nowhere.{key(dice)}", value(dice))),
        Kind("resource attribute, in all resources", 50, resource_service),
        Kind("resource attribute, in few resources", 50, host),
        Kind("service, operation, duration, time and attribute", 50, everything),
        Kind("list of services", None, lambda dice: ("/api/clew/v1/services", None), False),
        Kind("list of a service's operations", None, operations, False),
        Kind("completion of keys", 50, lambda dice: ("/api/clew/v1/keys?prefix=", None), False, True),
        Kind("completion of a key's values", 50, values, False, True),
    ]


def samples(kind, count, seed):
    """`count` requests and conditions of a kind, the same for the same seed."""
    dice = random.Random(f"{kind.name} {seed}")
    return [kind.make(dice) for _ in range(count)]


def newest(condition):
    """The statement whose answer a search gives: the 20 newest traces, by the earliest start of any of their spans."""
    return (
        f"SELECT {{hex:trace_id}}, min(start_ns) AS first FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE {condition}) "
        f"GROUP BY trace_id ORDER BY first DESC, 1 LIMIT {LIMIT}"
    )


def quick(condition):
    """What one would ask another engine for: the newest matching spans' traces."""
    return (
        f"SELECT {{hex:trace_id}}, max(start_ns) AS latest FROM spans WHERE {condition} "
        f"GROUP BY trace_id ORDER BY latest DESC LIMIT {LIMIT}"
    )
