//! The simulator alone: a phone in the browser and an endpoint that fills it. Prints its address and a command that
//! sends a code. Takes an address to listen on; without one it takes a free port on this machine.
//!
//! ```text
//! cargo run -p countersign-simulator --example phone [127.0.0.1:8090]
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_simulator::{Config, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:0").parse()?;
    let config = Config {
        magic_numbers: true,
        ..Config::new(Arc::new(now_ms))
    };
    let sender = config.phone_numbers[0].id.clone();
    let simulator = Simulator::bind(config, addr).await?;
    let address = simulator.local_addr();
    println!("phone: http://{address}/\n\nsend a code:\n");
    println!(
        r#"curl http://{address}/v26.0/{sender}/messages -H 'Authorization: Bearer simulator-token' -d '{{
  "messaging_product": "whatsapp", "to": "+5511987654321", "type": "template",
  "template": {{"name": "verification_code", "language": {{"code": "en_US"}}, "components": [
    {{"type": "body", "parameters": [{{"type": "text", "text": "482913"}}]}},
    {{"type": "button", "sub_type": "url", "index": "0", "parameters": [{{"type": "text", "text": "482913"}}]}}]}}}}'"#
    );
    simulator
        .run(async {
            // Without a signal to wait for, the phone stays until the process is ended.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example is its own application: it reads the clock for the simulator"
)]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
