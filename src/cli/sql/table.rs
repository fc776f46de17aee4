//! A SQL result as columns of text.

use anyhow::Context;
use serde_json::Value;

/// The columns and rows of a result in JSON, and how many rows there are.
///
/// Numbers stand to the right, everything else to the left. Control characters are shown, not sent to the terminal. Cells longer than
/// `width_max` characters are cut.
pub(super) fn render(result: &Value, width_max: usize) -> anyhow::Result<String> {
    let cell = |value: &Value| cut(cell(value), width_max);
    let columns = result["columns"]
        .as_array()
        .context("the answer has no columns")?;
    let rows = result["rows"]
        .as_array()
        .context("the answer has no rows")?;
    let names: Vec<String> = columns.iter().map(|column| cell(&column["name"])).collect();
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.as_array()
                .map_or_else(Vec::new, |row| row.iter().map(&cell).collect())
        })
        .collect();
    let numeric: Vec<bool> = (0..names.len())
        .map(|index| rows.iter().any(|row| row[index].is_number()))
        .collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|index| width(&names, &lines, index))
        .collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(&names, &widths, &numeric) + &line(&rule, &widths, &numeric);
    for cells in &lines {
        text += &line(cells, &widths, &numeric);
    }
    let noun = if rows.len() == 1 { "row" } else { "rows" };
    Ok(format!("{text}({} {noun})", rows.len()))
}

fn width(names: &[String], lines: &[Vec<String>], index: usize) -> usize {
    let cells = lines.iter().filter_map(|cells| cells.get(index));
    cells
        .chain([&names[index]])
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or(0)
}

fn line(cells: &[String], widths: &[usize], numeric: &[bool]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .zip(numeric)
        .map(|((cell, width), numeric)| {
            if *numeric {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
    format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.chars().flat_map(visible).collect(),
        other => other.to_string(),
    }
}

/// Text of at most `width_max` characters, with a mark where it was cut.
fn cut(text: String, width_max: usize) -> String {
    match text.char_indices().nth(width_max) {
        None => text,
        Some(_) => text
            .chars()
            .take(width_max.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_reaches_the_terminal() {
        let result = json!({
            "columns": [{"name": "service"}, {"name": "n"}],
            "rows": [["cart", 7], ["évil\u{1b}[2J", 1234], [null, null]],
        });
        let expected = [
            "service           n",
            "-------------  ----",
            "cart              7",
            "évil\\u{1b}[2J  1234",
            "NULL           NULL",
            "(3 rows)",
        ];
        assert_eq!(render(&result, usize::MAX).unwrap(), expected.join("\n"));
    }

    #[test]
    fn long_cells_are_cut_at_the_limit() {
        let result = json!({"columns": [{"name": "a"}], "rows": [["12345"], ["123456"]]});
        assert_eq!(
            render(&result, 5).unwrap(),
            "a\n-----\n12345\n1234…\n(2 rows)"
        );
    }

    #[test]
    fn an_empty_result_has_its_columns() {
        let result = json!({"columns": [{"name": "a"}], "rows": []});
        assert_eq!(render(&result, usize::MAX).unwrap(), "a\n-\n(0 rows)");
        assert!(render(&json!({}), 10).is_err());
    }
}
