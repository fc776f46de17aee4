//! Compares what a server holds with the ledger.
//!
//! By SQL every batch in question: how many rows, how many span ids, and sums over what was sent. By trace id some of them,
//! span by span. A batch must be there when it was acknowledged and its term is not over by the end of the question.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::batch::{self, Digest, Recipe};
use crate::ledger::{Entry, Fate, Ledger};
use crate::random::Random;
use crate::{ask, clock};

/// Batches of each comparison that are also read by trace id.
const SAMPLE: u64 = 5;

/// Lines about faults that are kept.
const LINES_MAX: usize = 20;

/// What comparisons found.
#[derive(Debug, Default, Clone)]
pub(crate) struct Findings {
    /// Acknowledged spans that were looked for, each time that they were.
    pub(crate) looked_for: u64,
    /// Spans of acknowledged batches that are not there.
    pub(crate) lost: u64,
    /// Spans of batches that are there in part, changed, or unasked.
    pub(crate) wrong: u64,
    /// Spans that are there more than once.
    pub(crate) double: u64,
    /// Words about the first of them.
    pub(crate) faults: Vec<String>,
    /// Batches that are lost, so that one counts once however often it is looked for.
    lost_batches: BTreeSet<u64>,
}

impl Findings {
    /// Spans lost, wrong and double.
    pub(crate) fn amounts(&self) -> String {
        format!("{} / {} / {}", self.lost, self.wrong, self.double)
    }

    /// Adds those of another comparison, made `when`.
    pub(crate) fn add(&mut self, other: Self, when: &str) {
        self.looked_for += other.looked_for;
        let before = self.lost_batches.len();
        let (many, spans) = (other.lost_batches.len() as u64, other.lost);
        self.lost_batches.extend(other.lost_batches);
        let new = (self.lost_batches.len() - before) as u64;
        self.lost += spans.checked_div(many).unwrap_or(0) * new;
        self.wrong += other.wrong;
        self.double += other.double;
        for fault in other.faults {
            self.note(format!("{when}: {fault}"));
        }
    }

    fn note(&mut self, fault: String) {
        if self.faults.len() < LINES_MAX {
            self.faults.push(fault);
        }
    }

    /// Spans that are not as they must be.
    pub(crate) fn failures(&self) -> u64 {
        self.lost + self.wrong + self.double
    }
}

/// A batch as it lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stored {
    rows: u64,
    span_ids: u64,
    digest: Digest,
}

/// A comparison to be made.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    /// What was sent.
    pub(crate) ledger: &'a Ledger,
    /// The rounds in question; all if `None`.
    pub(crate) rounds: Option<Range<u32>>,
    /// For how long a batch is kept.
    pub(crate) term: Duration,
}

impl Question<'_> {
    /// Asks the server and compares.
    ///
    /// # Errors
    /// When it does not answer as it should.
    pub(crate) fn ask(&self, to: SocketAddr, random: &mut Random) -> Result<Findings> {
        // What is acknowledged while the question is under way need not be in the answer.
        let before = self.ledger.entries();
        let stored = self.stored(to)?;
        let entries = self.ledger.entries();
        let mut findings = Findings::default();
        let mut by_number = BTreeMap::new();
        for (trace, stored) in stored {
            let number = batch::number(self.ledger.tag(), &trace);
            let entry = number.and_then(|number| entries.get(number as usize));
            let (Some(number), Some(entry)) = (number, entry) else {
                findings.wrong += stored.rows;
                findings.note(format!("trace {trace} was never sent"));
                continue;
            };
            judge(&self.ledger.recipe(number, entry), stored, &mut findings);
            by_number.insert(number, stored);
        }
        let due = self.due(&before, clock::unix_nano());
        for number in &due {
            findings.looked_for += self.ledger.batch_spans();
            if !by_number.contains_key(number) {
                findings.lost += self.ledger.batch_spans();
                findings.lost_batches.insert(*number);
                let trace = batch::trace_id(self.ledger.tag(), *number);
                findings.note(format!("trace {trace} was acknowledged and is missing"));
            }
        }
        let here: Vec<u64> = due
            .into_iter()
            .filter(|number| by_number.contains_key(number))
            .collect();
        for _ in 0..SAMPLE.min(here.len() as u64) {
            let number = here[random.below(here.len() as u64) as usize];
            self.read(to, number, &entries[number as usize], &mut findings)?;
        }
        Ok(findings)
    }

    /// Numbers of the batches that must be there at `now_ns`.
    fn due(&self, entries: &[Entry], now_ns: u64) -> Vec<u64> {
        let is_due = |entry: &Entry| {
            entry.fate == Fate::Acknowledged
                && now_ns.saturating_sub(entry.made_ns) < self.term.as_nanos() as u64
                && self
                    .rounds
                    .as_ref()
                    .is_none_or(|rounds| rounds.contains(&entry.round))
        };
        let numbers = entries.iter().enumerate();
        numbers
            .filter(|(_, entry)| is_due(entry))
            .map(|(number, _)| number as u64)
            .collect()
    }

    fn stored(&self, to: SocketAddr) -> Result<Vec<(String, Stored)>> {
        let condition = self.rounds.as_ref().map_or_else(String::new, |rounds| {
            let names = rounds
                .clone()
                .map(|round| format!("'{}'", batch::service(round)));
            let names: Vec<String> = names.collect();
            format!("WHERE service_name IN ({})", names.join(", "))
        });
        let statement = format!(
            "SELECT hex(trace_id), count(*), count(DISTINCT span_id), sum(duration_ns), \
             sum(attribute_number(attributes['order.cents'])) FROM spans {condition} GROUP BY trace_id"
        );
        let rows = ask::sql(to, &statement)?;
        rows.iter()
            .map(|row| stored_row(row).with_context(|| format!("{statement}: {row:?}")))
            .collect()
    }

    /// Reads one trace by its id; it may have come of age meanwhile.
    fn read(
        &self,
        to: SocketAddr,
        number: u64,
        entry: &Entry,
        findings: &mut Findings,
    ) -> Result<()> {
        let recipe = self.ledger.recipe(number, entry);
        let id = batch::trace_id(recipe.tag, recipe.number);
        let answer = ask::request(to, "GET", &format!("/api/v3/traces/{id}"), "")?;
        let age_ns = clock::unix_nano().saturating_sub(entry.made_ns);
        if answer.status == 404 && age_ns >= self.term.as_nanos() as u64 {
            return Ok(());
        }
        let found = serde_json::from_slice::<Value>(&answer.body).map(|json| spans(&json));
        if found.ok().flatten() != Some(sent(&recipe)) {
            let body = String::from_utf8_lossy(&answer.body);
            let body: String = body.chars().take(300).collect();
            findings.wrong += recipe.spans;
            findings.note(format!(
                "trace {id} by its id is not as sent: {} {body}",
                answer.status
            ));
        }
        Ok(())
    }
}

fn stored_row(row: &[Value]) -> Option<(String, Stored)> {
    let number = |place: usize| row.get(place).and_then(ask::number);
    let stored = Stored {
        rows: number(1)?,
        span_ids: number(2)?,
        digest: Digest {
            duration_ns: number(3)?,
            // Nothing to add up is null.
            cents: number(4).unwrap_or(0),
        },
    };
    Some((row.first()?.as_str()?.to_owned(), stored))
}

fn judge(recipe: &Recipe, stored: Stored, findings: &mut Findings) {
    let expected = Stored {
        rows: recipe.spans,
        span_ids: recipe.spans,
        digest: recipe.digest(),
    };
    if stored == expected {
        return;
    }
    let copies = stored.rows - stored.span_ids;
    if copies > 0 {
        findings.double += copies;
    } else {
        findings.wrong += stored.rows;
    }
    findings.note(format!(
        "batch {} of round {} is {stored:?} instead of {expected:?}",
        recipe.number, recipe.round
    ));
}

/// What is compared of a span: its id, its parent's, name, start, end, attributes.
type Read = (String, String, String, u64, u64, String);

/// A span id in hex; empty where there is none.
fn hex_id(id: &[u8]) -> String {
    let number = id.try_into().map(u64::from_be_bytes);
    number.map_or_else(|_| String::new(), |id| format!("{id:016x}"))
}

fn sent(recipe: &Recipe) -> Vec<Read> {
    let spans = recipe.spans();
    let mut read: Vec<Read> = spans
        .iter()
        .map(|span| {
            (
                hex_id(&span.span_id),
                hex_id(&span.parent_span_id),
                span.name.clone(),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                batch::attributes(span),
            )
        })
        .collect();
    read.sort();
    read
}

/// Spans of an answer in OTLP/JSON; `None` when it has another form.
fn spans(json: &Value) -> Option<Vec<Read>> {
    let mut read = Vec::new();
    for group in json["result"]["resourceSpans"].as_array()? {
        for part in group["scopeSpans"].as_array()? {
            for span in part["spans"].as_array()? {
                let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
                let attributes = span["attributes"].as_array()?;
                let pairs = attributes.iter().map(|a| {
                    let value = a["value"].as_object()?.values().next()?.as_str()?;
                    Some(format!("{}={value}", a["key"].as_str()?))
                });
                let pairs: Option<Vec<String>> = pairs.collect();
                read.push((
                    text("spanId"),
                    text("parentSpanId"),
                    text("name"),
                    ask::number(&span["startTimeUnixNano"])?,
                    ask::number(&span["endTimeUnixNano"])?,
                    pairs?.join(","),
                ));
            }
        }
    }
    read.sort();
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: u64 = 50;

    fn judged(change: impl FnOnce(&mut Stored)) -> Findings {
        let recipe = Ledger::new(3, SPANS).enter(0, 1_790_000_000_000_000_000);
        let mut stored = Stored {
            rows: SPANS,
            span_ids: SPANS,
            digest: recipe.digest(),
        };
        change(&mut stored);
        let mut findings = Findings::default();
        judge(&recipe, stored, &mut findings);
        findings
    }

    #[test]
    fn a_batch_is_right_wrong_or_there_twice() {
        assert_eq!(judged(|_| {}).failures(), 0);
        assert_eq!(judged(|stored| stored.rows *= 2).double, SPANS);
        let part = judged(|stored| {
            stored.rows -= 1;
            stored.span_ids -= 1;
        });
        assert_eq!((part.wrong, part.double), (SPANS - 1, 0));
        assert_eq!(judged(|stored| stored.digest.cents += 1).wrong, SPANS);
    }

    #[test]
    fn a_lost_batch_counts_once() {
        let lost = |batches: &[u64]| Findings {
            lost: batches.len() as u64 * SPANS,
            lost_batches: batches.iter().copied().collect(),
            ..Findings::default()
        };
        let mut all = Findings::default();
        for batches in [&[1, 2][..], &[], &[2, 3]] {
            all.add(lost(batches), "then");
        }
        assert_eq!(all.lost, 3 * SPANS);
    }

    #[test]
    fn a_batch_is_due_while_it_is_acknowledged_in_question_and_within_its_term() {
        let ledger = Ledger::new(3, SPANS);
        let (first, second) = (ledger.enter(0, 1_000), ledger.enter(1, 1_005));
        let question = |rounds| Question {
            ledger: &ledger,
            rounds,
            term: Duration::from_nanos(10),
        };
        let due = |rounds, at: u64| question(rounds).due(&ledger.entries(), 1_000 + at);
        assert_eq!(due(None, 1), [] as [u64; 0]);
        ledger.set(first.number, Fate::Acknowledged);
        ledger.set(second.number, Fate::Acknowledged);
        assert_eq!(due(None, 9), [first.number, second.number]);
        assert_eq!(due(Some(0..1), 9), [first.number]);
        assert_eq!(due(None, 10), [second.number]);
    }
}
