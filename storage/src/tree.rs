//! Order and structure of a trace's spans: who stands under whom.
