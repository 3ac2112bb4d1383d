//! The law of the house, enforced: edges, manifests, the domain's tree, the architecture page and the style of files.
//!
//! Reading is in [`house`], the law itself in [`table`]; every rule is a pure function over plain data that answers
//! with one line per fault, each naming the file to change.

use std::path::Path;

use house::House;

mod edges;
mod house;
mod manifests;
mod page;
mod table;
mod text;
mod tree;

#[cfg(test)]
mod tests;

/// Checks the repository under `root`, prints what is worth a thought, and fails with every fault at once.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let house = house::read(root)?;
    for note in text::notes(&house.sources) {
        println!("note: {note}");
    }
    let faults = faults(&house);
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{} in the layers", faults.join("\n"), count(faults.len())))
}

/// Every fault of the house, one line each.
fn faults(house: &House) -> Vec<String> {
    [
        edges::check(table::ROOMS, &house.members),
        manifests::check(&house.members),
        tree::check(&house.members, &house.tree),
        page::check(house.page.as_deref(), &house.members),
        text::check(&house.sources),
    ]
    .concat()
}

fn count(faults: usize) -> String {
    match faults {
        1 => "1 fault".to_owned(),
        more => format!("{more} faults"),
    }
}
