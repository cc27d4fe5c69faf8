//! Tables for people: no borders, upper-case heads, widths from the content, cut to the terminal.

use super::style::{Style, Tone};

/// One cell: a text and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a meaning.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Rows under heads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// An empty table with these heads.
    pub(crate) fn new(heads: impl IntoIterator<Item = &'static str>) -> Self {
        Self { heads: heads.into_iter().collect(), ..Self::default() }
    }

    /// Puts the columns with these numbers (from 0) flush right, as figures want it.
    pub(crate) fn right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.right = columns.into_iter().collect();
        self
    }

    /// Moves the whole table right by this many columns.
    pub(crate) fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// True without rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text; every line ends with a line break.
    pub(crate) fn render(&self, style: Style) -> String {
        let columns = self.rows.iter().map(Vec::len).chain([self.heads.len()]).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for (column, head) in self.heads.iter().enumerate() {
            widths[column] = head.chars().count();
        }
        for (column, cell) in self.rows.iter().flat_map(|row| row.iter().enumerate()) {
            widths[column] = widths[column].max(cell.text.chars().count());
        }
        if let (Some(limit), Some((last, others))) = (style.width, widths.split_last_mut()) {
            let used = self.indent + others.iter().map(|width| width + 2).sum::<usize>();
            *last = (*last).min(usize::from(limit).saturating_sub(used).max(8));
        }

        let mut text = String::new();
        if self.heads.iter().any(|head| !head.is_empty()) {
            let heads: Vec<Cell> = self.heads.iter().map(|head| Cell::new(Tone::Dim, *head)).collect();
            self.line(&mut text, &heads, &widths, style);
        }
        for row in &self.rows {
            self.line(&mut text, row, &widths, style);
        }
        text
    }

    fn line(&self, text: &mut String, cells: &[Cell], widths: &[usize], style: Style) {
        let mut line = " ".repeat(self.indent);
        for (column, cell) in cells.iter().enumerate() {
            let shown = cut(&cell.text, widths[column], style);
            let padding = " ".repeat(widths[column].saturating_sub(shown.chars().count()));
            let painted = style.paint(cell.tone, &shown);
            if self.right.contains(&column) {
                line.push_str(&padding);
                line.push_str(&painted);
            } else {
                line.push_str(&painted);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// `text` in at most `width` columns, with a sign where something was left off.
pub(crate) fn cut(text: &str, width: usize, style: Style) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let sign = if style.unicode { "…" } else { "..." };
    let kept: String = text.chars().take(width.saturating_sub(sign.chars().count())).collect();
    format!("{}{sign}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(["NAME", "READY", "WHY"]).right([1]);
        table.row(["demo-app".into(), "2/2".into(), "".into()]);
        table.row(["kafka".into(), "0/1".into(), Cell::new(Tone::Bad, "image pull back-off of kafka:4.1")]);
        table
    }

    #[test]
    fn columns_line_up() {
        let expected = "\
NAME      READY  WHY
demo-app    2/2
kafka       0/1  image pull back-off of kafka:4.1
";
        assert_eq!(sample().render(Style::PLAIN), expected);
    }

    #[test]
    fn colours_do_not_move_columns() {
        let colored = sample().render(Style { color: true, ..Style::PLAIN });
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), sample().render(Style::PLAIN));
    }

    #[test]
    fn the_last_column_gives_way_on_a_narrow_terminal() {
        let text = sample().render(Style { width: Some(30), ..Style::PLAIN });
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.contains("image pull..."), "{text}");
    }
}
