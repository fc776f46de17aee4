//! An encoded export request whose ids and times are rewritten in place.
//!
//! Encoding a request costs more than a server needs to store it, so a request is encoded once and sent many times. Its ids
//! are masked by XOR: one mask for all trace ids and one for all span, parent and link ids of a pass, so that parents,
//! links and traces spread over several requests stay together, and no pass repeats an id of another. Times are shifted by
//! one distance for all. None of it changes a length, so the encoding stays valid.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

/// Times outside these bounds (2000 and 2100, ns) are broken on purpose or by accident and stay as they are.
const PLAUSIBLE: Range<u64> = 946_684_800_000_000_000..4_102_444_800_000_000_000;

/// Attributes whose last eight characters are rewritten in each pass, so that values do not repeat between passes.
const REFRESHED: [&str; 4] = ["user.id", "url.path", "url.full", "messaging.message.id"];

/// What a pass writes into every request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Mask of trace ids.
    pub(crate) trace_mask: u128,
    /// Mask of span, parent and linked span ids.
    pub(crate) span_mask: u64,
    /// Added to plausible times, ns.
    pub(crate) shift: u64,
}

impl Pass {
    /// Pass `number` of the run with seed `seed`; the latest time of the stream becomes `now`.
    pub(crate) fn new(seed: u64, number: u64, latest: u64, now: u64) -> Self {
        let mut state = seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        let trace_mask = u128::from(next()) << 64 | u128::from(next());
        Self {
            trace_mask,
            span_mask: next(),
            shift: now.wrapping_sub(latest),
        }
    }
}

/// Finaliser of `SplitMix64`.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One encoded request and the places of what changes between passes.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    body: Vec<u8>,
    trace_ids: Vec<usize>,
    span_ids: Vec<usize>,
    times: Vec<usize>,
    refreshed: Vec<usize>,
    /// Places of the spans' own trace ids.
    own_trace_ids: Vec<usize>,
    applied: Pass,
}

impl Template {
    /// Finds the ids and times of an `ExportTraceServiceRequest`.
    pub(crate) fn new(body: Vec<u8>) -> Result<Self> {
        let mut template = Self {
            body: Vec::new(),
            trace_ids: Vec::new(),
            span_ids: Vec::new(),
            times: Vec::new(),
            refreshed: Vec::new(),
            own_trace_ids: Vec::new(),
            applied: Pass::default(),
        };
        for resource in messages(&body, 0..body.len(), 1)? {
            for scope in messages(&body, resource, 2)? {
                for span in messages(&body, scope, 2)? {
                    template.span(&body, span)?;
                }
            }
        }
        template.body = body;
        Ok(template)
    }

    fn span(&mut self, body: &[u8], span: Range<usize>) -> Result<()> {
        for field in Fields::new(body, span) {
            let (number, place) = field?;
            match (number, place.len()) {
                (1, 16) => {
                    self.trace_ids.push(place.start);
                    self.own_trace_ids.push(place.start);
                }
                (2 | 4, 8) => self.span_ids.push(place.start),
                (7 | 8, 8) => self.time(body, place.start),
                (9, _) => self.attribute(body, place)?,
                (11, _) => self.event(body, place)?,
                (13, _) => self.link(body, place)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn event(&mut self, body: &[u8], event: Range<usize>) -> Result<()> {
        for field in Fields::new(body, event) {
            let (number, place) = field?;
            if (number, place.len()) == (1, 8) {
                self.time(body, place.start);
            }
        }
        Ok(())
    }

    fn link(&mut self, body: &[u8], link: Range<usize>) -> Result<()> {
        for field in Fields::new(body, link) {
            let (number, place) = field?;
            match (number, place.len()) {
                (1, 16) => self.trace_ids.push(place.start),
                (2, 8) => self.span_ids.push(place.start),
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute(&mut self, body: &[u8], attribute: Range<usize>) -> Result<()> {
        let mut refreshed = false;
        for field in Fields::new(body, attribute) {
            let (number, place) = field?;
            match number {
                1 => {
                    let key = &body[place];
                    refreshed = REFRESHED.iter().any(|name| name.as_bytes() == key);
                }
                2 if refreshed => {
                    for text in messages(body, place, 1)? {
                        if text.len() >= 8 {
                            self.refreshed.push(text.end - 8);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn time(&mut self, body: &[u8], place: usize) {
        if PLAUSIBLE.contains(&u64::from_le_bytes(array(body, place))) {
            self.times.push(place);
        }
    }

    /// Number of spans.
    pub(crate) fn span_count(&self) -> usize {
        self.own_trace_ids.len()
    }

    /// Latest plausible time, ns; 0 when there is none.
    pub(crate) fn latest(&self) -> u64 {
        self.times
            .iter()
            .map(|at| u64::from_le_bytes(array(&self.body, *at)))
            .max()
            .unwrap_or(0)
    }

    /// Trace id of the span at `index` as it stands now.
    pub(crate) fn trace_id(&self, index: usize) -> [u8; 16] {
        array(&self.body, self.own_trace_ids[index])
    }

    /// Rewrites the request for `pass` and returns it.
    pub(crate) fn apply(&mut self, pass: Pass) -> &[u8] {
        if pass != self.applied {
            let trace_mask = (pass.trace_mask ^ self.applied.trace_mask).to_le_bytes();
            let span_mask = (pass.span_mask ^ self.applied.span_mask).to_le_bytes();
            let shift = pass.shift.wrapping_sub(self.applied.shift);
            for at in &self.trace_ids {
                xor(&mut self.body[*at..], trace_mask);
            }
            for at in &self.span_ids {
                xor(&mut self.body[*at..], span_mask);
            }
            for at in &self.times {
                let moved = u64::from_le_bytes(array(&self.body, *at)).wrapping_add(shift);
                self.body[*at..*at + 8].copy_from_slice(&moved.to_le_bytes());
            }
            for at in &self.refreshed {
                let fresh = mix(pass.span_mask.wrapping_add(*at as u64));
                for (place, byte) in self.body[*at..*at + 8].iter_mut().enumerate() {
                    *byte = b"0123456789abcdef"[(fresh >> (4 * place) & 15) as usize];
                }
            }
            self.applied = pass;
        }
        &self.body
    }
}

fn xor<const N: usize>(bytes: &mut [u8], mask: [u8; N]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}

/// Places of all length-delimited fields `wanted` of the message at `within`.
fn messages(body: &[u8], within: Range<usize>, wanted: u64) -> Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    for field in Fields::new(body, within) {
        let (number, place) = field?;
        if number == wanted {
            found.push(place);
        }
    }
    Ok(found)
}

/// Walks the fields of one protobuf message: field number and the place of the content.
struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    fn new(body: &'a [u8], within: Range<usize>) -> Self {
        Self {
            body,
            at: within.start,
            end: within.end,
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for place in 0..10 {
            let byte = *self
                .body
                .get(self.at)
                .context("the message ends inside a number")?;
            self.at += 1;
            value |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                return Ok(value);
            }
        }
        bail!("a number of more than ten bytes")
    }

    fn field(&mut self) -> Result<(u64, Range<usize>)> {
        let tag = self.varint()?;
        let start = self.at;
        let place = match tag & 7 {
            0 => {
                self.varint()?;
                start..self.at
            }
            1 => start..start + 8,
            2 => {
                let length = self.varint()? as usize;
                self.at..self.at.saturating_add(length)
            }
            5 => start..start + 4,
            other => bail!("wire type {other}"),
        };
        ensure!(place.end <= self.end, "a field ends outside its message");
        self.at = place.end;
        Ok((tag >> 3, place))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Range<usize>)>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.end).then(|| {
            let field = self.field();
            if field.is_err() {
                self.at = self.end;
            }
            field
        })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;
    use clew_loadgen::stream;

    #[test]
    fn a_pass_changes_ids_and_times_and_nothing_else() {
        let original = stream::synthetic(1, 50).remove(0);
        let before = ExportTraceServiceRequest::decode(original.as_slice()).unwrap();
        let mut template = Template::new(original.clone()).unwrap();
        assert_eq!(template.span_count(), 50);
        let pass = Pass::new(7, 1, template.latest(), template.latest() + 1_000);
        let after = ExportTraceServiceRequest::decode(template.apply(pass)).unwrap();

        let trace = |id: &[u8]| u128::from_le_bytes(id.try_into().unwrap()) ^ pass.trace_mask;
        let span = |id: &[u8]| u64::from_le_bytes(id.try_into().unwrap()) ^ pass.span_mask;
        let spans = |request: &ExportTraceServiceRequest| {
            let groups = request.resource_spans.iter();
            groups
                .flat_map(|g| g.scope_spans.iter().flat_map(|s| s.spans.clone()))
                .collect::<Vec<_>>()
        };
        for (old, new) in spans(&before).iter().zip(&spans(&after)) {
            assert_eq!(trace(&old.trace_id).to_le_bytes(), new.trace_id[..]);
            assert_eq!(span(&old.span_id).to_le_bytes(), new.span_id[..]);
            assert_eq!(old.parent_span_id.is_empty(), new.parent_span_id.is_empty());
            assert_eq!(old.start_time_unix_nano + 1_000, new.start_time_unix_nano);
            assert_eq!(old.end_time_unix_nano + 1_000, new.end_time_unix_nano);
            assert_eq!(old.name, new.name);
            assert_eq!(old.attributes.len(), new.attributes.len());
        }
        let differing = original
            .iter()
            .zip(template.apply(pass))
            .filter(|(a, b)| a != b)
            .count();
        assert!(differing <= 50 * (16 + 8 + 8 + 8 + 8 + 8 + 16));
        let undone = Pass::default();
        let restored = template.apply(undone).to_vec();
        let restored = ExportTraceServiceRequest::decode(restored.as_slice()).unwrap();
        assert_eq!(spans(&before)[3].trace_id, spans(&restored)[3].trace_id);
    }

    #[test]
    fn a_cut_request_is_refused() {
        let body = stream::synthetic(1, 2).remove(0);
        assert!(Template::new(body[..body.len() - 1].to_vec()).is_err());
    }
}
