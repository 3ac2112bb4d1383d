//! What messages are written with: the choice of a start, and what takes its place when it cannot go out.

use crate::app::App;
use crate::id::AppId;
use crate::policy::{OnDrift, Policy};
use crate::recipient::Detour;
use crate::template::{Audience, Pick};
use crate::time::Timestamp;
use crate::use_case::Senders;
use crate::use_case::senders::departure::Departure;

impl Senders {
    /// What a start is written with: the best that can go out now; else, if the policy would rather try than refuse, the
    /// best of which only the board thinks that it cannot; or else the best of all. `None` when the app has no template
    /// that would do.
    pub(in crate::use_case) fn pick<'a>(
        &self,
        id: &AppId,
        app: &'a App,
        audience: &Audience<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Pick<'a>> {
        let picks = app.templates.picks(audience);
        let first = |regardless: bool| {
            let can_go = |pick: &&Pick<'a>| {
                let departure = Departure {
                    id,
                    app,
                    template: &pick.template.name,
                    language: pick.language,
                    language_step: pick.step,
                    policy,
                    regardless,
                };
                self.standing(departure, now).is_none()
            };
            picks.iter().find(can_go)
        };
        let tries = policy.on_drift == OnDrift::Alarm;
        let pick = first(false).or_else(|| first(true).filter(|_| tries));
        pick.or(picks.first()).copied()
    }

    /// Another template or language that some sender can send in place of one that none can.
    pub(in crate::use_case) fn rewording(&self, departure: Departure<'_>, now: Timestamp) -> Option<Detour> {
        let Departure {
            app,
            template,
            language,
            language_step,
            ..
        } = departure;
        let others = app.templates.others(template, language, language_step);
        let can_go = |pick: &Pick<'_>| {
            let departure = Departure {
                template: &pick.template.name,
                language: pick.language,
                language_step: pick.step,
                ..departure
            };
            let mut known = self.known();
            let mut senders = departure.app.senders.iter();
            senders.any(|it| self.hindrance(&mut known, departure, it, now).is_none())
        };
        let other = others.into_iter().find(can_go)?;
        Some(Detour::Wording(other.wording()))
    }

    /// The same departure, regardless of what the board thinks of its template, when nothing else could carry the
    /// message in time and the policy would rather try than refuse. What [`Senders::pick`] would do now, for a message
    /// that was picked already.
    pub(in crate::use_case) fn resigned<'a>(&self, departure: Departure<'a>, now: Timestamp) -> Departure<'a> {
        let regardless = departure.policy.on_drift == OnDrift::Alarm
            && self.standing(departure, now).is_some()
            && self.rewording(departure, now).is_none();
        Departure {
            regardless,
            ..departure
        }
    }
}
