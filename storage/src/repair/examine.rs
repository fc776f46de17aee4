//! What is wrong with a segment, and which of its rows can be read.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::error::StoreError;
use crate::segment::stream::SpanStream;
use crate::segment::{Segment, SegmentTable, unknown_format};
use crate::verify::{Problem, Wrong, verify_one};

/// Rows that are read at a time to see whether they can be.
const ROWS: usize = 4096;
/// No fewer rows are tried alone: a page that cannot be read has more as a rule.
const ROWS_MIN: usize = 64;

/// Rows of `spans` that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The file is sound; what else the segment has can be made of it.
    All,
    /// These, ascending.
    Some(Vec<Range<usize>>),
    /// Not one.
    None,
}

/// Damage of a segment.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The damaged file that was met first.
    pub(crate) file: PathBuf,
    pub(crate) problem: String,
    /// What is left.
    pub(crate) rows: Rows,
}

/// Reads all of a segment; `None` when it is sound.
///
/// # Errors
/// What is wrong, when nothing should be done about it without a person.
pub(crate) fn examine(segment: &Segment) -> Result<Option<Finding>, Problem> {
    let [spans, ..] = segment.files();
    if let Some(message) = unknown_format(&segment.meta().format.to_string()) {
        let file = spans.clone();
        return Err(Problem { file, message });
    }
    let (file, problem) = match verify_one(segment) {
        Ok(()) => return Ok(None),
        Err(Wrong::Content(message)) => (spans.clone(), message),
        Err(Wrong::Error(error)) => described(segment, error)?,
    };
    let rows = left_over(segment)?;
    Ok(Some(Finding {
        file,
        problem,
        rows,
    }))
}

/// The file and what is wrong with it, if the file is damaged or missing.
fn described(segment: &Segment, error: StoreError) -> Result<(PathBuf, String), Problem> {
    match error {
        StoreError::Corrupt { path, message } => Ok((path, message)),
        StoreError::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
            Ok((path, "is missing".to_owned()))
        }
        StoreError::Io { path, source } => Err(Problem {
            file: path,
            message: format!(
                "cannot be read: {source}. Nothing is done about it, for the disk or the permissions may be at fault: look at those, and \
                 make a copy of the directory first"
            ),
        }),
        other => Err(Problem {
            file: segment.files()[0].clone(),
            message: other.to_string(),
        }),
    }
}

fn left_over(segment: &Segment) -> Result<Rows, Problem> {
    match segment.verify_file(SegmentTable::Spans) {
        Ok(()) => {
            let footer = segment.without_index().metadata(SegmentTable::Spans);
            return match footer {
                Ok(_) => Ok(Rows::All),
                Err(error) => Err(Problem {
                    file: segment.files()[0].clone(),
                    message: format!(
                        "{error}, but its checksum is right: nothing is done about it"
                    ),
                }),
            };
        }
        Err(error) => drop(described(segment, error)?),
    }
    // Only the checksums in the index tell sound rows from others.
    let footer = match segment.metadata(SegmentTable::Spans) {
        Ok(footer) => footer,
        Err(error) => {
            described(segment, error)?;
            return Ok(Rows::None);
        }
    };
    let mut readable: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for group in footer.metadata().row_groups() {
        let end = start + group.num_rows() as usize;
        for first in (start..end).step_by(ROWS) {
            add_readable(segment, first..end.min(first + ROWS), &mut readable);
        }
        start = end;
    }
    Ok(match readable.len() {
        0 => Rows::None,
        _ => Rows::Some(readable),
    })
}

/// Halves what cannot be read until the parts are small.
fn add_readable(segment: &Segment, rows: Range<usize>, readable: &mut Vec<Range<usize>>) {
    if read_whole(segment, &rows).is_ok() {
        match readable.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => readable.push(rows),
        }
    } else if rows.len() > ROWS_MIN {
        let middle = rows.start + rows.len() / 2;
        add_readable(segment, rows.start..middle, readable);
        add_readable(segment, middle..rows.end, readable);
    }
}

/// Reads all columns, those that no row has a value in too, as writing the rows anew does.
fn read_whole(segment: &Segment, rows: &Range<usize>) -> Result<(), StoreError> {
    let mut stream = SpanStream::new(segment, std::iter::once(rows.clone()).collect())?;
    while stream.next()?.is_some() {}
    Ok(())
}
