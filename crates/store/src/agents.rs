//! The agent definitions that the dispatcher found: where they are, so that others read the same ones.

use crate::change::get;
use crate::{Store, StoreError, Tx};

/// A definition that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its file.
    pub path: String,
    /// What the file's content hashes to.
    pub hash: String,
    /// When it was last found changed.
    pub updated_at_ms: i64,
}

impl Tx {
    /// Makes the table what was found: definitions that are gone are removed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn replace_agents(&mut self, found: &[AgentRow]) -> Result<(), StoreError> {
        let doing = || StoreError::during("keep agent definitions");
        let known: Vec<(String,)> =
            sqlx::query_as("SELECT name FROM agents").fetch_all(&mut *self.inner).await.map_err(doing())?;
        for (name,) in known.iter().filter(|(name,)| found.iter().all(|agent| agent.name != *name)) {
            sqlx::query("DELETE FROM agents WHERE name = $1")
                .bind(name)
                .execute(&mut *self.inner)
                .await
                .map_err(doing())?;
        }
        for agent in found {
            sqlx::query(
                "INSERT INTO agents (name, description, path, hash, updated_at_ms) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (name) DO UPDATE SET description = excluded.description, path = excluded.path, \
                 hash = excluded.hash, updated_at_ms = excluded.updated_at_ms \
                 WHERE agents.hash <> excluded.hash OR agents.path <> excluded.path",
            )
            .bind(&agent.name)
            .bind(&agent.description)
            .bind(&agent.path)
            .bind(&agent.hash)
            .bind(agent.updated_at_ms)
            .execute(&mut *self.inner)
            .await
            .map_err(doing())?;
        }
        Ok(())
    }
}

impl Store {
    /// The definitions that were found, by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        sqlx::query("SELECT name, description, path, hash, updated_at_ms FROM agents ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read agent definitions"))?
            .iter()
            .map(|row| {
                Ok(AgentRow {
                    name: get(row, "name")?,
                    description: get(row, "description")?,
                    path: get(row, "path")?,
                    hash: get(row, "hash")?,
                    updated_at_ms: get(row, "updated_at_ms")?,
                })
            })
            .collect()
    }
}
