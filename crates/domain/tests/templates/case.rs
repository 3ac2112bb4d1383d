//! A description and an account as they may be found, drawn from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::ports::TemplateCatalog;
use countersign_domain::template::{
    ButtonKind, ButtonText, CatalogEntry, Category, Language, MessageLife, Said, SeenContent, Template, TemplateName,
    TemplateSettings, TemplateStatus,
};
use countersign_testkit::catalog::{Habits, Review, Unsaid, agreeing_entry};
use countersign_testkit::fixture::{language, now};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::world::{World, account};

/// A description, and an account as it may be found.
pub(crate) struct Case {
    pub(crate) templates: Vec<Template>,
    pub(crate) habits: Habits,
    entries: Vec<Found>,
}

/// A template that the account has, had, or edited lately.
struct Found {
    entry: CatalogEntry,
    was_edited_an_hour_ago: bool,
    /// Its name is locked for that.
    was_deleted: bool,
}

const LANGUAGES: [&str; 8] = ["en_US", "pt_BR", "es", "fr", "de", "ar", "hi", "id"];

fn settings(random: &mut StdRng, number: usize) -> TemplateSettings {
    let count = random.random_range(1..=6);
    let languages: Vec<_> = LANGUAGES.sample(random, count).map(|it| (*it).to_owned()).collect();
    let button = *["copy_code", "one_tap", "zero_tap"].choose(random).unwrap();
    let hands_over = button != "copy_code";
    let mut texts = |likely: bool| {
        let languages = languages.iter().filter(|_| likely && random.random_ratio(1, 4));
        languages.map(|it| (it.clone(), format!("Own {it}"))).collect()
    };
    let (copy_texts, autofill_texts) = (texts(true), texts(hands_over));
    let apps = if hands_over { random.random_range(1..=3) } else { 0 };
    TemplateSettings {
        name: format!("t{number}"),
        security_recommendation: random.random(),
        footer_minutes: random.random_bool(0.7).then(|| random.random_range(1..=90)),
        button: button.to_owned(),
        supported_apps: (0..apps)
            .map(|it| (format!("com.app{it}"), "K8a/AINcGX7".to_owned()))
            .collect(),
        zero_tap_terms_accepted: button == "zero_tap",
        copy_texts,
        autofill_texts,
        languages,
        message_life_seconds: *[30, 300, 600, 900].choose(random).unwrap(),
        ..TemplateSettings::default()
    }
}

fn status(random: &mut StdRng) -> TemplateStatus {
    let rare = [
        TemplateStatus::Disabled,
        TemplateStatus::InAppeal,
        TemplateStatus::PendingDeletion,
        TemplateStatus::Deleted,
        TemplateStatus::LimitExceeded,
        TemplateStatus::Archived,
        TemplateStatus::Locked,
        TemplateStatus::Other("NEW".to_owned()),
    ];
    match random.random_range(0..10) {
        0..=5 => TemplateStatus::Approved,
        6 => TemplateStatus::Rejected,
        7 => TemplateStatus::Paused,
        8 => TemplateStatus::Pending,
        _ => rare.choose(random).unwrap().clone(),
    }
}

fn change(random: &mut StdRng, content: &mut SeenContent, life: &mut Said<MessageLife>) {
    if random.random_ratio(1, 3) {
        content.security_recommendation = Said::Yes(random.random());
    }
    if random.random_ratio(1, 3) {
        content.footer_minutes = Said::Yes(random.random_bool(0.5).then_some(7));
    }
    if random.random_ratio(1, 3) {
        *life = Said::Yes(MessageLife::Unlimited);
    }
    let Some(button) = &mut content.button else { return };
    if random.random_ratio(1, 4) {
        button.kind = Said::Yes(*[ButtonKind::CopyCode, ButtonKind::OneTap].choose(random).unwrap());
    }
    if random.random_ratio(1, 4) {
        button.apps = Said::Yes(Vec::new());
    }
    if random.random_ratio(1, 4) {
        button.copy_text = Some("Somebody's own".to_owned());
    }
}

fn found(random: &mut StdRng, template: &Template, language: &Language) -> Found {
    let mut entry = agreeing_entry(template, language);
    let was_deleted = random.random_ratio(1, 12);
    if !was_deleted {
        entry.status = status(random);
        change(random, &mut entry.content, &mut entry.message_life);
        if random.random_ratio(1, 20) {
            entry.category = Category::Other;
        }
    }
    let was_edited_an_hour_ago = random.random_ratio(1, 5);
    if was_edited_an_hour_ago {
        entry.changed_at = Some(now().minus(Duration::from_secs(3_600)));
    }
    Found {
        entry,
        was_edited_an_hour_ago,
        was_deleted,
    }
}

impl Case {
    pub(crate) fn new(seed: u64) -> Self {
        let random = &mut StdRng::seed_from_u64(seed);
        let templates: Vec<_> = (0..random.random_range(1..=3))
            .map(|number| Template::new(settings(random, number)).unwrap())
            .collect();
        let mut entries = Vec::new();
        for template in &templates {
            let mut languages = template.languages.clone();
            // One that is not described, if it is not.
            languages.extend((!languages.contains(&language("hi"))).then(|| language("hi")));
            for language in languages {
                if random.random_ratio(1, 2) {
                    entries.push(found(random, template, &language));
                }
            }
        }
        let all = [
            Unsaid::SecurityRecommendation,
            Unsaid::FooterMinutes,
            Unsaid::ButtonKind,
            Unsaid::ButtonTexts,
            Unsaid::Apps,
            Unsaid::MessageLife,
            Unsaid::ChangedAt,
        ];
        let says_all = random.random_ratio(2, 3);
        let unsaid = all.into_iter().filter(|_| !says_all && random.random_ratio(1, 3));
        let habits = Habits {
            unsaid: unsaid.collect(),
            review: *[Review::AtOnce, Review::ByHand].choose(random).unwrap(),
            ignores_message_life_in_upserts: random.random(),
            withholds_previews: false,
        };
        Self {
            templates,
            habits,
            entries,
        }
    }

    pub(crate) async fn world(&self) -> World {
        let world = World::of(self.templates.clone());
        for Found {
            entry,
            was_edited_an_hour_ago,
            was_deleted,
        } in &self.entries
        {
            world.catalog.seed(&account(), entry.clone());
            if *was_edited_an_hour_ago && let Some(at) = entry.changed_at {
                world.catalog.note_edits(&account(), &entry.id, &[at]);
            }
            if *was_deleted {
                let id = Some(entry.id.clone());
                world.catalog.delete(&account(), &entry.name, id).await.unwrap();
            }
        }
        world.catalog.behave(|it| *it = self.habits.clone());
        world
    }

    pub(crate) fn template(&self, name: &TemplateName) -> &Template {
        self.templates.iter().find(|it| it.name == *name).unwrap()
    }

    /// Whether an entry truly is as described, apart from what its provider does not tell.
    pub(crate) fn agrees(&self, entry: &CatalogEntry) -> bool {
        let template = self.template(&entry.name);
        let is_said = |it: Unsaid| !self.habits.unsaid.contains(&it);
        let described = agreeing_entry(template, &entry.language);
        let (has, wanted) = (&entry.content, &described.content);
        let button = |it: &SeenContent| it.button.clone().unwrap();
        let apps = |it: &SeenContent| match button(it).apps {
            Said::Yes(apps) => apps.into_iter().collect::<BTreeSet<_>>(),
            Said::No => BTreeSet::new(),
        };
        let texts = template.button_texts.get(&entry.language);
        let own_copy = texts.and_then(|it| it.copy.as_ref()).map(ButtonText::as_str);
        // Of a button to copy nobody compares the apps it does not have.
        let compares_apps = template.button.apps().is_some();
        (!is_said(Unsaid::SecurityRecommendation) || has.security_recommendation == wanted.security_recommendation)
            && (!is_said(Unsaid::FooterMinutes) || has.footer_minutes == wanted.footer_minutes)
            && (!is_said(Unsaid::MessageLife) || entry.message_life == described.message_life)
            && (!is_said(Unsaid::ButtonKind) || button(has).kind == button(wanted).kind)
            && (!is_said(Unsaid::Apps) || !compares_apps || apps(has) == apps(wanted))
            && (!is_said(Unsaid::ButtonTexts) || own_copy.is_none() || button(has).copy_text.as_deref() == own_copy)
    }
}
