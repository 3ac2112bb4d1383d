//! Aligned columns, measured as a terminal shows them.

use textwrap::core::display_width;

use crate::client::words::say;

/// The space between two columns.
const GAP: &str = "  ";

/// Rows whose columns are as wide as their widest cell, and notes under a row.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    numbers: &'static [usize],
}

struct Row {
    cells: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    /// A table whose columns of these places hold numbers, which end below each other.
    pub(crate) fn with_numbers(numbers: &'static [usize]) -> Self {
        let rows = Vec::new();
        Self { rows, numbers }
    }

    /// One more row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Row {
            cells: cells.into(),
            notes: Vec::new(),
        });
    }

    /// A line under the last row, in place of its last columns.
    pub(crate) fn note(&mut self, text: String) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(text);
        }
    }

    /// Writes the rows, each behind `margin`; notes begin under column `column`.
    pub(crate) fn say(&self, margin: &str, column: usize) {
        for line in self.lines(margin, column) {
            say!("{line}");
        }
    }

    fn lines(&self, margin: &str, column: usize) -> Vec<String> {
        let widths = self.widths();
        let before: usize = widths.iter().take(column).map(|it| it + GAP.len()).sum();
        let mut lines = Vec::new();
        for Row { cells, notes } in &self.rows {
            let cells = cells.iter().zip(&widths).enumerate().map(|(place, (cell, width))| {
                if self.numbers.contains(&place) {
                    format!("{}{cell}", missing_space(cell, *width))
                } else {
                    padded(cell, *width)
                }
            });
            lines.push(format!("{margin}{}", cells.collect::<Vec<_>>().join(GAP)));
            lines.extend(notes.iter().map(|note| format!("{margin}{}{note}", " ".repeat(before))));
        }
        lines.into_iter().map(|it| it.trim_end().to_owned()).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = display_width(cell).max(*width);
            }
        }
        widths
    }
}

/// `text` and as much space that it is `width` columns wide.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", missing_space(text, width))
}

/// What `text` lacks of `width` columns.
fn missing_space(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(display_width(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_trails() {
        let mut table = Table::default();
        table.row(["+".into(), "code".into(), "zh_CN".into(), "复制".into()]);
        table.row(["~".into(), "another_code".into(), "de".into(), String::new()]);
        table.note("footer_minutes 10 -> 5".into());
        let expected = [
            "  +  code          zh_CN  复制",
            "  ~  another_code  de",
            "                   footer_minutes 10 -> 5",
        ];
        assert_eq!(table.lines("  ", 2), expected);
    }

    #[test]
    fn numbers_end_below_each_other() {
        let mut table = Table::with_numbers(&[1]);
        table.row(["RULE".into(), "LEFT".into(), "FULL".into()]);
        table.row(["a".into(), "10".into(), "now".into()]);
        assert_eq!(table.lines("", 0), ["RULE  LEFT  FULL", "a       10  now"]);
    }
}
