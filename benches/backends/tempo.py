"""Grafana Tempo as one process, on the local disk."""

import re

from backends.peer import counter, spans_by_tempo
from backends.started import Started

CONFIG = """
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {http}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
  log_level: warn
memberlist:
  bind_addr: [127.0.0.1]
  bind_port: {memberlist}
distributor:
  ring:
    instance_addr: 127.0.0.1
  receivers:
    otlp:
      protocols:
        grpc:
          endpoint: 127.0.0.1:{otlp}
          max_recv_msg_size_mib: 64
querier:
  frontend_worker:
    frontend_address: 127.0.0.1:{grpc}
backend_worker:
  backend_scheduler_addr: 127.0.0.1:{grpc}
backend_scheduler:
  local_work_path: {data}/scheduler
live_store:
  wal:
    path: {data}/live
  shutdown_marker_dir: {data}/marker
storage:
  trace:
    backend: local
    wal:
      path: {data}/wal
    local:
      path: {data}/blocks
usage_report:
  reporting_enabled: false
overrides:
  defaults:
    ingestion:
      rate_limit_bytes: 1000000000
      burst_size_bytes: 1000000000
      max_traces_per_user: 0
    global:
      max_bytes_per_trace: 0
"""


class Tempo(Started):
    name = "Tempo"
    program = "tempo"
    durable = "nothing: spans are in the memory of the live store; without Kafka it writes them down later and does not sync"
    remark = (
        "One process, local disk. The limits on rate, on live traces and on the size of a trace are lifted, since Tempo otherwise "
        "drops what is over them after it answered."
    )
    ports = {"otlp": 4317, "http": 3200, "grpc": 9095, "memberlist": 7946}
    ready = ("http", "/ready")
    version_arguments = ["-version"]

    @staticmethod
    def read_version(text):
        found = re.search(r"version (\S+)", text)
        return found.group(1).rstrip(",") if found else ""

    @classmethod
    def files(cls, ports, data):
        return {"tempo.yaml": CONFIG.format(data=data, **ports)}

    @classmethod
    def command(cls, ports, data, folder):
        return [f"-config.file={folder}/tempo.yaml"]

    def spans_of(self, trace_id):
        return spans_by_tempo(self.url("http"), trace_id)

    def dropped(self):
        return counter(self.url("http", "/metrics"), "tempo_discarded_spans_total")
