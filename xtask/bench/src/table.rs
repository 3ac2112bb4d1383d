//! Tables for people: aligned columns, numbers as one reads them. Pure.

/// Sets rows under a header; the first `words` columns are words and start at the left, the others are numbers and end
/// at the right.
pub(crate) fn set(header: &[&str], words: usize, rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|it| (*it).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < words {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("  {}\n", line.trim_end())
    };
    [&header].into_iter().chain(rows).map(line).collect()
}

/// A number without decimals, its thousands parted by commas.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &digits[..]), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with about three digits that say something.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => whole(value),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_end_together() {
        let rows = [
            vec!["start".to_owned(), "1,234".to_owned()],
            vec!["echo".to_owned(), "7".to_owned()],
        ];
        let text = set(&["cell", "calls/s"], 1, &rows);
        assert_eq!(text, "  cell   calls/s\n  start    1,234\n  echo         7\n");
    }

    #[test]
    fn a_short_row_leaves_the_rest_empty() {
        let text = set(&["cell", "p50"], 1, &[vec!["a".to_owned()]]);
        assert_eq!(text, "  cell  p50\n  a\n");
    }

    #[test]
    fn numbers_are_written_as_one_reads_them() {
        assert_eq!(whole(0.4), "0");
        assert_eq!(whole(999.0), "999");
        assert_eq!(whole(1_234_567.0), "1,234,567");
        assert_eq!(whole(-1000.0), "-1,000");
        assert_eq!(short(0.123), "0.12");
        assert_eq!(short(12.345), "12.3");
        assert_eq!(short(1234.5), "1,234");
    }
}
