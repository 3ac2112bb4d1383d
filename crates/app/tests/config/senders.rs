//! Senders and identities: one number in the app, or a table of them; and one line for each mistake with them.

use crate::asked::{Asked, BAD, Wrong, assert_one_line_each, with};

/// The one sender of the right configuration.
const ONE: &str = "phone_number_id = \"106540352242922\"\nthroughput = 1000\n";
/// Its token, its secret, and the line after them.
const CREDENTIALS: &str =
    "token = { file = \"token\" }\napp_secret = { file = \"app_secret\" }\n\n[apps.shop.template]";
/// Where a second app may stand.
const CALLERS: &str = "[callers.shop]";

/// The app without a sender of its own, and these lines where a table of senders may stand.
fn table(app: &str, tables: &str) -> String {
    let credentials = CREDENTIALS.replace("[apps.shop.template]", &format!("{tables}\n[apps.shop.template]"));
    with(&[(ONE, app), (CREDENTIALS, &credentials)])
}

/// The same, and the app without credentials of its own.
fn table_alone(tables: &str) -> String {
    with(&[(ONE, ""), (CREDENTIALS, &format!("{tables}\n[apps.shop.template]"))])
}

/// A second app that sends from these lines, with everything else it needs.
fn bank(sender: &str) -> String {
    format!(
        "[apps.bank]\n{sender}\n[apps.bank.template]\nname = \"verification_code\"\nlanguages = [\"en_US\"]\n\
         [apps.bank.policy]\ncountries = [\"BR\"]\n[apps.bank.purposes.sign_in]\n\n{CALLERS}"
    )
}

async fn assert_right(text: &str) {
    let ended = Asked::new(text).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{text}");
}

async fn assert_one_line(text: &str, path: &str, advice: &str) {
    let ended = Asked::new(text).check(&[]).await;
    let said = ended.stderr;
    assert_eq!(ended.code, BAD, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with(path) && said.contains(advice),
        "{path}… {advice}: {said}"
    );
}

#[tokio::test]
async fn several_senders_may_share_what_the_app_says() {
    let senders = "[apps.shop.senders.first]\nphone_number_id = \"1001\"\nweight = 1\n\
        [apps.shop.senders.second]\nphone_number_id = \"1002\"\nweight = 1000\nthroughput = 1\naccount = \"other\"\n";
    assert_right(&table("", senders)).await;
    assert_right(&table("throughput = 250\naccount = \"1029384756\"\n", senders)).await;
}

#[tokio::test]
async fn each_sender_may_prove_itself() {
    let senders = "[apps.shop.senders.first]\nphone_number_id = \"1001\"\ntoken = { file = \"token\" }\n\
        [apps.shop.senders.second]\nphone_number_id = \"1002\"\ntoken = { file = \"store_password\" }\n\
        app_secret = { file = \"app_secret\" }\n";
    assert_right(&table_alone(senders)).await;
    assert_right(&table("", senders)).await;
}

#[tokio::test]
async fn two_apps_may_send_from_one_number_that_is_the_same_at_both() {
    let credentials = "token = { file = \"token\" }\napp_secret = { file = \"app_secret\" }\n";
    let alone = format!("phone_number_id = \"106540352242922\"\nthroughput = 1000\naccount = \"shop\"\n{credentials}");
    assert_right(&with(&[(CALLERS, &bank(&alone))])).await;
    let among_others = format!(
        "account = \"shop\"\n{credentials}[apps.bank.senders.shared]\nphone_number_id = \"106540352242922\"\n\
         throughput = 1000\nweight = 7\n[apps.bank.senders.own]\nphone_number_id = \"1002\"\n"
    );
    assert_right(&with(&[(CALLERS, &bank(&among_others))])).await;
}

#[tokio::test]
async fn each_mistake_with_the_sender_of_an_app_has_one_line() {
    let one = |to: &'static str, path: &'static str, advice: &'static str| -> Wrong { (ONE, to, path, advice) };
    assert_one_line_each(&[
        one(
            "phone_number_id = 106540352242922\n",
            "apps.shop.phone_number_id: ",
            "must be a text in quotes",
        ),
        one(
            "phone_number_id = \"\"\n",
            "apps.shop.phone_number_id: ",
            "digits only, and not the number itself",
        ),
        one(
            "phone_number_id = \"shop\"\n",
            "apps.shop.phone_number_id: ",
            "digits only, and not the number itself",
        ),
        one(
            "phone_number_id = \"1001\"\nthroughput = 0\n",
            "apps.shop.throughput: ",
            "is 0, must be 1 to 1000",
        ),
        one(
            "phone_number_id = \"1001\"\nthroughput = 1001\n",
            "apps.shop.throughput: ",
            "is 1001, must be 1 to 1000",
        ),
        one(
            "phone_number_id = \"1001\"\nthroughput = \"80\"\n",
            "apps.shop.throughput: ",
            "must be a whole number",
        ),
        one(
            "phone_number_id = \"1001\"\naccount = \"my account\"\n",
            "apps.shop.account: ",
            "1 to 64 characters of a-z",
        ),
        one(
            "phone_number_id = \"1001\"\nweight = 5\n",
            "apps.shop.weight: ",
            "the app has one; take it out",
        ),
        one(
            "phone_number_id = \"1001\"\ntroughput = 80\n",
            "apps.shop.troughput: ",
            "did you mean throughput?",
        ),
        one("senders = \"1001\"\n", "apps.shop.senders: ", "must be a table"),
    ])
    .await;
}

#[tokio::test]
async fn each_mistake_with_a_table_of_senders_has_one_line() {
    let first = "[apps.shop.senders.first]\nphone_number_id = \"1001\"\n";
    let second = |lines: &str| format!("{first}[apps.shop.senders.second]\n{lines}");
    let path = |key: &str| format!("apps.shop.senders.second.{key}: ");
    for (app, tables, path, advice) in [
        (
            ONE,
            first.to_owned(),
            "apps.shop.phone_number_id: ".to_owned(),
            "take it out here",
        ),
        (
            "weight = 5\n",
            first.to_owned(),
            "apps.shop.weight: ".to_owned(),
            "into each sender",
        ),
        (
            "",
            "[apps.shop.senders]\n".to_owned(),
            "apps.shop.senders: ".to_owned(),
            "name at least one",
        ),
        ("", second("weight = 5\n"), path("phone_number_id"), "is missing"),
        (
            "",
            second("phone_number_id = \"+5511987654321\"\n"),
            path("phone_number_id"),
            "and not the number itself",
        ),
        (
            "",
            second("phone_number_id = \"1001\"\n"),
            path("phone_number_id"),
            "is that of apps.shop.senders.first, too; name a number once",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\nweight = 0\n"),
            path("weight"),
            "is 0, must be 1 to 1000",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\nweight = 1001\n"),
            path("weight"),
            "is 1001, must be 1 to 1000",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\nthroughput = -80\n"),
            path("throughput"),
            "is -80, must be 1 to 1000",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\naccount = \"\"\n"),
            path("account"),
            "1 to 64 characters of a-z",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\nwieght = 5\n"),
            path("wieght"),
            "did you mean weight?",
        ),
        (
            "",
            second("phone_number_id = \"1002\"\ntoken = { file = \"nowhere\" }\n"),
            path("token"),
            "cannot read ",
        ),
        ("", format!("{first}[apps.shop]\n"), "line ".to_owned(), "duplicate key"),
    ] {
        assert_one_line(&table(app, &tables), &path, advice).await;
    }
}

#[tokio::test]
async fn what_senders_have_of_their_app_is_one_mistake_where_it_is_written() {
    let both = "[apps.shop.senders.first]\nphone_number_id = \"1001\"\n\
        [apps.shop.senders.second]\nphone_number_id = \"1002\"\n";
    let nowhere = table("", both).replace("token = { file = \"token\" }", "token = { file = \"nowhere\" }");
    assert_one_line(&nowhere, "apps.shop.token: ", "cannot read ").await;

    let asked = Asked::new(&table("", both));
    std::fs::write(asked.folder.path().join("token"), "two\nlines\n").unwrap();
    let said = asked.check(&[]).await.stderr;
    assert_eq!(said, "apps.shop.token: must be one line of printable characters\n");

    // Without a token of the app each sender lacks its own.
    let ended = Asked::new(&table_alone(both)).check(&[]).await;
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!((ended.code, lines.len()), (BAD, 2), "{lines:#?}");
    for (line, path) in lines
        .iter()
        .zip(["apps.shop.senders.first.token: ", "apps.shop.senders.second.token: "])
    {
        assert!(line.starts_with(path) && line.contains("{ file = "), "{line}");
    }
}

#[tokio::test]
async fn a_number_that_differs_from_app_to_app_is_said_with_both_places() {
    let same = "phone_number_id = \"106540352242922\"\nthroughput = 1000\naccount = \"shop\"\n\
        token = { file = \"token\" }\napp_secret = { file = \"app_secret\" }\n";
    for (from, to, path, advice) in [
        (
            "file = \"token\"",
            "file = \"store_password\"",
            "apps.bank.phone_number_id: ",
            "is that of apps.shop, too, with another token or app_secret",
        ),
        (
            "app_secret = { file = \"app_secret\" }\n",
            "",
            "apps.bank.phone_number_id: ",
            "with another token or app_secret",
        ),
        (
            "throughput = 1000\n",
            "",
            "apps.bank.throughput: ",
            "is 80 here and 1000 at apps.shop, for one number; write the same at both",
        ),
        (
            "account = \"shop\"\n",
            "",
            "apps.bank.account: ",
            "is \"bank\" here and \"shop\" at apps.shop, for one number; write the same at both",
        ),
    ] {
        assert_eq!(same.matches(from).count(), 1, "{from}");
        assert_one_line(&with(&[(CALLERS, &bank(&same.replace(from, to)))]), path, advice).await;
    }
}

#[tokio::test]
async fn an_identity_memory_is_a_day_to_400_days_or_off() {
    let policy = |line: &str| format!("countries = [\"BR\"]\n{line}");
    let app = |line: &str| with(&[("countries = [\"BR\"]", &policy(line))]);
    for memory in ["24h", "2160h", "9600h", "0s"] {
        assert_right(&app(&format!("identity_memory = \"{memory}\""))).await;
    }
    let off = with(&[
        ("countries = [\"BR\"]", &policy("identity_memory = \"2160h\"")),
        (
            "[apps.shop.purposes.payment]",
            "[apps.shop.purposes.payment]\nidentity_memory = \"0s\"",
        ),
    ]);
    assert_right(&off).await;

    let path = "apps.shop.policy.identity_memory: ";
    for (memory, advice) in [
        ("\"23h\"", "is 82800 s, must be 86400 to 34560000 s"),
        ("\"9601h\"", "must be 86400 to 34560000 s"),
        ("\"90 days\"", "must be a span such as"),
        ("2160", "must be a text in quotes"),
    ] {
        assert_one_line(&app(&format!("identity_memory = {memory}")), path, advice).await;
    }
    let purpose = with(&[(
        "[apps.shop.purposes.payment]",
        "[apps.shop.purposes.payment]\nidentity_memory = \"1h\"",
    )]);
    assert_one_line(
        &purpose,
        "apps.shop.purposes.payment.identity_memory: ",
        "must be 86400 to 34560000 s",
    )
    .await;
}
