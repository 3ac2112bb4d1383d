//! What the process writes down, at its most talkative: never a phone, a code or a token (R34).

use std::io;
use std::sync::{Arc, Mutex};

use countersign_grpc::v1;
use tracing_subscriber::filter::LevelFilter;

use crate::harness::{
    Api, RIVAL, SHOP, by_recipient, check_request, other_than, phone, recipient, start_for, start_request,
};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn at_trace_level_no_phone_no_code_and_no_token_is_written() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    // The runtime of this test has one thread, so every task of the server writes here.
    let guard = tracing::subscriber::set_default(subscriber);

    let api = Api::new().await;
    let (id, code) = api.open().await;
    let wrong = other_than(&code);
    api.guess(&id, &wrong).await;
    let malformed = "+55119;4567890123";
    api.start(start_for(malformed)).await.unwrap_err();
    let name = by_recipient(recipient("demo", phone().expose()));
    let foreign = v1::GetVerificationRequest {
        verification: Some(name),
    };
    api.rival.clone().get_verification(foreign).await.unwrap_err();
    api.stranger
        .clone()
        .check_verification(check_request(&id, &code))
        .await
        .unwrap_err();
    api.guess(&id, &code).await;
    api.start(start_request()).await.unwrap();
    drop(guard);

    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("TRACE"), "nothing was written at that level");
    assert!(
        written.contains("a call without valid credentials was refused"),
        "{written}"
    );
    let phone = phone();
    for secret in [&phone.expose()[1..], &malformed[1..], &code, &wrong, SHOP, RIVAL] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was written");
    }
}
