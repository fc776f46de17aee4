"""Prints the samples of a page of metrics, once in each format, as the parsers of prometheus_client read them: read.py URL"""

import json
import sys
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus


def samples(url, accept, parse):
    with urlopen(Request(url, headers={"Accept": accept})) as answer:
        text = answer.read().decode()
    for family in parse(text):
        for sample in family.samples:
            exemplar = sample.exemplar
            yield {
                "family": family.name,
                "type": family.type,
                "name": sample.name,
                "labels": sample.labels,
                "value": float(sample.value),
                "exemplar": exemplar and {
                    "labels": exemplar.labels,
                    "value": exemplar.value,
                    "timestamp": float(exemplar.timestamp),
                },
            }


url = sys.argv[1]
json.dump({
    "openmetrics": list(samples(url, "application/openmetrics-text; version=1.0.0", openmetrics)),
    "prometheus": list(samples(url, "text/plain", prometheus)),
}, sys.stdout)
