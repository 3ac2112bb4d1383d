//! Where templates are managed: at the template service that was named, or at one in this process that works as a
//! configuration file says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::app::{Apps, Caller};
use countersign_domain::id::CallerId;
use countersign_domain::use_case::ManageTemplates;
use countersign_grpc::{TemplatesClient, local_templates};
use countersign_whatsapp::CloudApi;

use crate::cli::TemplatesArgs;
use crate::client::connect_templates;
use crate::client::failure::Failure;
use crate::config::{self, Settings};
use crate::environment::Environment;
use crate::system::SystemClock;

/// How long a call may take: somewhat longer than the service lets it.
const CALL_TIMEOUT: Duration = Duration::from_secs(70);
/// The app of `dev`.
const DEFAULT_APP: &str = "demo";

/// A client of the service, and the app it is asked about.
pub(super) struct Desk {
    pub(super) client: TemplatesClient,
    pub(super) app: String,
    /// What stands behind a command's name to ask the same desk again: ` --app shop`.
    pub(super) again: String,
}

/// Opens the desk that the command line names.
pub(super) async fn open(args: &TemplatesArgs, environment: &Environment) -> Result<Desk, Failure> {
    let Some(file) = &args.config else {
        let app = args.app.clone().unwrap_or_else(|| DEFAULT_APP.to_owned());
        let client = connect_templates(&args.client, environment, CALL_TIMEOUT).await?;
        let again = args.app.as_ref().map(|it| format!(" --app {it}")).unwrap_or_default();
        return Ok(Desk { client, app, again });
    };
    let settings = config::load(file, environment).map_err(Failure::Misconfigured)?;
    let app = chosen_app(args.app.as_deref(), &settings.rulebook.apps, file)?;
    let given = args.app.as_ref().map(|it| format!(" --app {it}")).unwrap_or_default();
    let client = at_meta(settings)?;
    let again = format!(" --config {}{given}", file.display());
    Ok(Desk { client, app, again })
}

/// The app that was wanted, or the only one of the file.
fn chosen_app(wanted: Option<&str>, apps: &Apps, file: &Path) -> Result<String, Failure> {
    let names: Vec<_> = apps.iter().map(|(id, _)| id.as_str()).collect();
    let problem = match (wanted, names.as_slice()) {
        (None, [only]) => return Ok((*only).to_owned()),
        (None, _) => "has several apps".to_owned(),
        (Some(name), names) if names.contains(&name) => return Ok(name.to_owned()),
        (Some(name), _) => format!("has no app {name:?}"),
    };
    let (file, names) = (file.display(), names.join(", "));
    let mistake = format!("{file} {problem}; name one with --app: {names}");
    Err(Failure::Misconfigured(vec![mistake]))
}

/// The use case over the provider, for somebody who may do everything. It keeps nothing, so no store is opened.
fn at_meta(settings: Settings) -> Result<TemplatesClient, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Unreachable(error.to_string());
    let rulebook = Arc::new(settings.rulebook);
    let provider = Arc::new(CloudApi::new(&settings.whatsapp).map_err(|error| failed(&error))?);
    let caller = Caller {
        operates: false,
        id: CallerId::parse("command_line").map_err(|error| failed(&error))?,
        apps: rulebook.apps.iter().map(|(id, _)| id.clone()).collect(),
        manages_templates: true,
    };
    let manage = Arc::new(ManageTemplates::new(&rulebook, provider, Arc::new(SystemClock)));
    Ok(local_templates(&manage, caller))
}
