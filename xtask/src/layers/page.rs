//! The architecture page, compared with the members: one heading each.

use std::collections::BTreeSet;

use super::house::{Member, PAGE};

/// Refuses a page that is missing, leaves a member out, names one twice, or names one that does not exist.
pub(crate) fn check(page: Option<&str>, members: &[Member]) -> Vec<String> {
    let Some(page) = page else {
        return vec![format!(
            "{PAGE}: does not exist; write it, with one heading ### `folder` per member"
        )];
    };
    let mut faults = Vec::new();
    let mut named = BTreeSet::new();
    for heading in page.lines().filter_map(heading) {
        if !members.iter().any(|member| member.folder == heading) {
            faults.push(format!(
                "{PAGE}: has a heading for `{heading}`, which is not a member; remove it"
            ));
        } else if !named.insert(heading) {
            faults.push(format!("{PAGE}: has two headings for `{heading}`; keep one"));
        }
    }
    let left_out = members.iter().filter(|member| !named.contains(member.folder.as_str()));
    faults.extend(left_out.map(|member| format!("{PAGE}: has no heading ### `{}`; add it", member.folder)));
    faults
}

/// The folder a heading names, if the line is such a heading.
fn heading(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix("### `")?.strip_suffix('`')
}
