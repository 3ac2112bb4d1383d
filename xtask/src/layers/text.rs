//! What stands in the Rust files, read as text: crude, quick, and enough for rules of style.

use super::house::Source;

/// The length to aim at; a longer file is worth a thought.
const GOOD_LINES: usize = 400;
/// The length that is refused.
const MOST_LINES: usize = 500;
/// Words that say nothing about what a type is for.
const EMPTY_WORDS: [&str; 6] = ["Impl", "Manager", "Helper", "Helpers", "Util", "Utils"];
/// The keywords that declare a type.
const DECLARATIONS: [&str; 5] = ["struct", "enum", "union", "trait", "type"];

/// Checks every file by itself.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_one).collect()
}

/// Names the files that are longer than is good and not yet long enough to be refused.
pub(crate) fn notes(sources: &[Source]) -> Vec<String> {
    let long = |source: &&Source| (GOOD_LINES + 1..=MOST_LINES).contains(&source.text.lines().count());
    let note = |source: &Source| {
        let lines = source.text.lines().count();
        format!(
            "{}: {lines} lines; aim at {GOOD_LINES}, {MOST_LINES} is the end",
            source.path
        )
    };
    sources.iter().filter(long).map(note).collect()
}

fn check_one(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    if !source.text.starts_with("//!") {
        faults.push(format!(
            "{path}: starts without `//!`; say what the file is for and what is kept out"
        ));
    }
    let lines: Vec<String> = source.text.lines().map(code).collect();
    if lines.len() > MOST_LINES {
        faults.push(format!(
            "{path}: has {} lines, more than {MOST_LINES}; split it by what it speaks about",
            lines.len()
        ));
    }
    let tests = first_test_line(path, &lines);
    for (index, line) in lines.iter().enumerate() {
        let fault = fault(line, index >= tests);
        faults.extend(fault.map(|fault| format!("{path}:{}: {fault}", index + 1)));
    }
    faults
}

/// Says what is wrong with one line, if anything is.
fn fault(line: &str, in_test: bool) -> Option<String> {
    if line.contains("#[allow(") || line.contains("#![allow(") {
        return Some("write `expect` with a reason instead of `allow`".to_owned());
    }
    if line.contains("todo!(") {
        return Some("write it, or leave it out".to_owned());
    }
    if line.contains("#[ignore") {
        return Some("an ignored test proves nothing; make it run, or remove it".to_owned());
    }
    if in_test && (line.contains("thread::sleep") || line.contains("time::sleep(")) {
        return Some("a test never sleeps; advance the manual clock, or wait for what it waits for".to_owned());
    }
    let name = declared_type(line)?;
    let word = words(name).into_iter().find(|word| EMPTY_WORDS.contains(word))?;
    Some(format!(
        "`{name}`: `{word}` says nothing; name the type after what it is for"
    ))
}

/// The line without its comment and without what stands between quotes.
fn code(line: &str) -> String {
    let line = line.replace("'\"'", "' '").replace("'\\\"'", "' '");
    let mut code = String::new();
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => {
                letters.next();
            }
            '"' => {
                quoted = !quoted;
                code.push(letter);
            }
            '/' if !quoted && letters.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(letter),
        }
    }
    code
}

/// Where the tests begin: at the top of a file of tests, else at the test module, else after the end.
fn first_test_line(path: &str, lines: &[String]) -> usize {
    if path.contains("/tests/") || path.ends_with("/tests.rs") {
        return 0;
    }
    let marks = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim() == "#[cfg(test)]");
    let mut modules = marks.filter(|(index, _)| {
        let mut after = lines[index + 1..].iter().map(|line| line.trim());
        let item = after.find(|line| !line.starts_with('#')).unwrap_or_default();
        item.starts_with("mod ") && item.ends_with('{')
    });
    modules.next().map_or(lines.len(), |(index, _)| index)
}

/// The name of the type a line declares, if it declares one.
fn declared_type(line: &str) -> Option<&str> {
    let mut before = "";
    for word in line.split_whitespace() {
        if DECLARATIONS.contains(&before) {
            let end = word.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            return Some(&word[..end.unwrap_or(word.len())]);
        }
        before = word;
    }
    None
}

/// The words of a name in camel case.
fn words(name: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = name
        .char_indices()
        .filter(|(_, it)| it.is_uppercase())
        .map(|(at, _)| at)
        .collect();
    starts.push(name.len());
    starts.windows(2).map(|pair| &name[pair[0]..pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_one;
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn check(path: &str, lines: &str) -> Vec<String> {
        super::check(&[source(path, &format!("//! A file.\n{lines}"))])
    }

    #[test]
    fn that_obeys_is_fine() {
        let lines =
            "/// Not `#[allow(x)]`, not todo!().\npub struct Implicit;\nlet a = \"#[allow( todo!(\"; // todo!()\n";
        assert_eq!(check("a/src/lib.rs", lines), Vec::<String>::new());
    }

    #[test]
    fn without_a_header_is_refused() {
        assert_one(
            &super::check(&[source("a/src/lib.rs", "mod b;\n")]),
            &["a/src/lib.rs", "//!"],
        );
    }

    #[test]
    fn that_is_long_is_noted_and_that_is_too_long_is_refused() {
        let sources = |lines: usize| [source("a/src/lib.rs", &"//! Long.\n".repeat(lines))];
        assert_eq!(notes(&sources(400)).len(), 0);
        assert_one(&notes(&sources(500)), &["a/src/lib.rs: 500 lines"]);
        assert_eq!(super::check(&sources(500)), Vec::<String>::new());
        assert_one(&super::check(&sources(501)), &["a/src/lib.rs: has 501 lines"]);
    }

    #[test]
    fn that_allows_a_lint_is_refused() {
        assert_one(
            &check("a/src/lib.rs", "#[allow(dead_code)]\n"),
            &["a/src/lib.rs:2", "expect"],
        );
        assert_one(
            &check("a/src/lib.rs", "#![allow(dead_code)]\n"),
            &["a/src/lib.rs:2", "expect"],
        );
    }

    #[test]
    fn that_is_unfinished_is_refused() {
        assert_one(&check("a/src/lib.rs", "fn f() { todo!() }\n"), &["a/src/lib.rs:2"]);
    }

    #[test]
    fn that_ignores_a_test_is_refused() {
        assert_one(
            &check("a/tests/b.rs", "#[test]\n#[ignore = \"slow\"]\n"),
            &["a/tests/b.rs:3"],
        );
    }

    #[test]
    fn that_sleeps_in_a_test_is_refused() {
        assert_one(
            &check("a/tests/b.rs", "tokio::time::sleep(second).await;\n"),
            &["a/tests/b.rs:2", "sleeps"],
        );
        assert_one(
            &check("a/src/b/tests.rs", "std::thread::sleep(second);\n"),
            &["a/src/b/tests.rs:2"],
        );
        let module = "#[cfg(test)]\n#[expect(x)]\nmod tests {\n    thread::sleep(second);\n}\n";
        assert_one(&check("a/src/lib.rs", module), &["a/src/lib.rs:5", "sleeps"]);
    }

    #[test]
    fn that_waits_outside_of_tests_is_fine() {
        let lines = "#[cfg(test)]\nmod tests;\nasync fn pace() { tokio::time::sleep(second).await }\n";
        assert_eq!(check("a/src/lib.rs", lines), Vec::<String>::new());
    }

    #[test]
    fn that_declares_an_empty_name_is_refused() {
        for line in [
            "pub(crate) struct StoreImpl;",
            "enum SendManager {",
            "type HttpUtil<T> = T;",
            "trait CodeHelper: A",
        ] {
            assert_one(&check("a/src/lib.rs", line), &["a/src/lib.rs:2", "says nothing"]);
        }
    }
}
