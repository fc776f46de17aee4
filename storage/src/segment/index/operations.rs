//! Which operations (service, span name, kind) a segment holds.
//!
//! ```text
//!   known u8 | count u32 | [service | name | kind] × count        each a length u32 and UTF-8 text
//! ```
//!
//! `known` is 0, and nothing follows, when there were more than [`OPERATIONS_MAX`] or their text was longer than
//! [`TEXT_BYTES_MAX`]: only the spans can tell then.

/// Operations listed at most.
pub(in crate::segment) const OPERATIONS_MAX: usize = 10_000;
/// Bytes of their text at most.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a service does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// Service name.
    pub service_name: String,
    /// Span name.
    pub name: String,
    /// Span kind, as in the column `kind`.
    pub kind: String,
}

/// The bytes that list `operations` (service, name, kind); `None` are too many.
pub(super) fn build(operations: Option<&[(&str, &str, &str)]>) -> Vec<u8> {
    let Some(operations) = operations else {
        return vec![0];
    };
    let text: usize = operations
        .iter()
        .map(|(service, name, kind)| service.len() + name.len() + kind.len())
        .sum();
    if operations.len() > OPERATIONS_MAX || text > TEXT_BYTES_MAX {
        return vec![0];
    }
    let mut bytes = vec![1];
    bytes.extend((operations.len() as u32).to_le_bytes());
    for text in operations
        .iter()
        .flat_map(|(service, name, kind)| [service, name, kind])
    {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The bytes are no list of operations.
#[derive(Debug, PartialEq)]
pub(super) struct Nonsense;

/// The operations that `bytes` list, `None` when they are not known.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Vec<Operation>>, Nonsense> {
    match bytes {
        [0] => Ok(None),
        [1, list @ ..] => parse_list(list).map(Some).ok_or(Nonsense),
        _ => Err(Nonsense),
    }
}

fn parse_list(mut rest: &[u8]) -> Option<Vec<Operation>> {
    let count = take_number(&mut rest)? as usize;
    let mut operations = Vec::with_capacity(count.min(OPERATIONS_MAX));
    for _ in 0..count {
        operations.push(Operation {
            service_name: take_text(&mut rest)?,
            name: take_text(&mut rest)?,
            kind: take_text(&mut rest)?,
        });
    }
    rest.is_empty().then_some(operations)
}

fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = take_number(bytes)? as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn operations_read_back(texts in prop::collection::vec(any::<[String; 3]>(), 0..20)) {
            let borrowed: Vec<_> = texts.iter().map(|[a, b, c]| (a.as_str(), b.as_str(), c.as_str())).collect();
            let read = parse(&build(Some(&borrowed))).unwrap().unwrap();
            let read: Vec<_> = read.into_iter().map(|o| [o.service_name, o.name, o.kind]).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn as_many_as_allowed_are_listed_and_one_more_is_not() {
        let name = "x".repeat(TEXT_BYTES_MAX / OPERATIONS_MAX);
        let mut operations = vec![("", name.as_str(), ""); OPERATIONS_MAX];
        assert_eq!(
            parse(&build(Some(&operations))).unwrap().unwrap().len(),
            OPERATIONS_MAX
        );
        operations.push(("", "", ""));
        assert_eq!(parse(&build(None)), Ok(None));
        assert_eq!(parse(&build(Some(&operations))), Ok(None));
        let text = "x".repeat(TEXT_BYTES_MAX);
        assert_eq!(
            parse(&build(Some(&[("", &text, "")])))
                .unwrap()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(parse(&build(Some(&[("y", &text, "")]))), Ok(None));
    }
}
