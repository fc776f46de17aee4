"""The backends that can be started here, in the order of the page."""

from backends.clew import Clew
from backends.collector_file import CollectorFile
from backends.jaeger_badger import JaegerBadger, JaegerBadgerDurable
from backends.tempo import Tempo
from backends.victoriatraces import VictoriaTraces

KINDS = [Clew, Tempo, VictoriaTraces, JaegerBadger, JaegerBadgerDurable, CollectorFile]
