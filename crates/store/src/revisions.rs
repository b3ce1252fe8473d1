//! The history of a plan file: every content that was synced, who wrote it, and what it changed of which task.
//!
//! A content is kept whole now and then, and otherwise as what differs from the one before: many small edits of a large
//! file stay small.

use crate::change::get;
use crate::planned::FieldChange;
use crate::{Store, StoreError, Tx, texts};

/// At most so many contents hang on one that is kept whole.
const CHAIN: usize = 128;

/// A content of a plan file, without the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// Its number.
    pub revision: i64,
    /// The hash of its content.
    pub hash: String,
    /// `person`, `person:<name>` or `sync-daemon`.
    pub actor: String,
    /// When it was synced.
    pub at_ms: i64,
    /// What it changed.
    pub changes: Vec<FieldChange>,
    /// Whether its content is kept.
    pub kept: bool,
}

/// A revision to be written down.
pub(crate) struct NewRevision<'a> {
    pub(crate) document: &'a str,
    pub(crate) revision: i64,
    pub(crate) hash: &'a str,
    pub(crate) text: Option<&'a str>,
    pub(crate) actor: &'a str,
    pub(crate) changes: &'a [FieldChange],
    pub(crate) now_ms: i64,
}

impl Tx {
    pub(crate) async fn was_seen(&mut self, document: &str, hash: &str) -> Result<bool, StoreError> {
        was_seen(&mut *self.inner, document, hash).await
    }

    pub(crate) async fn record_revision(&mut self, new: NewRevision<'_>) -> Result<(), StoreError> {
        let NewRevision { document, revision, hash, text, actor, changes, now_ms } = new;
        let kept = match text {
            None => None,
            Some(text) => Some(self.packed(document, revision, text).await?),
        };
        sqlx::query(
            "INSERT INTO document_revisions (document_id, revision, hash, actor, at_ms, whole, content, changes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(document)
        .bind(revision)
        .bind(hash)
        .bind(actor)
        .bind(now_ms)
        .bind(kept.as_ref().map(|(whole, _)| i64::from(*whole)))
        .bind(kept.map(|(_, content)| content))
        .bind(crate::keepable(&serde_json::to_string(changes).unwrap_or_default()))
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note a revision"))?;
        Ok(())
    }

    /// A content as it is kept, and whether that is whole.
    async fn packed(&mut self, document: &str, revision: i64, text: &str) -> Result<(bool, String), StoreError> {
        let packed = |text: &str| {
            texts::pack(text).map_err(|error| StoreError::Database {
                doing: "pack a plan",
                source: sqlx::Error::Encode(Box::new(error)),
            })
        };
        let rows = chain(&mut *self.inner, document, revision - 1).await?;
        if rows.len() < CHAIN
            && let Some(before) = unpacked(&rows, revision - 1)
        {
            let difference = texts::difference(&before, text);
            if difference.len() <= text.len() / 4 {
                return Ok((false, packed(&difference)?));
            }
        }
        Ok((true, packed(text)?))
    }
}

impl Store {
    /// Whether a content of a document was ever synced.
    ///
    /// # Errors
    /// The database failed.
    pub async fn was_synced(&self, document: &str, hash: &str) -> Result<bool, StoreError> {
        was_seen(&self.pool, document, hash).await
    }

    /// The revisions of a document, newest first, before the revision `before` (0: from the newest), at most `limit`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revisions(&self, document: &str, before: i64, limit: i64) -> Result<Vec<RevisionRow>, StoreError> {
        sqlx::query(
            "SELECT revision, hash, actor, at_ms, changes, whole FROM document_revisions \
             WHERE document_id = $1 AND ($2 = 0 OR revision < $2) ORDER BY revision DESC LIMIT $3",
        )
        .bind(document)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read revisions"))?
        .iter()
        .map(|row| {
            let changes: Option<String> = get(row, "changes")?;
            let whole: Option<i64> = get(row, "whole")?;
            Ok(RevisionRow {
                revision: get(row, "revision")?,
                hash: get(row, "hash")?,
                actor: get(row, "actor")?,
                at_ms: get(row, "at_ms")?,
                changes: changes.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
                kept: whole.is_some(),
            })
        })
        .collect()
    }

    /// The content of a revision, byte for byte; `None`: there is no such revision, or its content was not kept.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revision_text(&self, document: &str, revision: i64) -> Result<Option<String>, StoreError> {
        Ok(unpacked(&chain(&self.pool, document, revision).await?, revision))
    }
}

/// The last content kept whole up to `revision`, and what makes that revision of it.
async fn chain<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    document: &str,
    revision: i64,
) -> Result<Vec<(i64, Option<String>)>, StoreError> {
    sqlx::query_as(
        "SELECT revision, content FROM document_revisions WHERE document_id = $1 AND revision <= $2 \
         AND revision >= (SELECT COALESCE(MAX(revision), $2 + 1) FROM document_revisions \
                          WHERE document_id = $1 AND revision <= $2 AND whole = 1) ORDER BY revision",
    )
    .bind(document)
    .bind(revision)
    .fetch_all(on)
    .await
    .map_err(StoreError::during("read a revision"))
}

/// The content of `revision`, which must be the last of these.
fn unpacked(rows: &[(i64, Option<String>)], revision: i64) -> Option<String> {
    let (first, rest) = rows.split_first()?;
    let mut text = texts::unpack(first.1.as_deref()?)?;
    for (_, packed) in rest {
        text = texts::applied(&text, &texts::unpack(packed.as_deref()?)?)?;
    }
    rows.last().is_some_and(|(last, _)| *last == revision).then_some(text)
}

async fn was_seen<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    document: &str,
    hash: &str,
) -> Result<bool, StoreError> {
    let (times,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM document_revisions WHERE document_id = $1 AND hash = $2")
            .bind(document)
            .bind(hash)
            .fetch_one(on)
            .await
            .map_err(StoreError::during("read revisions"))?;
    Ok(times > 0)
}
