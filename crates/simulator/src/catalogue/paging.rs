//! Lists in pages, with cursors that mean nothing to who holds them. Kept out: which templates there are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::catalogue::entry::Entry;
use crate::wire::{GraphError, form_encoded};

/// Templates in a page that says nothing about it, and most in any. Both are assumed; Meta says neither, and a request
/// for more gets the most.
const LIMIT_UNASKED: usize = 25;
const LIMIT_MAX: usize = 1_000;

/// Which page is asked for.
pub(crate) struct Page {
    limit: usize,
    edge: Option<Edge>,
}

/// Where a page begins or ends: beyond the template with this id.
enum Edge {
    After(u64),
    Before(u64),
}

/// A page of a list.
pub(crate) struct Cut<'list> {
    pub(crate) entries: &'list [Entry],
    is_first: bool,
    is_last: bool,
}

impl Page {
    /// Reads `limit`, `after` and `before`. `cursors` is the number of the cursors that are still good.
    pub(crate) fn read<'query>(query: impl Fn(&str) -> Option<&'query str>, cursors: u64) -> Result<Self, GraphError> {
        let limit = match query("limit") {
            None => LIMIT_UNASKED,
            Some(limit) => match limit.parse::<usize>() {
                Ok(limit) if limit > 0 => limit.min(LIMIT_MAX),
                _ => {
                    return Err(GraphError::new(
                        100,
                        "Param limit must be an integer greater than or equal to 1",
                    ));
                }
            },
        };
        let edge = match (query("after"), query("before")) {
            (Some(_), Some(_)) => return Err(GraphError::new(100, "Params after and before exclude each other.")),
            (Some(after), None) => Some(Edge::After(opened(after, cursors)?)),
            (None, Some(before)) => Some(Edge::Before(opened(before, cursors)?)),
            (None, None) => None,
        };
        Ok(Self { limit, edge })
    }

    /// Cuts the page out of the list. A cursor whose template is not in it is stale.
    pub(crate) fn of<'list>(&self, list: &'list [Entry]) -> Result<Cut<'list>, GraphError> {
        let place = |id: u64| list.iter().position(|entry| entry.id == id).ok_or_else(stale);
        let (from, to) = match self.edge {
            None => (0, self.limit.min(list.len())),
            Some(Edge::After(id)) => {
                let from = place(id)? + 1;
                (from, (from + self.limit).min(list.len()))
            }
            Some(Edge::Before(id)) => {
                let to = place(id)?;
                (to.saturating_sub(self.limit), to)
            }
        };
        Ok(Cut {
            entries: &list[from..to],
            is_first: from == 0,
            is_last: to == list.len(),
        })
    }
}

impl Cut<'_> {
    /// `paging`, with `next` and `previous` where there is more. `address` is that of the list without its query, and
    /// `query` what was asked.
    pub(crate) fn paging(&self, address: &str, query: &[(String, String)], cursors: u64) -> Option<Value> {
        let (first, last) = (self.entries.first()?, self.entries.last()?);
        let (before, after) = (sealed(first.id, cursors), sealed(last.id, cursors));
        let mut paging = json!({ "cursors": { "before": before, "after": after } });
        if !self.is_last {
            paging["next"] = turned(address, query, "after", &after).into();
        }
        if !self.is_first {
            paging["previous"] = turned(address, query, "before", &before).into();
        }
        Some(paging)
    }
}

fn turned(address: &str, query: &[(String, String)], key: &str, cursor: &str) -> String {
    let kept = query.iter().filter(|(name, _)| name != "after" && name != "before");
    let mut pairs: Vec<_> = kept
        .map(|(name, value)| format!("{}={}", form_encoded(name), form_encoded(value)))
        .collect();
    pairs.push(format!("{key}={cursor}"));
    format!("{address}?{}", pairs.join("&"))
}

fn sealed(id: u64, cursors: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{cursors}:{id}"))
}

fn opened(cursor: &str, cursors: u64) -> Result<u64, GraphError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| stale())?;
    let text = String::from_utf8(bytes).map_err(|_| stale())?;
    let (number, id) = text.split_once(':').ok_or_else(stale)?;
    let id = id.parse().map_err(|_| stale())?;
    if number.parse() == Ok(cursors) {
        Ok(id)
    } else {
        Err(stale())
    }
}

fn stale() -> GraphError {
    GraphError::documented(131_059)
}
