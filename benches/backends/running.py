"""A backend that runs already, as flags describe it."""

from backends.peer import Peer, spans_by_jaeger, spans_by_tempo
from process import Process

APIS = {"jaeger": spans_by_jaeger, "tempo": spans_by_tempo}
NEEDED = ["name", "endpoint", "pid", "data"]
KNOWN = [*NEEDED, "protocol", "version", "api", "query", "durable"]


class Running(Peer):
    """`words` are `key=value`; what they mean is said in benches/peers.md."""

    def __init__(self, words):
        values = dict(word.split("=", 1) for word in words if "=" in word)
        unknown = [word for word in words if word.split("=", 1)[0] not in KNOWN or "=" not in word]
        absent = [key for key in NEEDED if key not in values]
        if unknown or absent:
            raise SystemExit(f"--running: {unknown or absent} {'not known' if unknown else 'missing'}; it takes {', '.join(KNOWN)}")
        if values.get("api") not in (None, *APIS):
            raise SystemExit(f"--running: api is one of {', '.join(APIS)}")
        self.name = values["name"]
        self.endpoint = values["endpoint"]
        self.process = Process(int(values["pid"]))
        self.data = values["data"]
        self.protocol = values.get("protocol", "grpc")
        self.version = values.get("version", "")
        self.durable = values.get("durable", "not said")
        self.api = APIS.get(values.get("api"))
        self.query = values.get("query", "")

    def spans_of(self, trace_id):
        if not self.api:
            return None
        return self.api(self.query, trace_id)
