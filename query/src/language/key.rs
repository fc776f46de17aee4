//! What a term may look at: the fields that every span or trace has, and attributes.

use crate::filter::Level;

/// What a term looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Subject {
    /// Something that every span or trace has.
    Field(Field),
    /// An attribute.
    Attribute(Level, String),
    /// The names of the service and of the span.
    Names,
}

/// A field with a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Service,
    Name,
    Kind,
    Status,
    StatusMessage,
    Duration,
    ScopeName,
    ScopeVersion,
    EventName,
    TraceId,
    SpanId,
    ParentSpanId,
    Error,
    Root,
    TraceDuration,
    TraceSpans,
    TraceErrors,
    TraceOrphans,
    TraceServices,
    TraceRootService,
    TraceRootName,
    TraceComplete,
}

/// How the values of a field compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Byte for byte.
    Text,
    /// In any case.
    Word,
    /// Hexadecimal digits of this many bytes.
    Id(usize),
    /// A time with a unit.
    Duration,
    /// A whole number.
    Count,
    /// True or false.
    Flag,
}

/// Every field, by its names; the first name of a field is the one that is written.
const FIELDS: [(&str, Field); 27] = [
    ("service", Field::Service),
    ("name", Field::Name),
    ("operation", Field::Name),
    ("kind", Field::Kind),
    ("span.kind", Field::Kind),
    ("status", Field::Status),
    ("otel.status_code", Field::Status),
    ("status.message", Field::StatusMessage),
    ("duration", Field::Duration),
    ("scope.name", Field::ScopeName),
    ("otel.scope.name", Field::ScopeName),
    ("scope.version", Field::ScopeVersion),
    ("otel.scope.version", Field::ScopeVersion),
    ("event.name", Field::EventName),
    ("trace_id", Field::TraceId),
    ("span_id", Field::SpanId),
    ("parent_span_id", Field::ParentSpanId),
    ("error", Field::Error),
    ("root", Field::Root),
    ("trace.duration", Field::TraceDuration),
    ("trace.spans", Field::TraceSpans),
    ("trace.errors", Field::TraceErrors),
    ("trace.orphans", Field::TraceOrphans),
    ("trace.services", Field::TraceServices),
    ("trace.root.service", Field::TraceRootService),
    ("trace.root.name", Field::TraceRootName),
    ("trace.complete", Field::TraceComplete),
];

/// Levels that a key may begin with.
const LEVELS: [(&str, Level); 5] = [
    ("span.", Level::Span),
    ("resource.", Level::Resource),
    ("scope.", Level::Scope),
    ("event.", Level::Event),
    ("link.", Level::Link),
];

impl Field {
    /// How it is written.
    pub(crate) fn name(self) -> &'static str {
        FIELDS
            .iter()
            .find(|(_, field)| *field == self)
            .expect("every field has a name")
            .0
    }

    /// How its values compare.
    pub(crate) fn sort(self) -> Sort {
        match self {
            Self::Kind | Self::Status => Sort::Word,
            Self::Duration | Self::TraceDuration => Sort::Duration,
            Self::TraceSpans | Self::TraceErrors | Self::TraceOrphans => Sort::Count,
            Self::Error | Self::Root | Self::TraceComplete => Sort::Flag,
            Self::TraceId => Sort::Id(16),
            Self::SpanId | Self::ParentSpanId => Sort::Id(8),
            _ => Sort::Text,
        }
    }

    /// True when it is a field of the trace as a whole.
    pub(crate) fn of_trace(self) -> bool {
        self.name().starts_with("trace.")
    }

    /// True when a span may be without it.
    pub(crate) fn may_miss(self) -> bool {
        matches!(
            self,
            Self::StatusMessage
                | Self::ScopeName
                | Self::ScopeVersion
                | Self::EventName
                | Self::ParentSpanId
        )
    }

    fn named(name: &str) -> Option<Self> {
        FIELDS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| *field)
    }
}

impl Subject {
    /// What an unquoted key means.
    ///
    /// # Errors
    /// Names the fields of a trace when it begins with `trace.` and is none of them, and the level when nothing follows it.
    pub(super) fn of_key(key: &str) -> Result<Self, String> {
        if let Some(field) = Field::named(key) {
            return Ok(Self::Field(field));
        }
        if key.starts_with("trace.") {
            let known: Vec<_> = FIELDS
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| name.starts_with("trace."))
                .collect();
            return Err(format!(
                "`{key}` is nothing that is known of a trace; there are {}",
                known.join(", ")
            ));
        }
        match level(key) {
            Some((_, "")) => Err(format!("the name of an attribute is missing after `{key}`")),
            Some((level, name)) => Ok(Self::Attribute(level, name.to_owned())),
            None => Ok(Self::Attribute(Level::Any, key.to_owned())),
        }
    }
}

/// The level that `key` begins with, and the rest of it.
pub(super) fn level(key: &str) -> Option<(Level, &str)> {
    LEVELS
        .iter()
        .find_map(|(prefix, level)| Some((*level, key.strip_prefix(prefix)?)))
}

/// How a level is written before a key.
pub(super) fn prefix(level: Level) -> &'static str {
    LEVELS
        .iter()
        .find(|(_, known)| *known == level)
        .map_or("", |(prefix, _)| prefix)
}
