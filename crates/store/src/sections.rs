//! The sections of a plan, as epics and features.

use std::collections::HashMap;

use crate::planned::PlannedDocument;
use crate::{StoreError, Tx};

/// Where a section path belongs: its epic, and its feature if it has one.
pub(crate) type Places = HashMap<Vec<String>, (String, Option<String>)>;

impl Tx {
    /// Writes the sections as epics and features; answers where each section path belongs.
    pub(crate) async fn write_sections(&mut self, planned: &PlannedDocument) -> Result<Places, StoreError> {
        let mut places = Places::new();
        let mut epics: HashMap<&str, String> = HashMap::new();
        for task in &planned.tasks {
            if places.contains_key(&task.section) {
                continue;
            }
            let Some(title) = task.section.first() else { continue };
            let position = i64::try_from(places.len()).unwrap_or(i64::MAX);
            let epic = match epics.get(title.as_str()) {
                Some(epic) => epic.clone(),
                None => {
                    let epic = format!("{}/epic-{}", planned.id, epics.len() + 1);
                    sqlx::query(
                        "INSERT INTO epics (id, document_id, title, position) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (id) DO UPDATE SET title = excluded.title, position = excluded.position",
                    )
                    .bind(&epic)
                    .bind(&planned.id)
                    .bind(title)
                    .bind(position)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(StoreError::during("write an epic"))?;
                    epics.insert(title, epic.clone());
                    epic
                }
            };
            let feature = match task.section.get(1) {
                None => None,
                Some(title) => {
                    let feature = format!("{epic}/feature-{}", places.len() + 1);
                    sqlx::query(
                        "INSERT INTO features (id, epic_id, title, position) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (id) DO UPDATE SET title = excluded.title, position = excluded.position",
                    )
                    .bind(&feature)
                    .bind(&epic)
                    .bind(title)
                    .bind(position)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(StoreError::during("write a feature"))?;
                    Some(feature)
                }
            };
            places.insert(task.section.clone(), (epic, feature));
        }
        Ok(places)
    }

    /// Removes the sections of a document in which no task stands any more.
    pub(crate) async fn drop_empty_sections(&mut self, document: &str) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM features WHERE epic_id IN (SELECT id FROM epics WHERE document_id = $1) AND id NOT IN \
             (SELECT feature_id FROM tasks WHERE document_id = $1 AND feature_id IS NOT NULL)",
            "DELETE FROM epics WHERE document_id = $1 AND id NOT IN \
             (SELECT epic_id FROM tasks WHERE document_id = $1 AND epic_id IS NOT NULL) AND id NOT IN \
             (SELECT epic_id FROM features)",
        ] {
            sqlx::query(statement)
                .bind(document)
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("remove a section"))?;
        }
        Ok(())
    }
}
