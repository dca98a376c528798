//! Templates that miners work on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use synod_node_core::{BlockTemplate, Chosen};

/// The most templates remembered; work on an older one is refused as stale.
pub const MAX_TEMPLATES: usize = 64;

/// The templates given out last, by their id.
#[derive(Default)]
pub struct Templates {
    recent: Mutex<Recent>,
    /// The list of transactions that was written last, for all templates that hold them.
    listed: Mutex<Option<(Arc<Chosen>, Bytes)>>,
    /// The answer with such a list that was written last, and its template. There is one: it may
    /// have eight megabytes.
    full: Mutex<Option<(Arc<Given>, Answer)>>,
}

#[derive(Default)]
struct Recent {
    templates: VecDeque<Arc<Given>>,
    count: u64,
}

/// A template that was given out.
pub struct Given {
    /// Names it.
    pub id: String,
    /// The template.
    pub template: BlockTemplate,
    /// Its answer without transactions as it was written last.
    answer: Mutex<Option<Answer>>,
}

/// An answer as it was written.
struct Answer {
    /// Names what the answer says to wait for.
    longpoll_id: String,
    json: Bytes,
}

impl Templates {
    /// Remembers a template; one that asks for the same work as another that is remembered is
    /// that one.
    pub fn insert(&self, template: BlockTemplate) -> Arc<Given> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = recent.templates.iter().rev();
        if let Some(known) = newest_first.find(|it| it.template.is_same_work(&template)) {
            return Arc::clone(known);
        }
        recent.count += 1;
        let tip = template.previous_block_hash.to_string();
        let given = Arc::new(Given {
            id: format!("{}-{}", &tip[tip.len() - 8..], recent.count),
            template,
            answer: Mutex::new(None),
        });
        recent.templates.push_back(Arc::clone(&given));
        if recent.templates.len() > MAX_TEMPLATES {
            recent.templates.pop_front();
        }
        given
    }

    /// Finds a template.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Given>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.templates.iter().find(|known| known.id == id);
        found.map(Arc::clone)
    }

    /// Returns the list of a template's transactions as it was written before, or writes it.
    ///
    /// # Errors
    /// As `write`.
    pub fn listed<E>(
        &self,
        chosen: &Arc<Chosen>,
        write: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        // Whoever wants the same list meanwhile waits for it.
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, json)) = listed.as_ref()
            && Arc::ptr_eq(known, chosen)
        {
            return Ok(json.clone());
        }
        let json = write()?;
        *listed = Some((Arc::clone(chosen), json.clone()));
        Ok(json)
    }

    /// Returns a template's answer with its transactions that was written for the same
    /// `longpoll_id`, or writes it.
    ///
    /// # Errors
    /// As `write`.
    pub fn full_answer<E>(
        &self,
        given: &Arc<Given>,
        longpoll_id: &str,
        write: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let mut kept = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, answer)) = kept.as_ref()
            && Arc::ptr_eq(known, given)
            && answer.longpoll_id == longpoll_id
        {
            return Ok(answer.json.clone());
        }
        let json = write()?;
        *kept = Some((Arc::clone(given), Answer::new(longpoll_id, &json)));
        Ok(json)
    }
}

impl Given {
    /// Returns the answer without transactions that was written for the same `longpoll_id`, or
    /// writes it: so all long polls for the same work share one.
    ///
    /// # Errors
    /// As `write`.
    pub fn answer<E>(
        &self,
        longpoll_id: &str,
        write: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        // Whoever wants the same answer meanwhile waits for it.
        let mut kept = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref()
            && known.longpoll_id == longpoll_id
        {
            return Ok(known.json.clone());
        }
        let json = write()?;
        *kept = Some(Answer::new(longpoll_id, &json));
        Ok(json)
    }
}

impl Answer {
    fn new(longpoll_id: &str, json: &Bytes) -> Self {
        Self {
            longpoll_id: longpoll_id.to_owned(),
            json: json.clone(),
        }
    }
}
