//! 64 callers at three instances at once, under quotas that are much too small for them: never one more verification
//! than a quota allows, and not one less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_grpc::{Client, reason, v1};
use countersign_simulator::{Fate, Pace, PricingType, Scenario};
use countersign_testkit::wait::eventually;
use tokio::task::JoinSet;
use tonic_types::StatusExt;

use crate::common::calls::{check, start};
use crate::common::crowd::phone;
use crate::scene::{PRICE, Scene, Setting, assert_limited, from};

const CALLERS: u64 = 64;
const INSTANCES: usize = 3;

/// What came of all the starts.
#[derive(Default)]
struct Book {
    /// Phone, purpose and address of each that was opened.
    opened: Vec<(String, String, String)>,
    joined: u64,
    /// How often each rule refused.
    refused: BTreeMap<String, u64>,
    contended: u64,
}

async fn fleet(limits: &str, tables: &str) -> Scene {
    Scene::set(Setting {
        limits,
        tables,
        instances: INSTANCES,
        ..Setting::default()
    })
    .await
}

/// Lets every caller make so many starts, one after the other, at the instances in turn.
async fn hammer(
    scene: &Scene,
    each: u64,
    request: impl Fn(u64, u64) -> v1::StartVerificationRequest + Send + Sync + 'static,
) -> Book {
    let mut clients = Vec::new();
    for caller in 0..CALLERS {
        let serve = &scene.serves[usize::try_from(caller).unwrap() % INSTANCES];
        clients.push(serve.client().await);
    }
    let request = Arc::new(request);
    let mut callers = JoinSet::new();
    for (caller, client) in (0..).zip(clients) {
        let request = Arc::clone(&request);
        callers.spawn(async move {
            let mut book = Book::default();
            for turn in 0..each {
                book.note(&client, request(caller, turn)).await;
            }
            book
        });
    }
    let mut all = Book::default();
    for book in callers.join_all().await {
        all.add(book);
    }
    println!(
        "{} starts: {} opened, {} joined, refused {:?}, {} lost every race",
        CALLERS * each,
        all.opened.len(),
        all.joined,
        all.refused,
        all.contended
    );
    all
}

impl Book {
    async fn note(&mut self, client: &Client, request: v1::StartVerificationRequest) {
        let named = request.recipient.clone().unwrap();
        let address = request.client.clone().unwrap().ip_address;
        let status = match start(client, request).await {
            Ok(answer) if answer.outcome() == v1::StartOutcome::Joined => return self.joined += 1,
            Ok(_) => return self.opened.push((named.phone, named.purpose, address)),
            Err(status) => status,
        };
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
        match info.reason.as_str() {
            reason::LIMIT_REACHED => *self.refused.entry(info.metadata["rule"].clone()).or_default() += 1,
            reason::CONTENDED => self.contended += 1,
            _ => panic!("{status:?}"),
        }
    }

    fn add(&mut self, other: Self) {
        let Self {
            opened,
            joined,
            refused,
            contended,
        } = other;
        self.opened.extend(opened);
        self.joined += joined;
        for (rule, count) in refused {
            *self.refused.entry(rule).or_default() += count;
        }
        self.contended += contended;
    }

    /// How many were opened for each of what `part` tells apart.
    fn opened_by(&self, part: impl Fn(&(String, String, String)) -> &String) -> BTreeMap<&String, u64> {
        let mut counts = BTreeMap::new();
        for opened in &self.opened {
            *counts.entry(part(opened)).or_default() += 1;
        }
        counts
    }
}

/// Demands that just what was opened was sent: a message for each, and to nobody else.
async fn assert_sent(scene: &Scene, book: &Book) {
    let opened = u64::try_from(book.opened.len()).unwrap();
    let messages = scene.meta.phone.wait_until(opened).await;
    let sent: BTreeSet<_> = messages.iter().map(|it| it.to.clone()).collect();
    let wanted: BTreeSet<_> = book.opened.iter().map(|it| it.0.clone()).collect();
    assert_eq!(sent, wanted);
    assert_eq!(scene.meta.phone.accepted(), opened);
}

/// A phone of nobody else's for each turn of each caller.
fn own_phone(caller: u64, turn: u64) -> String {
    phone(caller * 100 + turn)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_gets_one_more_than_its_rate_over_three_instances_and_each_gets_all_of_it() {
    let rule = "[limits.rules.mine]\nkey = [\"client_ip\"]\nquotas = [\"7/1d\"]\napplies_to = \"send\"";
    let scene = fleet(&format!("defaults = false\n{rule}"), "").await;
    let address = |number: u64| format!("203.0.113.{}", number % 8);
    let book = hammer(&scene, 8, move |caller, turn| {
        from(&own_phone(caller, turn), "sign_in", &address(caller + turn))
    })
    .await;
    let counts = book.opened_by(|it| &it.2);
    assert!(counts.len() == 8 && counts.values().all(|it| *it == 7), "{counts:?}");
    assert_sent(&scene, &book).await;
    for number in 0..8 {
        let next = from(&phone(9_999), "sign_in", &address(number));
        assert_eq!(scene.used("mine", next).await, 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_phone_gets_one_more_over_its_purposes_however_many_ask_for_it_at_once() {
    let rule = "[limits.rules.mine]\nkey = [\"phone\"]\nquotas = [\"1/month\"]\napplies_to = \"start\"";
    let scene = fleet(&format!("defaults = false\n{rule}"), "").await;
    // All of them ask for the same phone at about the same time, half of them for the other purpose.
    let book = hammer(&scene, 20, |caller, turn| {
        let purpose = if caller % 2 == 0 { "sign_in" } else { "payment" };
        from(&phone(turn), purpose, "")
    })
    .await;
    let counts = book.opened_by(|it| &it.0);
    assert!(counts.len() == 20 && counts.values().all(|it| *it == 1), "{counts:?}");
    assert_sent(&scene, &book).await;
    for (phone, purpose, _) in &book.opened {
        let other = if purpose == "sign_in" { "payment" } else { "sign_in" };
        scene.until_used("mine", from(phone, other, ""), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_over_everything_is_used_up_to_the_last_and_not_beyond() {
    let rules = "[limits.rules.starts]\nkey = \"everything\"\nquotas = [\"150/month\"]\napplies_to = \"start\"\n\
                 [limits.rules.sends]\nkey = [\"app\", \"purpose\"]\nquotas = [\"90/month\"]\napplies_to = \"send\"";
    let scene = fleet(&format!("defaults = false\n{rules}"), "").await;
    let book = hammer(&scene, 8, |caller, turn| {
        let purpose = if turn % 2 == 0 { "sign_in" } else { "payment" };
        from(&own_phone(caller, turn), purpose, "")
    })
    .await;
    assert_eq!(book.opened.len(), 150);
    let counts = book.opened_by(|it| &it.1);
    assert!(counts.values().all(|it| *it <= 90), "{counts:?}");
    assert_sent(&scene, &book).await;
    let mut sent = 0;
    for purpose in ["sign_in", "payment"] {
        let standings = scene.standings(from(&phone(9_999), purpose, "")).await;
        assert_eq!(standings["starts"].used, 150);
        let opened = counts.get(&purpose.to_owned()).copied().unwrap_or_default();
        assert_eq!(standings["sends"].used, i64::try_from(opened).unwrap());
        sent += standings["sends"].used;
    }
    assert_eq!(sent, 150);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_spent_to_the_last_message_that_fits_and_not_beyond() {
    // A hundred messages and a half.
    let money = "[money.budgets.all_of_it]\nper = \"all\"\namount = \"0.6834\"\nwindow = \"month\"";
    let scene = fleet("defaults = false", money).await;
    let book = hammer(&scene, 6, |caller, turn| from(&own_phone(caller, turn), "sign_in", "")).await;
    assert_eq!(book.opened.len(), 100);
    assert_eq!(book.refused.keys().collect::<Vec<_>>(), ["all_of_it"]);
    assert_sent(&scene, &book).await;
    let next = from(&phone(9_999), "sign_in", "");
    let standing = &scene.standings(next).await["all_of_it"];
    assert!(standing.refuses && standing.currency == "USD", "{standing:?}");
    assert_eq!(
        (standing.cost, standing.used, standing.left),
        (PRICE, 100 * PRICE, PRICE / 2)
    );
    let reserved = u64::try_from(100 * PRICE).unwrap();
    let series = r#"money_reserved_micros_total{app="shop",country="BR"}"#;
    scene.until_metric(series, reserved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_back_is_spent_anew_and_never_is_more_taken_than_there_is() {
    const ROOM: i64 = 20;
    let money = "[money.budgets.purse]\nper = \"all\"\namount = \"0.136\"\nwindow = \"month\"";
    let scene = fleet("defaults = false", money).await;
    // Of a hundred messages the first are free, the next fail once they were accepted, and the rest is billed.
    let pace = Pace::instant();
    let free = Fate::usual(pace).billed(PricingType::FreeEntryPoint);
    let failed = Fate::failed(131_026, Duration::ZERO);
    let [free, failed, usual] = [(30, free), (30, failed), (100, Fate::usual(pace))];
    for (times, fate) in [free, failed, usual] {
        scene.meta.controls.add_scenario(Scenario::next(times).fate(fate));
    }
    let next = || from(&phone(9_999), "sign_in", "");
    let mut opened = 0;
    for round in 0.. {
        let request = move |caller, turn| from(&own_phone(caller, round * 2 + turn), "sign_in", "");
        opened += hammer(&scene, 2, request).await.opened.len();
        let used = scene.used("purse", next()).await;
        assert!(used <= ROOM * PRICE, "{used}");
        if opened == 80 {
            break;
        }
        assert!(opened < 80 && round < 40, "{opened} opened after {round} rounds");
        // What was free or failed comes back, until there were enough of those.
        eventually("that something comes back", async || {
            (scene.used("purse", next()).await < ROOM * PRICE).then_some(())
        })
        .await;
    }
    scene.until_used("purse", next(), ROOM * PRICE).await;
    let [reserved, billed] = [80, 20].map(|it: i64| u64::try_from(it * PRICE).unwrap());
    for (series, wanted) in [
        (r#"money_reserved_micros_total{app="shop",country="BR"}"#, reserved),
        (r#"money_cleared_micros_total{app="shop"}"#, reserved),
        (r#"money_billed_micros_total{app="shop"}"#, billed),
    ] {
        scene.until_metric(series, wanted).await;
    }
    assert_eq!(scene.meta.phone.accepted(), 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_of_numbers_has_no_more_unfinished_codes_than_the_guard_lets_and_a_finished_one_makes_room() {
    const ROOM: u64 = 20;
    let scene = Scene::set(Setting {
        guard: "action = \"refuse\"",
        instances: INSTANCES,
        ..Setting::default()
    })
    .await;
    // All of these differ in their last four digits only.
    let book = hammer(&scene, 4, |caller, turn| from(&own_phone(caller, turn), "sign_in", "")).await;
    assert_eq!(u64::try_from(book.opened.len()).unwrap(), ROOM);
    assert_eq!(book.refused.keys().collect::<Vec<_>>(), ["unfinished_per_block"]);
    assert_sent(&scene, &book).await;
    let next = from(&phone(9_999), "sign_in", "");
    let status = start(&scene.client, next.clone()).await.unwrap_err();
    assert_limited(&status, "unfinished_per_block", "number_block");
    assert_eq!(scene.used("unfinished_per_block", next.clone()).await, 20);
    for (phone, purpose, _) in book.opened.iter().take(5) {
        let joined = start(&scene.client, from(phone, purpose, "")).await.unwrap();
        let code = scene.meta.phone.code_for(phone).unwrap();
        let id = joined.verification.unwrap().id;
        assert_eq!(check(&scene.client, &id, &code).await, v1::CheckOutcome::Approved);
    }
    scene.until_used("unfinished_per_block", next.clone(), 15).await;
    let book = hammer(&scene, 4, |caller, turn| {
        from(&own_phone(caller, 10 + turn), "sign_in", "")
    })
    .await;
    assert_eq!(book.opened.len(), 5);
    assert_eq!(scene.used("unfinished_per_block", next).await, 20);
}
