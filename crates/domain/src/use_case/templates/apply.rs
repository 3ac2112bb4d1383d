//! Bringing one account into agreement with what an app describes: in as few orders as Meta's rules allow, and so that
//! it may end at any of them.
//!
//! A round places every order that is due. What is uncertain after it, because an answer was lost or because several
//! languages were ordered at once, is looked at before anything is ordered again.

use crate::ports::{CatalogError, Clock, TemplateCatalog, TemplateOrder, TemplateReceipt};
use crate::sender::AccountId;
use crate::template::plan::entry_of;
use crate::template::{
    Action, ButtonTexts, CatalogEntry, Difference, Plan, PlanStep, Template, TemplateId, TemplateStatus, plan,
};
use crate::use_case::templates::explain::{Circumstances, Explanation, failure, not_editable};
use crate::use_case::templates::manage::{AccountPlan, ApplyResult, TRIES_MAX, look};
use crate::use_case::templates::telling::Telling;

/// The apply of one account.
pub(super) struct Apply<'a> {
    catalog: &'a dyn TemplateCatalog,
    clock: &'a dyn Clock,
    account: &'a AccountId,
    wanted: &'a [Template],
    /// As last looked at.
    has: Vec<CatalogEntry>,
    steps: Vec<Step>,
    /// Whether the account may have changed since the last look.
    has_changed: bool,
    /// Whether steps that are not told yet may have been done since the last look.
    is_uncertain: bool,
}

struct Step {
    /// As it was planned, and as it is told.
    planned: PlanStep,
    /// What is left of it, as last looked at.
    left: Action,
    /// Whether the provider did what was ordered.
    is_made: bool,
    /// The status it then answered with, until the next look tells more.
    answered: Option<TemplateStatus>,
    /// How many orders about it were not answered.
    lost: u8,
    /// It is not to be ordered together with others (any more).
    goes_alone: bool,
    is_told: bool,
}

/// One order. Templates and steps by their index.
struct Order {
    template: usize,
    /// At least one; exactly one but for an upsert.
    steps: Vec<usize>,
    kind: OrderKind,
}

#[derive(PartialEq, Eq)]
enum OrderKind {
    /// Make or change several at once.
    Upsert,
    /// Make one.
    Create,
    /// Change one.
    Edit(TemplateId),
}

/// Whether the round goes on after an order.
enum Round {
    GoesOn,
    Ends,
    /// Nothing more may be asked of the account.
    IsLast,
}

impl<'a> Apply<'a> {
    /// What has to be done in an account that has those templates.
    pub(super) fn new(
        catalog: &'a dyn TemplateCatalog,
        clock: &'a dyn Clock,
        account: &'a AccountId,
        wanted: &'a [Template],
        has: Vec<CatalogEntry>,
    ) -> Self {
        let steps = plan(wanted, &has, clock.now()).steps.into_iter().map(|planned| Step {
            left: planned.action.clone(),
            planned,
            is_made: false,
            answered: None,
            lost: 0,
            goes_alone: false,
            is_told: false,
        });
        Self {
            catalog,
            clock,
            account,
            wanted,
            steps: steps.collect(),
            has,
            has_changed: false,
            is_uncertain: false,
        }
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Does what has to be done, tells each step once, and answers with what is left.
    ///
    /// Ends: a round either tells steps, or makes them go alone, or counts a lost answer against them.
    pub(super) async fn run(mut self, telling: &mut Telling<'_>) -> AccountPlan {
        loop {
            self.tell_what_needs_no_order(telling);
            let orders = self.orders();
            if orders.is_empty() {
                break;
            }
            for order in orders {
                match self.place(&order, telling).await {
                    Round::GoesOn => {}
                    Round::Ends => break,
                    Round::IsLast => return self.left(),
                }
            }
            if self.is_uncertain
                && let Err(error) = self.look_again().await
            {
                self.give_up(&error, telling);
                return self.left();
            }
        }
        if self.has_changed {
            // When this look fails, too, what was answered to the orders has to do.
            let _ = self.look_again().await;
        }
        self.left()
    }

    fn tell_what_needs_no_order(&mut self, telling: &mut Telling<'_>) {
        for index in 0..self.steps.len() {
            let step = &self.steps[index];
            if step.is_told {
                continue;
            }
            let result = match &step.left {
                Action::Unchanged { .. } if step.was_ordered() => step.done(),
                Action::Unchanged { .. } | Action::Extra { .. } => ApplyResult::Unchanged,
                // What this apply made and may not finish before the review is done, and stays in what is left.
                Action::NotEditable { status, .. } if step.was_ordered() && *status == TemplateStatus::Pending => {
                    step.done()
                }
                Action::NotEditable { differences, status } => {
                    let is_other_category = differences.iter().any(Difference::is_category);
                    failed(not_editable(status, is_other_category))
                }
                Action::Create | Action::Edit { .. } if step.lost >= TRIES_MAX => {
                    let error = CatalogError::Unavailable("every order was lost".into());
                    failed(failure(&error, &self.circumstances(index), self.clock.now()))
                }
                Action::Create | Action::Edit { .. } => continue,
            };
            self.tell(index, result, telling);
        }
    }

    /// What is to be ordered now: for each template first what may go in one call, then the others one by one.
    fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        for (index, template) in self.wanted.iter().enumerate() {
            let open = |step: &usize| {
                let step = &self.steps[*step];
                !step.is_told && step.planned.template == template.name
            };
            let open: Vec<_> = (0..self.steps.len()).filter(open).collect();
            let (mut together, mut alone): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|step| self.may_go_together(template, *step));
            // Alone a template is made by the call that is known to take all of it.
            if together.len() == 1 {
                alone.append(&mut together);
                alone.sort_unstable();
            }
            if !together.is_empty() {
                orders.push(Order {
                    template: index,
                    steps: together,
                    kind: OrderKind::Upsert,
                });
            }
            let alone = alone.into_iter().filter_map(|step| {
                Some(Order {
                    template: index,
                    steps: vec![step],
                    kind: self.steps[step].order()?,
                })
            });
            orders.extend(alone);
        }
        orders
    }

    /// Whether a step may share a call with others: not with labels of its own, which that call does not take; not to
    /// change a message life, which it may ignore; and not when Meta may refuse it, and with it the whole call.
    fn may_go_together(&self, template: &Template, index: usize) -> bool {
        let step = &self.steps[index];
        let texts = template.button_texts.get(&step.planned.language);
        if step.goes_alone || texts.is_some_and(|it| *it != ButtonTexts::default()) {
            return false;
        }
        match &step.left {
            Action::Create => true,
            Action::Edit {
                differences,
                refused_until,
                ..
            } => refused_until.is_none() && !differences.iter().any(Difference::is_message_life),
            Action::Unchanged { .. } | Action::NotEditable { .. } | Action::Extra { .. } => false,
        }
    }

    async fn place(&mut self, order: &Order, telling: &mut Telling<'_>) -> Round {
        let error = match self.ordered(order).await {
            Ok(receipts) => {
                self.take_note(order, &receipts, telling);
                return Round::GoesOn;
            }
            Err(error) => error,
        };
        match &error {
            CatalogError::Unavailable(_) | CatalogError::Gone => {
                for step in &order.steps {
                    self.steps[*step].lost += 1;
                }
                self.has_changed = true;
                self.is_uncertain = true;
                Round::Ends
            }
            CatalogError::Throttled { .. } | CatalogError::Denied(_) | CatalogError::NotHeld => {
                self.give_up(&error, telling);
                Round::IsLast
            }
            CatalogError::Refused(_) | CatalogError::NotOffered => {
                for step in &order.steps {
                    if order.kind == OrderKind::Upsert {
                        // One of them may be the reason, so each is tried alone, and the others do not suffer for it.
                        self.steps[*step].goes_alone = true;
                    } else {
                        let why = failure(&error, &self.circumstances(*step), self.clock.now());
                        self.tell(*step, failed(why), telling);
                    }
                }
                Round::GoesOn
            }
        }
    }

    async fn ordered(&self, order: &Order) -> Result<Vec<TemplateReceipt>, CatalogError> {
        let languages = order.steps.iter().map(|it| self.steps[*it].planned.language.clone());
        let what = TemplateOrder {
            template: self.wanted[order.template].clone(),
            languages: languages.collect(),
        };
        match &order.kind {
            OrderKind::Upsert => self.catalog.upsert(self.account, &what).await,
            OrderKind::Create => self.catalog.create(self.account, &what).await.map(|it| vec![it]),
            OrderKind::Edit(id) => self.catalog.edit(self.account, id, &what).await.map(|()| Vec::new()),
        }
    }

    fn take_note(&mut self, order: &Order, receipts: &[TemplateReceipt], telling: &mut Telling<'_>) {
        self.has_changed = true;
        for index in &order.steps {
            let step = &mut self.steps[*index];
            let receipt = receipts.iter().find(|it| it.language == step.planned.language);
            // Of an edit nothing is answered, and Meta reviews what was edited.
            step.answered = Some(receipt.map_or(TemplateStatus::Pending, |it| it.status.clone()));
            step.is_made = true;
            step.goes_alone = true;
            if order.kind == OrderKind::Upsert {
                // Whether all of it was taken, only a look tells.
                self.is_uncertain = true;
            } else {
                let done = step.done();
                self.tell(*index, done, telling);
            }
        }
    }

    async fn look_again(&mut self) -> Result<(), CatalogError> {
        self.has = look(self.catalog, self.account).await?;
        // What is described comes first, and in the same order, whatever the account has.
        let now = plan(self.wanted, &self.has, self.clock.now());
        let are_same = |step: &Step, now: &PlanStep| {
            (&step.planned.template, &step.planned.language) == (&now.template, &now.language)
        };
        for (step, now) in self.steps.iter_mut().zip(now.steps) {
            if are_same(step, &now) {
                step.left = now.action;
                step.answered = None;
            }
        }
        self.has_changed = false;
        self.is_uncertain = false;
        Ok(())
    }

    /// Nothing more is asked of the account: everything that is not told yet has failed, unless it was done.
    fn give_up(&mut self, error: &CatalogError, telling: &mut Telling<'_>) {
        for index in 0..self.steps.len() {
            let step = &self.steps[index];
            if step.is_told {
                continue;
            }
            let result = if step.is_made {
                step.done()
            } else {
                failed(failure(error, &self.circumstances(index), self.clock.now()))
            };
            self.tell(index, result, telling);
        }
    }

    fn circumstances(&self, index: usize) -> Circumstances {
        let step = &self.steps[index];
        let entry = entry_of(&self.has, &step.planned.template, &step.planned.language);
        let refused_until = match step.left {
            Action::Edit { refused_until, .. } => refused_until,
            _ => None,
        };
        Circumstances {
            status: entry.map(|it| it.status.clone()),
            refused_until,
            was_made: step.is_made,
        }
    }

    fn tell(&mut self, index: usize, result: ApplyResult, telling: &mut Telling<'_>) {
        let step = &mut self.steps[index];
        step.is_told = true;
        telling.tell(self.account, &step.planned, result);
    }

    /// What is left: as last looked at, and what was done since as it was answered.
    fn left(self) -> AccountPlan {
        let Self {
            account,
            wanted,
            has,
            steps,
            has_changed,
            clock,
            ..
        } = self;
        let plan = if has_changed {
            let steps = steps.into_iter().map(|step| PlanStep {
                action: match step.answered {
                    Some(status) => Action::Unchanged { status },
                    None => step.left,
                },
                ..step.planned
            });
            Plan { steps: steps.collect() }
        } else {
            plan(wanted, &has, clock.now())
        };
        AccountPlan {
            account: account.clone(),
            plan,
        }
    }
}

impl Step {
    /// Whether the provider may have done something about it in this apply.
    const fn was_ordered(&self) -> bool {
        self.is_made || self.lost > 0
    }

    /// The order that does it, if one does.
    fn order(&self) -> Option<OrderKind> {
        match &self.left {
            Action::Create => Some(OrderKind::Create),
            Action::Edit { id, .. } => Some(OrderKind::Edit(id.clone())),
            Action::Unchanged { .. } | Action::NotEditable { .. } | Action::Extra { .. } => None,
        }
    }

    fn done(&self) -> ApplyResult {
        match self.planned.action {
            Action::Create => ApplyResult::Created,
            Action::Edit { .. } => ApplyResult::Edited,
            Action::Unchanged { .. } | Action::NotEditable { .. } | Action::Extra { .. } => ApplyResult::Unchanged,
        }
    }
}

fn failed(Explanation { why, retry_at }: Explanation) -> ApplyResult {
    ApplyResult::Failed { why, retry_at }
}
