//! The numbers in a rendered page.

use std::collections::BTreeMap;

use countersign_domain::event::Event;
use countersign_domain::ports::Observer;
use countersign_monitor::{Current, Metrics};
use countersign_testkit::fixture;

/// Every series of a page, named with its labels, and its number as it is written.
pub(crate) type Samples = BTreeMap<String, String>;

/// The metrics of the fixture's one app before anything happened.
pub(crate) fn metrics() -> Metrics {
    Metrics::new(&fixture::rulebook().apps)
}

/// What is read when nobody waits and nobody watches.
pub(crate) fn rendered(metrics: &Metrics) -> String {
    metrics.render(&Current {
        backlog: Some(0),
        watches_open: 0,
    })
}

/// Reads a page.
pub(crate) fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').expect("a name and a number"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The series that an event moved or made appear, and their numbers since.
pub(crate) fn moved_by(metrics: &Metrics, event: &Event) -> Samples {
    let before = samples(&rendered(metrics));
    metrics.record(event);
    let mut after = samples(&rendered(metrics));
    after.retain(|name, value| before.get(name) != Some(value));
    after
}
