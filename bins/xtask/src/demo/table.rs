//! The table of what became of each request.

use ztag_test_support::Failure;

use super::answer::Answer;

const TITLES: [&str; 6] = ["door", "request", "shows", "status", "outcome", "why"];

/// One request and what became of it.
pub(super) struct Row {
    /// Where it was sent.
    pub(super) door: &'static str,
    /// Method and target.
    pub(super) request: String,
    /// What it shows of its sender.
    pub(super) shows: &'static str,
    /// What became of it.
    pub(super) answer: Answer,
    /// The status that must come of it.
    pub(super) wanted: u16,
}

/// All requests.
#[derive(Default)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Adds a row below.
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Prints the rows in columns.
    pub(super) fn print(&self) {
        let cells = self.0.iter().map(Row::cells);
        let rows: Vec<_> = [TITLES.map(str::to_owned)]
            .into_iter()
            .chain(cells)
            .collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &rows {
            let cells = row.iter().zip(widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }

    /// Fails when a row is not as it must be.
    pub(super) fn verify(&self) -> Result<(), Failure> {
        let wrong = self.0.iter().filter(|row| row.answer.status != row.wanted);
        let wrong: Vec<String> = wrong
            .map(|row| {
                let Row {
                    door,
                    request,
                    shows,
                    wanted,
                    ..
                } = row;
                format!("{door}, {request}, {shows}: must be {wanted}")
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::new(wrong.join("\n")))
    }
}

impl Row {
    fn cells(&self) -> [String; 6] {
        [
            self.door.to_owned(),
            self.request.clone(),
            self.shows.to_owned(),
            self.answer.status.to_string(),
            self.answer.outcome.clone(),
            self.answer.why.clone(),
        ]
    }
}
