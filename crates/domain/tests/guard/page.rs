//! The tables of docs/guard.md are what the functions say.

use std::path::Path;

use countersign_domain::guard::{guess_points, send_points, usual_wrong};
use countersign_domain::time::Timestamp;

use crate::dice::Dice;
use crate::scores::{false_alarms, learnt, of_runs};

/// Lines that docs/guard.md has to hold, as they are.
pub(crate) struct PageLines(Vec<String>);

impl PageLines {
    /// A table with this head.
    pub(crate) fn new(head: &str) -> Self {
        Self(vec![head.to_owned()])
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }

    /// Fails with every line the page should have, when it lacks one.
    pub(crate) fn assert_written(&self) {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guard.md");
        let page = std::fs::read_to_string(page).unwrap();
        let lacking: Vec<_> = self
            .0
            .iter()
            .filter(|line| !page.lines().any(|it| it == *line))
            .collect();
        assert!(lacking.is_empty(), "docs/guard.md has to hold:\n{}", self.0.join("\n"));
    }
}

/// `2000000` as `2,000,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_page_says_after_how_many_sends_an_alarm_comes() {
    let mut dice = Dice::of(1);
    let mut page = PageLines::new("| finished | p0 = 0.45, until learnt and at 50 % | 0.36 | 0.455 | 0.56 |");
    for finished in [0, 50, 100, 150, 200] {
        let medians = [learnt(500), learnt(400), learnt(650), learnt(800)]
            .map(|p0| grouped(of_runs(send_points(p0), finished, &mut dice).0));
        page.line(&format!("| {} % | {} |", finished / 10, medians.join(" | ")));
    }
    page.assert_written();
}

#[test]
fn the_page_says_how_often_honest_sends_raise_an_alarm() {
    let mut dice = Dice::of(2);
    let mut page = PageLines::new("| finished | learnt p0 | false alarms / sends | with p0 = 0.45 |");
    for finished in [800, 650, 550, 500, 450, 400, 350, 300] {
        let p0 = learnt(finished);
        let [learnt, unlearnt] = [p0, 450].map(|p0| {
            let (alarms, sends) = false_alarms(send_points(p0), finished, &mut dice);
            format!("{alarms} / {}", grouped(sends))
        });
        page.line(&format!("| {} % | 0.{p0:03} | {learnt} | {unlearnt} |", finished / 10));
    }
    page.assert_written();
}

#[test]
fn the_page_says_after_how_many_guesses_an_alarm_comes() {
    let mut dice = Dice::of(3);
    let head = "| wrong honestly | q0 | sprayed alone | sprayed, half and half | false alarms / honest guesses |";
    let mut page = PageLines::new(head);
    let unlearnt = usual_wrong(&[], &[], Timestamp::EPOCH);
    let learnt = [20, 60, 120, 200, 300].map(|wrong| (wrong, crate::guesses::learnt(wrong), ""));
    for (wrong, q0, when) in learnt.into_iter().chain([(20, unlearnt, ", until learnt")]) {
        let points = guess_points(q0);
        let (alone, _) = of_runs(points, 0, &mut dice);
        let (mixed, _) = of_runs(points, 500 - wrong / 2, &mut dice);
        let (alarms, guesses) = false_alarms(points, 1_000 - wrong, &mut dice);
        page.line(&format!(
            "| {} %{when} | 0.{q0:03} | {alone} | {} | {alarms} / {} |",
            wrong / 10,
            mixed / 2,
            grouped(guesses)
        ));
    }
    page.assert_written();
}
