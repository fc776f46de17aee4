//! Zipkin's v1 span, and its split into v2 spans.
//!
//! In v1 the times, the kind and the service of a span are told by annotations, each with the endpoint that made it, and
//! client and server may have put theirs into one span. The split gives each service that took part a span of its own.
//! The rules are those of Zipkin's own converter, which the specification points to.
//!
//! | annotation | meaning |
//! |---|---|
//! | `cs`, `cr` | client sent, received: kind CLIENT, start, end |
//! | `sr`, `ss` | server received, sent: kind SERVER, start, end |
//! | `ms`, `ws` | message sent, on the wire: kind PRODUCER, start, end |
//! | `wr`, `mr` | message on the wire, received: kind CONSUMER, start, end |
//! | `ca`, `sa`, `ma` (binary) | address of the client, server, broker: the remote endpoint |

use std::borrow::Cow;

use clew_storage::{SpanId, TraceId};

use super::model::{Annotation, Endpoint, Kind, Span, Tag, TagValue};

/// A v1 span. Times are in ns; 0 is not a time but the lack of one.
#[derive(Debug, Clone)]
pub(super) struct V1Span<'a> {
    pub(super) trace_id: TraceId,
    pub(super) id: SpanId,
    pub(super) parent_id: Option<SpanId>,
    pub(super) name: Cow<'a, str>,
    pub(super) timestamp_ns: Option<u64>,
    pub(super) duration_ns: Option<u64>,
    pub(super) annotations: Vec<V1Annotation<'a>>,
    pub(super) binary_annotations: Vec<BinaryAnnotation<'a>>,
    pub(super) debug: bool,
}

/// An annotation and who made it.
#[derive(Debug, Clone)]
pub(super) struct V1Annotation<'a> {
    pub(super) time_ns: u64,
    pub(super) value: Cow<'a, str>,
    pub(super) endpoint: Option<Endpoint<'a>>,
}

/// A tag or an address, and who made it or whose it is.
#[derive(Debug, Clone)]
pub(super) struct BinaryAnnotation<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) value: BinaryValue<'a>,
    pub(super) endpoint: Option<Endpoint<'a>>,
}

/// What a [`BinaryAnnotation`] says.
#[derive(Debug, Clone)]
pub(super) enum BinaryValue<'a> {
    /// A bool: marks an address if the key is one of `ca`, `sa`, `ma`.
    Bool(bool),
    /// Anything else.
    Tag(TagValue<'a>),
}

/// An annotation that stands for a moment of the span.
#[derive(Debug, Clone, Copy)]
struct Moment {
    time_ns: u64,
    /// Span that it belongs to.
    part: usize,
}

/// The moments of a span.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    cs: Option<Moment>,
    cr: Option<Moment>,
    sr: Option<Moment>,
    ss: Option<Moment>,
    ms: Option<Moment>,
    mr: Option<Moment>,
    ws: Option<Moment>,
    wr: Option<Moment>,
}

impl Moments {
    /// Where the moment that `value` names is kept, and the kind that it tells.
    fn of(&mut self, value: &str) -> Option<(&mut Option<Moment>, Option<Kind>)> {
        Some(match value {
            "cs" => (&mut self.cs, Some(Kind::Client)),
            "cr" => (&mut self.cr, Some(Kind::Client)),
            "sr" => (&mut self.sr, Some(Kind::Server)),
            "ss" => (&mut self.ss, Some(Kind::Server)),
            "ms" => (&mut self.ms, Some(Kind::Producer)),
            "mr" => (&mut self.mr, Some(Kind::Consumer)),
            "ws" => (&mut self.ws, None),
            "wr" => (&mut self.wr, None),
            _ => return None,
        })
    }
}

impl<'a> V1Span<'a> {
    /// The v2 spans, one at least.
    pub(super) fn split(mut self) -> Vec<Span<'a>> {
        let annotations = std::mem::take(&mut self.annotations);
        let binary_annotations = std::mem::take(&mut self.binary_annotations);
        let mut split = Split {
            parts: Vec::new(),
            moments: Moments::default(),
            source: self,
        };
        split.new_part(Endpoint::default(), None);
        split.take_annotations(annotations);
        split.infer_starts();
        split.set_rpc_times();
        split.set_messaging_times();
        split.take_binary_annotations(binary_annotations);
        split.parts
    }
}

/// A split in the making.
struct Split<'a> {
    /// The v1 span, without its annotations.
    source: V1Span<'a>,
    /// The v2 spans: the first takes what is nobody's, else one a service.
    parts: Vec<Span<'a>>,
    moments: Moments,
}

impl<'a> Split<'a> {
    fn new_part(&mut self, local: Endpoint<'a>, kind: Option<Kind>) -> usize {
        let source = &self.source;
        self.parts.push(Span {
            trace_id: source.trace_id,
            id: source.id,
            parent_id: source.parent_id,
            kind,
            name: source.name.clone(),
            timestamp_ns: None,
            duration_ns: None,
            local,
            remote: Endpoint::default(),
            annotations: Vec::new(),
            tags: Vec::new(),
            debug: source.debug,
            shared: false,
        });
        self.parts.len() - 1
    }

    /// The part of the service at `endpoint`.
    fn part_of(&mut self, endpoint: Option<Endpoint<'a>>) -> usize {
        let Some(endpoint) = endpoint else { return 0 };
        if self.parts[0].local == Endpoint::default() {
            self.parts[0].local = endpoint;
            return 0;
        }
        let same = |part: &Span<'a>| part.local.service_name == endpoint.service_name;
        match self.parts.iter().position(same) {
            Some(part) => part,
            None => self.new_part(endpoint, None),
        }
    }

    fn take_annotations(&mut self, annotations: Vec<V1Annotation<'a>>) {
        for V1Annotation {
            time_ns,
            value,
            endpoint,
        } in annotations
        {
            let has_endpoint = endpoint.is_some();
            let part = self.part_of(endpoint);
            match self.moments.of(&value) {
                Some((moment, kind)) if has_endpoint => {
                    *moment = Some(Moment { time_ns, part });
                    self.parts[part].kind = kind.or(self.parts[part].kind);
                }
                _ => self.parts[part]
                    .annotations
                    .push(Annotation { time_ns, value }),
            }
        }
    }

    fn add_annotation(&mut self, moment: Moment, value: &'static str) {
        let annotation = Annotation {
            time_ns: moment.time_ns,
            value: Cow::Borrowed(value),
        };
        self.parts[moment.part].annotations.push(annotation);
    }

    /// Where only the end was annotated, the span's own times tell the start if they agree with it.
    fn infer_starts(&mut self) {
        let (Some(start), Some(duration)) = (self.source.timestamp_ns, self.source.duration_ns)
        else {
            return;
        };
        let start_of = |end: Option<Moment>| {
            let end = end.filter(|end| start.checked_add(duration) == Some(end.time_ns))?;
            Some(Moment {
                time_ns: start,
                part: end.part,
            })
        };
        self.moments.cs = self.moments.cs.or_else(|| start_of(self.moments.cr));
        self.moments.sr = self.moments.sr.or_else(|| start_of(self.moments.ss));
    }

    fn set_rpc_times(&mut self) {
        let Moments { cs, cr, sr, ss, .. } = self.moments;
        match (cs, cr, sr, ss) {
            (Some(cs), cr, Some(sr), ss) => self.set_shared_times(cs, cr, sr, ss),
            (Some(cs), Some(cr), ..) => self.set_times(cs, Some(cr)),
            (_, _, Some(sr), Some(ss)) => self.set_times(sr, Some(ss)),
            _ => self.set_incomplete_times(),
        }
        // In v1 a server that joined its client's span left the span's times to the client.
        let times_left_out = self.source.timestamp_ns.is_none()
            || (ss.is_some() && self.source.duration_ns.is_none());
        if let (None, Some(sr)) = (cs, self.moments.sr)
            && times_left_out
        {
            self.parts[sr.part].shared = true;
        }
    }

    /// Client and server in one span: the span's times are the client's.
    fn set_shared_times(&mut self, cs: Moment, cr: Option<Moment>, sr: Moment, ss: Option<Moment>) {
        self.set_times(cs, cr);
        if cr.is_none() && self.source.duration_ns.is_none() {
            self.parts[cs.part].duration_ns = None;
        }
        let mut server = sr.part;
        if server == cs.part {
            // A service that calls itself.
            self.parts[cs.part].kind = Some(Kind::Client);
            server = self.new_part(self.parts[cs.part].local.clone(), Some(Kind::Server));
            self.moments.sr = Some(Moment { part: server, ..sr });
            self.moments.ss = ss.map(|ss| Moment { part: server, ..ss });
        }
        let part = &mut self.parts[server];
        part.shared = true;
        part.timestamp_ns = Some(sr.time_ns);
        part.duration_ns = ss.and_then(|ss| between(sr, ss));
    }

    fn set_incomplete_times(&mut self) {
        let Moments { cs, cr, sr, ss, .. } = self.moments;
        for (start, end, name) in [(cs, cr, "cr"), (sr, ss, "ss")] {
            if let Some(start) = start {
                self.parts[start.part].timestamp_ns = Some(start.time_ns);
            }
            if let Some(end) = end {
                self.add_annotation(end, name);
            }
        }
        if self.source.timestamp_ns.is_some() {
            self.parts[0].timestamp_ns = self.source.timestamp_ns;
            self.parts[0].duration_ns = self.source.duration_ns;
        }
    }

    fn set_messaging_times(&mut self) {
        let Moments { ms, mr, ws, wr, .. } = self.moments;
        match (ms, mr) {
            (Some(ms), Some(mr)) => self.set_message_times(ms, mr),
            (Some(ms), None) => self.set_times(ms, ws),
            (None, Some(mr)) => match wr {
                Some(wr) => self.set_times(wr, Some(mr)),
                None => self.set_times(mr, None),
            },
            (None, None) => {
                for (moment, name) in [(ws, "ws"), (wr, "wr")] {
                    if let Some(moment) = moment {
                        self.add_annotation(moment, name);
                    }
                }
            }
        }
    }

    /// Producer and consumer in one span.
    fn set_message_times(&mut self, ms: Moment, mr: Moment) {
        let Moments { ws, wr, .. } = self.moments;
        let producer = &mut self.parts[ms.part];
        producer.timestamp_ns = Some(ms.time_ns);
        producer.duration_ns = ws.and_then(|ws| between(ms, ws));
        let mut consumer = mr.part;
        if consumer == ms.part {
            producer.kind = Some(Kind::Producer);
            let local = producer.local.clone();
            consumer = self.new_part(local, Some(Kind::Consumer));
            self.moments.mr = Some(Moment {
                part: consumer,
                ..mr
            });
        }
        let consumer = &mut self.parts[consumer];
        consumer.shared = true;
        consumer.timestamp_ns = Some(wr.unwrap_or(mr).time_ns);
        consumer.duration_ns = wr.and_then(|wr| between(wr, mr));
    }

    /// Times of the part that `begin` belongs to: those of the span if it has both, else from `begin` to `end`.
    fn set_times(&mut self, begin: Moment, end: Option<Moment>) {
        let part = &mut self.parts[begin.part];
        if self.source.timestamp_ns.is_some() && self.source.duration_ns.is_some() {
            part.timestamp_ns = self.source.timestamp_ns;
            part.duration_ns = self.source.duration_ns;
        } else {
            part.timestamp_ns = Some(begin.time_ns);
            part.duration_ns = end.and_then(|end| between(begin, end));
        }
    }

    fn take_binary_annotations(&mut self, annotations: Vec<BinaryAnnotation<'a>>) {
        let (mut client, mut server, mut broker) = (None, None, None);
        for BinaryAnnotation {
            key,
            value,
            endpoint,
        } in annotations
        {
            let value = match (&*key, value, &endpoint) {
                ("ca", BinaryValue::Bool(_), Some(_)) => {
                    client = endpoint;
                    continue;
                }
                ("sa", BinaryValue::Bool(_), Some(_)) => {
                    server = endpoint;
                    continue;
                }
                ("ma", BinaryValue::Bool(_), Some(_)) => {
                    broker = endpoint;
                    continue;
                }
                (_, BinaryValue::Bool(value), _) => {
                    TagValue::Text(Cow::Borrowed(if value { "true" } else { "false" }))
                }
                (_, BinaryValue::Tag(value), _) => value,
            };
            let part = self.part_of(endpoint);
            // An empty local component marks a span that is neither client nor server, and says no more.
            if key != "lc" || value.text() != Some("") {
                self.parts[part].tags.push(Tag { key, value });
            }
        }
        self.set_remotes(client, server, broker);
    }

    fn set_remotes(
        &mut self,
        client: Option<Endpoint<'a>>,
        server: Option<Endpoint<'a>>,
        broker: Option<Endpoint<'a>>,
    ) {
        let Moments {
            cs,
            cr,
            sr,
            ss,
            ms,
            mr,
            ..
        } = self.moments;
        let (of_client, of_server) = (cs.or(cr), sr.or(ss));
        if of_client.is_none() && of_server.is_none() && (client.is_some() || server.is_some()) {
            self.set_remotes_without_rpc(client, server);
            return;
        }
        if let (Some(mut client), Some(Moment { part, .. })) = (client, of_server) {
            let part = &mut self.parts[part];
            if client != part.local {
                // Finagle names the client's port after the server; a name would make it a call of the service to itself.
                if client.service_name == part.local.service_name {
                    client.service_name = Cow::Borrowed("");
                }
                part.remote = client;
            }
        }
        if let (Some(server), Some(Moment { part, .. })) = (server, of_client) {
            self.parts[part].remote = server;
        }
        if let Some(broker) = broker {
            for Moment { part, .. } in [ms, mr].into_iter().flatten() {
                self.parts[part].remote = broker.clone();
            }
        }
    }

    fn set_remotes_without_rpc(
        &mut self,
        client: Option<Endpoint<'a>>,
        server: Option<Endpoint<'a>>,
    ) {
        match (client, server) {
            (Some(client), Some(server)) => {
                let part = self.part_of(Some(client));
                self.parts[part].remote = server;
            }
            // The server's address is given by default: it does not make the span a client's.
            (None, Some(server)) => self.parts[0].remote = server,
            (Some(client), None) => {
                self.parts[0].kind = Some(Kind::Server);
                self.parts[0].remote = client;
            }
            (None, None) => {}
        }
    }
}

/// Time from `begin` to `end`, if it is more than nothing.
fn between(begin: Moment, end: Moment) -> Option<u64> {
    end.time_ns
        .checked_sub(begin.time_ns)
        .filter(|duration| *duration > 0)
}
