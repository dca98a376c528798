//! Templates that miners work on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use synod_node_core::BlockTemplate;

/// The most templates remembered; work on an older one is refused as stale.
pub const MAX_TEMPLATES: usize = 64;

/// The templates given out last, by their id.
#[derive(Default)]
pub struct Templates {
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    templates: VecDeque<(String, Arc<BlockTemplate>)>,
    count: u64,
}

impl Templates {
    /// Remembers a template and returns its id.
    pub fn insert(&self, template: BlockTemplate) -> (String, Arc<BlockTemplate>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.count += 1;
        let tip = template.previous_block_hash.to_string();
        let id = format!("{}-{}", &tip[tip.len() - 8..], recent.count);
        let template = Arc::new(template);
        recent
            .templates
            .push_back((id.clone(), Arc::clone(&template)));
        if recent.templates.len() > MAX_TEMPLATES {
            recent.templates.pop_front();
        }
        (id, template)
    }

    /// Finds a template.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<BlockTemplate>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .templates
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, it)| Arc::clone(it))
    }
}
