//! `[money]`: prices, budgets, and what is wrong with them.

use serde_json::{Value, json};

use crate::asked::{Asked, BAD, right};

/// A budget that is right, as the end of a configuration.
const BUDGET: &str = "[money.budgets.day]\nper = \"all\"\namount = \"50.00\"\nwindow = \"day\"\n";
/// A price file that is right.
const PRICES: &str = "currency = \"EUR\"\nas_of = \"2026-07-01\"\n[countries]\nBR = { authentication = \"0.0056\" }\n\
                      [regions.\"The rest\"]\ncountries = [\"BO\"]\nauthentication = \"0.0094\"\n\
                      authentication_international = \"0.05\"\n";

/// The right configuration with these lines at its end.
fn ending(lines: &str) -> String {
    format!("{}\n{lines}", right())
}

/// What `check-config` says of a configuration that ends like this.
async fn mistakes(lines: &str) -> String {
    let ended = Asked::new(&ending(lines)).check(&[]).await;
    assert_eq!(ended.code, BAD, "{lines}");
    ended.stderr
}

async fn warnings(asked: &Asked) -> Vec<Value> {
    let ended = asked.check(&["--json"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    said["warnings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn without_a_budget_that_refuses_it_is_said_that_nothing_bounds_the_bill() {
    let unbounded = json!("money.budgets has none that refuses: nothing bounds the bill but the limits");
    assert!(warnings(&Asked::new(&right())).await.contains(&unbounded));
    let watched = ending(&format!("{BUDGET}action = \"shadow\""));
    assert!(warnings(&Asked::new(&watched)).await.contains(&unbounded));
    assert!(!warnings(&Asked::new(&ending(BUDGET))).await.contains(&unbounded));
}

#[tokio::test]
async fn budgets_over_everything_and_by_their_parts_are_right() {
    let budget = |name: &str, per: &str, amount: &str, window: &str| {
        format!("[money.budgets.{name}]\nper = {per}\namount = \"{amount}\"\nwindow = \"{window}\"\n")
    };
    let text = ending(&format!(
        "{BUDGET}soft_percent = 50\n{}{}{}{}apps = [\"shop\"]",
        budget("month", "\"all\"", "900", "month"),
        budget("country", "[\"country\"]", "5", "hour"),
        budget("block", "[\"app\", \"number_block\"]", "0.5", "day"),
        budget("shop", "[\"country\"]", "4", "hour"),
    ));
    let ended = Asked::new(&text).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_price_file_beside_the_configuration_takes_the_place_of_the_shipped_one() {
    let text = ending("[money]\nprices = \"own.toml\"\ninternational = [\"BO\"]");
    let asked = Asked::new(&text);
    let ended = asked.check(&[]).await;
    assert!(
        ended.stderr.starts_with("money.prices: cannot read "),
        "{}",
        ended.stderr
    );
    std::fs::write(asked.folder.path().join("own.toml"), PRICES).unwrap();
    let ended = asked.check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn the_shipped_prices_are_right_as_a_file_of_ones_own() {
    let shipped = "../../deploy/prices/whatsapp-authentication-2026-10-01.toml";
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped);
    let text = ending(&format!(
        "[money]\nprices = \"{}\"\ninternational = [\"IN\", \"UA\"]",
        shipped.display()
    ));
    let ended = Asked::new(&text).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_price_file_tells_every_mistake_with_its_name() {
    let asked = Asked::new(&ending("[money]\nprices = \"own.toml\""));
    let wrong = PRICES
        .replace("EUR", "euro")
        .replace("0.0056", "0.00560001")
        .replace("[\"BO\"]", "[\"Bolivia\"]")
        .replace("authentication_international", "autentication_international");
    std::fs::write(asked.folder.path().join("own.toml"), wrong).unwrap();
    let ended = asked.check(&[]).await;
    let said: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(
        said,
        [
            "money.prices: own.toml: currency: must be three capital letters of ISO 4217, for example USD",
            "money.prices: own.toml: countries.BR.authentication: has more than six digits behind the point; millionths \
             are the least that is counted",
            "money.prices: own.toml: regions.The rest.countries[0]: must be two letters of ISO 3166, for example \"IN\"",
            "money.prices: own.toml: regions.The rest.autentication_international: is not a setting; did you mean \
             authentication_international?",
        ]
    );
    std::fs::write(asked.folder.path().join("own.toml"), "currency = ").unwrap();
    let said = asked.check(&[]).await.stderr;
    assert!(
        said.starts_with("money.prices: own.toml: line 1, column 12: "),
        "{said}"
    );
}

#[tokio::test]
async fn prices_that_contradict_each_other_are_told_by_the_file() {
    let asked = Asked::new(&ending("[money]\nprices = \"own.toml\""));
    let wrong = format!("{PRICES}[regions.Twin]\ncountries = [\"BO\"]\nauthentication = \"0\"\n");
    std::fs::write(
        asked.folder.path().join("own.toml"),
        wrong.replace("2026-07-01", "July"),
    )
    .unwrap();
    let said = asked.check(&[]).await.stderr;
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "money.prices: as_of: must be a day such as 2026-10-01",
            "money.prices: regions: Twin: a price is 0.00, must be above zero and at most 4503599627.370496",
            "money.prices: regions: Twin: BO is in another region, too",
        ]
    );
}

#[tokio::test]
async fn each_mistake_about_money_is_one_line_with_the_path_of_its_key() {
    for (from, to, path, advice) in [
        (
            "per = \"all\"",
            "per = \"al\"",
            "day.per: ",
            "must be \"all\", or a list of",
        ),
        (
            "per = \"all\"",
            "per = []",
            "day.per: ",
            "must be \"all\", or a list of",
        ),
        (
            "per = \"all\"",
            "per = [\"phone\"]",
            "day.per[0]: ",
            "must be \"app\", \"country\" or",
        ),
        ("\"50.00\"", "50.00", "day.amount: ", "a text in quotes, not a number"),
        (
            "\"50.00\"",
            "\"50,00\"",
            "day.amount: ",
            "must be a plain decimal number",
        ),
        ("\"day\"", "\"week\"", "day.window: ", "\"hour\", \"day\" or \"month\""),
        ("budgets.day", "budgets.Day", "Day: ", "must be 1 to 32"),
        (
            "window",
            "action = \"stop\"\nwindow",
            "day.action: ",
            "\"refuse\" or \"shadow\"",
        ),
        (
            "window",
            "soft_percent = -1\nwindow",
            "day.soft_percent: ",
            "must be a whole number",
        ),
        (
            "window",
            "currency = \"EUR\"\nwindow",
            "day.currency: ",
            "is not a setting",
        ),
    ] {
        let said = mistakes(&BUDGET.replace(from, to)).await;
        let path = format!("money.budgets.{path}");
        assert!(said.starts_with(&path) && said.contains(advice), "{to}: {said}");
        assert_eq!(said.lines().count(), 1, "{to}: {said}");
    }
    for (line, begins) in [
        (
            "international = [\"BR\"]",
            "money.international: BR has no international price in the table",
        ),
        (
            "international = [\"India\"]",
            "money.international[0]: must be two letters",
        ),
        ("price = \"x\"", "money.price: is not a setting; did you mean prices?"),
        ("prices = 7", "money.prices: must be a text in quotes"),
    ] {
        let said = mistakes(&format!("[money]\n{line}")).await;
        assert!(said.starts_with(begins), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{line}: {said}");
    }
}

#[tokio::test]
async fn budgets_that_do_not_fit_are_told_all_at_once() {
    let said = mistakes(
        "[money.budgets.guard]\nper = \"all\"\namount = \"0\"\nwindow = \"day\"\nsoft_percent = 101\n\
         [money.budgets.small]\nper = [\"country\"]\namount = \"0.0067\"\nwindow = \"day\"\n\
         [money.budgets.hour]\nper = \"all\"\namount = \"60\"\nwindow = \"hour\"\napps = [\"shoop\"]\n\
         [money.budgets.day]\nper = \"all\"\namount = \"50\"\nwindow = \"day\"",
    )
    .await;
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "money.budgets.small.amount: is less than one message to BR, which costs 0.0068",
            "money.budgets.hour.apps: there is no app shoop",
            "money.budgets.guard.name: is the name of a rule that is built in",
            "money.budgets.guard.amount: is nothing; to send nothing, allow no country or leave the app out",
            "money.budgets.guard.soft_percent: is 101, must be 1 to 100",
            "money.budgets.hour.amount: is never reached: day counts the same messages and ends at 50.00",
        ]
    );
}

#[tokio::test]
async fn a_budget_says_what_it_is_missing() {
    let said = mistakes("[money.budgets.day]\n").await;
    for key in ["per", "amount", "window"] {
        assert!(said.contains(&format!("money.budgets.day.{key}: is missing")), "{said}");
    }
}
