//! `serve` and `check-config`: the service as a configuration says.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{CheckConfigArgs, ConfigArgs};
use crate::config;
use crate::environment::Environment;
use crate::service::Service;
use crate::telemetry;

/// The exit code of a bad configuration (`EX_USAGE`).
const BAD_CONFIGURATION: u8 = 64;

/// Runs the service until SIGTERM or Ctrl-C. Ends with 64 on a bad configuration and with 1 when it cannot start.
pub(crate) async fn run(args: &ConfigArgs, environment: &Environment) -> ExitCode {
    let settings = match config::load(&args.config, environment) {
        Ok(settings) => settings,
        Err(mistakes) => return say_mistakes(&mistakes),
    };
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => {
            eprintln!("countersign: cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(mistake) = telemetry::start(settings.log_format, environment) {
        return say_mistakes(&[mistake]);
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let service = match Service::bind(settings).await {
        Ok(service) => service,
        Err(error) => {
            eprintln!("countersign: {error}");
            return ExitCode::FAILURE;
        }
    };
    match (service.grpc_address(), service.http_address()) {
        (Ok(grpc), Ok(http)) => tracing::info!(%grpc, %http, "listening"),
        _ => return ExitCode::FAILURE,
    }
    service.run(stop).await;
    ExitCode::SUCCESS
}

/// Says everything that is wrong with a configuration.
pub(crate) fn check_config(args: &CheckConfigArgs, environment: &Environment) -> ExitCode {
    let path = &args.config.config;
    let checked = config::load(path, environment);
    if args.json {
        let (mistakes, warnings) = match &checked {
            Ok(settings) => (&[][..], settings.warnings.as_slice()),
            Err(mistakes) => (mistakes.as_slice(), &[][..]),
        };
        println!(
            "{:#}",
            serde_json::json!({ "mistakes": mistakes, "warnings": warnings })
        );
        return if checked.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(BAD_CONFIGURATION)
        };
    }
    match checked {
        Ok(settings) => {
            settings.warnings.iter().for_each(|warning| println!("note: {warning}"));
            println!("{} is right", path.display());
            ExitCode::SUCCESS
        }
        Err(mistakes) => say_mistakes(&mistakes),
    }
}

/// Listens for SIGTERM and Ctrl-C from now on, and becomes ready at the first of them. Call it before anything is
/// written or said, so that a signal that comes early ends the process in order, too.
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn say_mistakes(mistakes: &[String]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    ExitCode::from(BAD_CONFIGURATION)
}
